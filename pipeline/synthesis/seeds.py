"""Finds the functions of Python files, and keeps those that a problem can be made of.

The file is cut at its margin by the reader that also cuts completions. A function brings the imports, constants
and helpers that it reads; what is missing then, or comes from elsewhere, is no seed. Every function that is left
out has a reason.
"""

import ast
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pairsmith.pipeline.extraction.needs import find_missing, select_needed
from pairsmith.pipeline.extraction.readers import find_reader, join
from pairsmith.pipeline.extraction.statements import Statement, compiles
from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.problems.contamination import Benchmarks
from pairsmith.pipeline.publishing.scanning import has_secret
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.syntax.duplicates import Shingles, find_near
from pairsmith.pipeline.syntax.parsing import MAX_BYTES, ParseStatus, to_source
from pairsmith.pipeline.synthesis.source_files import SourceFile, is_allowed
from pairsmith.schemas.config.sampling import SeedsConfig
from pairsmith.schemas.synthesis import Seed

_NEAR_THRESHOLD = 0.7  # Jaccard similarity of functions from which the later one is left out
_MIN_LINES, _MAX_LINES = 3, 60  # of a function's code, its signature included
_MAX_TOKENS = 800  # of a function with the parts of its file that it needs
_WORDS = re.compile(r"[^\W\d_]{2,}")
_LEAST_WORDS = 3  # of documentation
_SILENT = ("None", "NoReturn", "Never")


@dataclass(frozen=True, slots=True)
class SourceFunction:
    """A function of a file."""

    name: str
    line: int
    code: str  # with what it needs; empty if `reason` explains why it is no seed
    reason: str
    is_typed: bool
    n_lines: int  # of the function itself


def find_functions(file: SourceFile) -> Iterator[SourceFunction]:
    """Give the functions at the margin of a file; broken pieces of one that can't be parsed are no functions."""
    if len(to_source(file.text)) > MAX_BYTES:
        return
    statements = find_reader("python").cut(file.text, False).statements
    for statement in statements:
        node = _definition(statement)
        if node is None:
            continue
        code, reason = "", why_not(node, statement.text)
        if not reason:
            is_dynamic = len(statement.binds) != 1 or statement.dynamic
            code, reason = ("", "dynamic") if is_dynamic else _alone(node.name, statements)
        n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
        line = _line_of(node.name, file.text)
        yield SourceFunction(node.name, line, code, reason, not reason and is_typed(node), n_lines)


def _definition(statement: Statement) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    if statement.kind != "definition":
        return None
    try:
        body = parse_python(statement.text).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    return next((node for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))), None)


def _line_of(name: str, text: str) -> int:
    """Return the first line, from 1, in which a function may be defined."""
    pattern = re.compile(rf"\b{re.escape(name)}\s*\(")
    return next((number for number, line in enumerate(text.split("\n"), 1) if pattern.search(line)), 1)


def why_not(node: ast.FunctionDef | ast.AsyncFunctionDef, text: str) -> str:
    """Return why a function is no seed, judged by the function alone.

    Args:
        text: the statement that defines it, with the comment above it.
    """
    lines = text.split("\n")
    documented = node.body[0] if ast.get_docstring(node) is not None else None
    n_documented = (documented.end_lineno or 0) - documented.lineno + 1 if documented is not None else 0
    n_lines = sum(bool(line.strip()) for line in lines[node.lineno - 1 : node.end_lineno]) - n_documented
    if n_lines < _MIN_LINES:
        return "too_short"
    if n_lines > _MAX_LINES:
        return "too_long"
    inner = list(ast.walk(node))
    if isinstance(node, ast.AsyncFunctionDef) or any(
        isinstance(part, (ast.Yield, ast.YieldFrom)) for part in inner
    ):
        return "async_or_generator"
    above = [line for line in lines[: node.lineno - 1] if line.lstrip().startswith("#")]
    if len(_WORDS.findall(ast.get_docstring(node) or "\n".join(above))) < _LEAST_WORDS:
        return "undocumented"
    gives = any(isinstance(part, ast.Return) and part.value is not None for part in inner)
    if not gives or (node.returns is not None and ast.unparse(node.returns) in _SILENT):
        return "no_value"
    return "test" if node.name.startswith("test") else ""


def is_typed(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether all parameters and the value have types."""
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return node.returns is not None and all(one.annotation is not None for one in every)


def _alone(name: str, statements: Sequence[Statement]) -> tuple[str, str]:
    """Return the code of a function with what it needs, and why it is not self-contained."""
    needed = select_needed(statements, name)
    reads = {word for statement in needed for word in statement.reads}
    kept = [
        statement
        for statement in needed
        if not (statement.kind == "setting" and statement.binds and statement.binds.isdisjoint(reads))
    ]
    if any(statement.dynamic for statement in kept):
        return "", "dynamic"
    reader = find_reader("python")
    code = reader.finish(join(kept))
    if find_missing(kept, reader.builtins):
        return "", "not_self_contained"
    if not compiles(code):
        return "", "does_not_parse_alone"
    return ("", "not_self_contained") if _imports_others(code) else (code, "")


def _imports_others(code: str) -> bool:
    modules = list[str]()
    for node in ast.walk(parse_python(code)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append("" if node.level else node.module or "")
    return not {module.partition(".")[0] for module in modules} <= sys.stdlib_module_names | {"__future__"}


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found.

    Attributes:
        seeds: kept ones, sorted by path and line.
        n_functions: all functions that were looked at.
        reasons: why the others were left out.
        n_files: files that were read.
    """

    seeds: tuple[Seed, ...]
    n_functions: int
    reasons: Counter[str]
    n_files: int


def collect_seeds(
    files: Iterable[SourceFile],
    config: SeedsConfig,
    benchmarks: Benchmarks | None = None,
    on_file: Callable[[], None] = lambda: None,
) -> Collected:
    """Return the seeds of files.

    Args:
        benchmarks: what must not be trained on; None for none.
    """
    reasons: Counter[str] = Counter()
    seeds: dict[str, Seed] = {}
    n_files = n_functions = 0
    for file in files:
        for function in find_functions(file):
            n_functions += 1
            seed, reason = _seed(file, function, config, benchmarks)
            if seed is not None and seed.seed_id in seeds:
                reason = "duplicate"
            elif seed is not None:
                seeds[seed.seed_id] = seed
            if reason:
                reasons[reason] += 1
        n_files += 1
        on_file()
    kept = _drop_near(list(seeds.values()), _NEAR_THRESHOLD, reasons)
    if config.limit is not None and len(kept) > config.limit:
        reasons["over_limit"] += len(kept) - config.limit
        kept = _in_turns(kept)[: config.limit]
    kept.sort(key=lambda seed: (seed.path, seed.line, seed.seed_id))
    return Collected(tuple(kept), n_functions, reasons, n_files)


def _seed(
    file: SourceFile, found: SourceFunction, config: SeedsConfig, benchmarks: Benchmarks | None
) -> tuple[Seed | None, str]:
    if found.reason:
        return None, found.reason
    if not is_allowed(file.license, frozenset(config.licenses), config.allow_unknown_license):
        return None, "license"
    analysis = analyse(found.code)
    if analysis.status is not ParseStatus.PARSED:
        return None, "does_not_parse_alone"
    if analysis.measures.n_tokens > _MAX_TOKENS:
        return None, "too_long"
    if has_secret(found.code):
        return None, "secret"
    renamed = analysis.fingerprints[2]
    if benchmarks is not None and (benchmarks.find_code(renamed) or benchmarks.find_prompt(found.code)):
        return None, "benchmark"
    identity = hashlib.sha256(json.dumps(["python", renamed]).encode()).hexdigest()[:32]
    return Seed(
        seed_id=identity,
        name=found.name,
        code=found.code,
        path=file.path,
        line=found.line,
        license=file.license,
        is_typed=found.is_typed,
        n_lines=found.n_lines,
        n_tokens=analysis.measures.n_tokens,
    ), ""


def _drop_near(seeds: Sequence[Seed], threshold: float, reasons: Counter[str]) -> list[Seed]:
    """Return the seeds without those near to one that comes before; typed ones come first."""
    ordered = sorted(seeds, key=lambda seed: (not seed.is_typed, seed.path, seed.line))
    shingles: list[Shingles] = [analyse(seed.code).shingles() or frozenset() for seed in ordered]
    out: set[int] = set()
    for left, right, _ in find_near(shingles, threshold):
        if left not in out:
            out.add(right)
    if out:
        reasons["near_duplicate"] += len(out)
    return [seed for place, seed in enumerate(ordered) if place not in out]


def _in_turns(seeds: Sequence[Seed]) -> list[Seed]:
    """Return seeds so that the first of each file come first, typed ones before the others."""
    turns: Counter[str] = Counter()
    turn_of: dict[str, int] = {}
    for seed in seeds:
        turns[seed.path] += 1
        turn_of[seed.seed_id] = turns[seed.path]
    return sorted(seeds, key=lambda seed: (not seed.is_typed, turn_of[seed.seed_id], seed.seed_id))
