"""Problems from what callers have: a record, a dict, a file, the name of a benchmark or of a Hub dataset."""

import ast
import builtins
import difflib
import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from pairsmith.pipeline.problems import loading
from pairsmith.pipeline.problems.conversion import TestSyntaxError, parse
from pairsmith.pipeline.problems.records import ProblemsError
from pairsmith.pipeline.problems.references import complete
from pairsmith.pipeline.problems.rows import RowError, read_rows
from pairsmith.pipeline.problems.sources.jsonl import COLUMNS, build_row
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.run.digests import digest
from pairsmith.schemas.config import ProblemsConfig, make_section
from pairsmith.schemas.config.evaluation import SOURCES, find_source
from pairsmith.schemas.problem import JudgedBy, Problem

if TYPE_CHECKING:
    from pairsmith.pipeline.api.judge import Judge

ProblemLike = Problem | Mapping[str, Any]
_RECORD = TypeAdapter(Problem)
_log = logging.getLogger("pairsmith")
# A column that only files of this benchmark have, first match first.
_MARKS = {
    "plus_input": "humaneval+", "test_list": "mbpp", "question_content": "livecodebench",
    "declaration": "humanevalpack", "input_output": "apps", "public_tests": "codecontests",
    "inputs": "evoeval", "canonical_solution": "humaneval",
}  # fmt: skip


def as_problem(given: ProblemLike) -> Problem:
    """Return the problem that a caller means.

    Args:
        given: a record, or a dict with the columns of own problems (`docs/problems.md`). `problem_id` and `prompt`
            may be left out, and `entry_point` where the tests call one function alone.

    Raises:
        ProblemsError: it is none: an unknown key (the nearest known one is named), a missing one, a bad value, or
            tests that nothing can judge.
    """
    if isinstance(given, Problem):
        return given
    if not isinstance(given, Mapping):
        raise ProblemsError(f"a problem must be a record or a dict, not {type(given).__name__}")
    if "judged_by" in given:  # a record as JSON, such as `pairsmith export` writes
        try:
            return _RECORD.validate_python(dict(given))
        except ValidationError as error:
            raise ProblemsError(f"{given.get('problem_id', 'problem')}: {error.errors()[0]['msg']}") from None
    row = {str(key): value for key, value in given.items() if value is not None}  # Arrow fills absent keys so
    row.setdefault("prompt", "")
    name = row.get("problem_id")
    try:
        if "tests" in row and "entry_point" not in row and row.get("language", "python") == "python":
            row["entry_point"] = _tested_function(row["tests"])
        row["problem_id"] = name if name is not None else f"inline/{_digest_of(row)}"
        problem, reason = build_row(row)
    except (RowError, TestSyntaxError) as error:
        raise ProblemsError(f"{name if name is not None else 'problem'}: {error}") from None
    if problem.judged_by is JudgedBy.NOTHING:
        raise ProblemsError(f"{name or 'problem'}: these tests can't be judged: {reason}")
    return problem


def load_problems(
    source: str | Path | Iterable[ProblemLike],
    *,
    limit: int | None = None,
    cache: Path | None = None,
    judge: "Judge | None" = None,
    log: Callable[[str], None] = _log.warning,
    **settings: Any,
) -> list[Problem]:
    """Return problems, sorted by id; those of an iterable in its order.

    Args:
        source: a benchmark (`humaneval`, `humaneval+`, `mbpp`, `mbpp+`, `EvoEval_subtle`, `starter`, ...), a file
            in one of their forms or of own JSONL, a Hub dataset `owner/name`, or an iterable of records and dicts.
        limit: problems at most; the first in natural order (`HumanEval/2` before `HumanEval/10`).
        cache: folder that published files are fetched into; `~/.cache/pairsmith` by default.
        judge: runs the references of benchmarks that hold inputs without answers; by default one of its own.
        log: takes a line for each row that is left out.
        settings: keys of `[problems]`, such as `split` or `columns` of a Hub dataset.

    Raises:
        ProblemsError: nothing is found there, or a dict of an iterable is no problem.
        SandboxError: the sandbox that references run in broke.
    """
    if not isinstance(source, str | Path):
        rows = list(source)
        if any(isinstance(row, Mapping) and _source_of(row) != "jsonl" for row in rows):
            return _load_published(rows, limit=limit, judge=judge, log=log, **settings)
        made = [as_problem(row) for row in rows]
        known = {problem.problem_id: problem for problem in reversed(made)}
        for problem in made:
            if problem != known[problem.problem_id]:
                raise ProblemsError(f"{problem.problem_id}: two different problems have this id")
        return made if limit is None else made[:limit]
    found = {**_source(str(source)), **settings}
    config = make_section(ProblemsConfig, {**found, **({} if limit is None else {"limit": limit})})
    loaded = loading.load_problems(config, starter_folder(), cache or Path.home() / ".cache" / "pairsmith")
    for line in loaded.faults():
        log(line)
    problems = list(loaded.problems)
    if loaded.pending:
        from pairsmith.pipeline.api.judge import borrowed  # which knows problems

        with borrowed(judge) as opened:
            completed = complete(loaded.pending, opened.pool)
        if completed.n_lost_inputs:
            log(f"{completed.n_lost_inputs} inputs left out: the reference gives no usable answer")
        problems += completed.problems
    return sorted(problems, key=lambda problem: problem.problem_id)


def _load_published(rows: list[Any], **settings: Any) -> list[Problem]:
    """Return the problems of rows that a benchmark's own loader reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problems.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return load_problems(path, **settings)


def _source(text: str) -> dict[str, Any]:
    """Return the settings that a text names: a benchmark, `name=file`, a file, or a Hub dataset."""
    name, equals, path = text.partition("=")
    if not Path(text).exists():
        found = find_source(name)
        if found:
            return {**found, **({"path": path} if equals else {})}
        if text.count("/") == 1 and not text.endswith((".jsonl", ".gz", ".json")):
            return {"source": "hub", "dataset": text}
        if near := difflib.get_close_matches(name, SOURCES, n=1):
            raise ProblemsError(f"{name}: neither a benchmark nor a file; did you mean {near[0]!r}?")
    _, row = next(iter(read_rows(Path(text))))  # names the file that is not there
    return {"source": _source_of(row) if isinstance(row, Mapping) else "jsonl", "path": text}


def _source_of(row: Mapping[str, Any]) -> str:
    """Return the collection whose columns a row has; own problems where it has those of none."""
    if set(row) <= set(COLUMNS):
        return "jsonl"
    found = next((source for column, source in _MARKS.items() if column in row), "jsonl")
    return "mbpp+" if found == "humaneval+" and str(row.get("task_id")).startswith("Mbpp/") else found


def _tested_function(tests: Any) -> str:
    """Return the one function that tests call and do not have themselves."""
    source = (
        "\n".join(tests) if isinstance(tests, list) and all(isinstance(test, str) for test in tests) else tests
    )
    tree = parse(source if isinstance(source, str) else "")
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.arg):
            bound.add(node.arg if isinstance(node, ast.arg) else node.name)
    called = {
        node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    } - bound
    names = sorted(name for name in called if not hasattr(builtins, name))
    if len(names) != 1:
        raise ProblemsError(
            f"no 'entry_point', and the tests call {', '.join(names) or 'no function'}: set 'entry_point'"
        )
    return names[0]


def _digest_of(row: Mapping[str, Any]) -> str:
    return digest(repr(sorted(row.items(), key=lambda item: item[0])))[:16]
