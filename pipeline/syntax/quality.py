"""Quality of a program in the five dimensions of CODAL, as far as it can be computed without a judge.

CODAL-Bench (Weyssow et al. 2024, "CodeUltraFeedback: An LLM-as-a-Judge Dataset for Aligning Large Language Models
to Coding Preferences", arXiv:2403.09032) names instruction following, explanation, complexity and efficiency,
readability and style. Each is a number in [0, 1], larger is better:

- instruction following: share of what the asked signature says that the program keeps: the names of the
  parameters, in order, their type hints where asked, and no printing or reading where nobody asked for it.
- explanation: mean of the share of functions with documentation and min(1, comment share / 0.19). 19% is the mean
  comment density of open source projects (Arafat and Riehle 2009, "The commenting practice of open source").
- complexity and efficiency: mean of min(1, 10 / cyclomatic), min(1, 15 / max(cognitive, 1)) and
  1 / max(loop depth, 1). 10 is McCabe's limit (1976), 15 SonarSource's default for cognitive complexity (Campbell
  2018); each loop in a loop multiplies the work.
- readability: 1 / (1 + exp(-z)), z = 8.87 - 0.033 volume + 0.40 lines - 1.5 entropy (Posnett, Hindle, Devanbu
  2011, "A simpler model of software readability").
- style: max(0, 1 - findings / lines), pylint's global evaluation with all weights 1, over the linter's findings;
  None where no linter reads the language.

Whether an algorithm is the right one, or an explanation is true, no formula can say.
"""

import ast
import functools
import json
import math
import re
import subprocess
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.candidate import Syntax
from pairsmith.schemas.problem import Problem

MEAN_COMMENT_SHARE = 0.19
CYCLOMATIC_LIMIT = 10
COGNITIVE_LIMIT = 15
_NOISE = ("print_in_function", "input_in_function")
_ASKS_NOISE = re.compile(r"\b(?:print|display|output|stdin|stdout|input\(\)|read from)\b", re.IGNORECASE)


def rate(row: Syntax, code: str, problem: Problem) -> Syntax:
    """Return a row with the five dimensions and their mean, each in [0, 1] or None where it can't be computed."""
    if not row.parsed or not row.n_lines:
        return row
    parts = {
        "instruction": _instruction(row, code, problem),
        "explanation": (row.documented_share + min(1.0, row.comment_share / MEAN_COMMENT_SHARE)) / 2,
        "complexity": _complexity(row),
        "readability": _readability(row),
        "style": _style(row, problem.language),
    }
    known = [value for value in parts.values() if value is not None]
    dimensions: dict[str, Any] = {f"quality_{name}": value for name, value in parts.items()}
    return replace(row, **dimensions, quality=sum(known) / len(known))


def _complexity(row: Syntax) -> float:
    return (
        min(1.0, CYCLOMATIC_LIMIT / max(row.cyclomatic, 1))
        + min(1.0, COGNITIVE_LIMIT / max(row.cognitive, 1))
        + 1.0 / max(row.loop_depth, 1)
    ) / 3


def _readability(row: Syntax) -> float:
    z = 8.87 - 0.033 * row.volume + 0.40 * row.n_lines - 1.5 * row.entropy
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, z))))


def _style(row: Syntax, language: str) -> float | None:
    if language != "python":
        return None
    findings = sum(int(finding.rpartition("=")[2]) for finding in row.lint)
    return max(0.0, 1.0 - findings / row.n_lines)


def _instruction(row: Syntax, code: str, problem: Problem) -> float | None:
    """Return how much of the asked signature is kept, in [0, 1]; None where no signature is known."""
    quiet = float(not any(tag in row.tags for tag in _NOISE) or bool(_ASKS_NOISE.search(problem.prompt)))
    asked = _signature(problem.continuation or problem.prompt, problem.entry_point)
    if problem.language != "python" or asked is None:
        return None
    given = _signature(code, problem.entry_point)
    if given is None:
        return 0.0
    names = float([name for name, _ in asked] == [name for name, _ in given])
    hinted = [(name, hint) for name, hint in asked if hint]
    kept = sum(pair in given for pair in hinted) / len(hinted) if hinted else 1.0
    return (names + kept + quiet) / 3


@functools.lru_cache(maxsize=4096)
def _signature(text: str, entry_point: str) -> tuple[tuple[str, str], ...] | None:
    """Return the parameters of a function, each with its hint, the result last; None where it isn't written."""
    header = re.search(rf"^(?:async\s+)?def\s+{re.escape(entry_point)}\s*\(", text, re.MULTILINE)
    if header is None:
        return None
    for end in re.finditer(r":[ \t]*(?:#.*)?$|:(?=[ \t]*\S)", text[header.start() :], re.MULTILINE):
        try:
            tree = parse_python(text[header.start() : header.start() + end.start()] + ": pass")
        except (SyntaxError, ValueError):
            continue
        (function,) = tree.body
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            found = [(part.arg, ast.unparse(part.annotation) if part.annotation else "") for part in arguments]
            return (*found, ("return", ast.unparse(function.returns) if function.returns else ""))
    return None


LIMIT_S = 300.0
_OPTIONS = "check --isolated --no-cache --quiet --exit-zero --output-format json-lines --target-version py311"


class LintError(PairsmithError):
    """ruff isn't there, or broke."""


def lint(codes: Sequence[str], rules: Sequence[str]) -> list[tuple[str, ...]]:
    """Return, for each program, `rule=count` of what was found, sorted by rule.

    Args:
        codes: Python programs; equal ones are computed once. One that doesn't parse has no findings.
        rules: prefixes of ruff's rules, such as `E` or `B006`. Nobody's own ruff configuration is read.

    Raises:
        LintError: if ruff isn't there, doesn't know a rule, or takes longer than five minutes.
    """
    distinct = {code: number for number, code in enumerate(dict.fromkeys(codes))}
    if not distinct or not rules:
        return [()] * len(codes)
    counts: list[Counter[str]] = [Counter() for _ in distinct]
    own = Path(sysconfig.get_path("scripts")) / "ruff"  # beside this Python, else the one that the shell finds
    command = [str(own) if own.exists() else "ruff", *_OPTIONS.split(), "--select", ",".join(rules), "."]
    with tempfile.TemporaryDirectory(prefix="pairsmith-lint-") as folder:
        for code, number in distinct.items():
            (Path(folder) / f"p{number}.py").write_bytes(code.encode("utf-8", "replace"))
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=LIMIT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LintError(f"ruff: {error}") from None
    if done.returncode:
        message = " ".join(done.stderr.decode(errors="replace").split())
        raise LintError(f"{message[:300]}; are all of syntax.lint_rules ruff's?")
    for line in done.stdout.splitlines():
        finding = json.loads(line)
        if finding["code"] is not None and finding["code"] != "invalid-syntax":
            counts[int(Path(finding["filename"]).stem[1:])][finding["code"]] += 1
    found = [tuple(f"{rule}={n}" for rule, n in sorted(count.items())) for count in counts]
    return [found[distinct[code]] for code in codes]
