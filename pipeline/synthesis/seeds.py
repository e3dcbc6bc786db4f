"""Finds the functions of source files, and keeps those that a problem can be made of.

The file is cut at its margin by the readers that also cut completions. A function brings the imports, constants
and helpers that it reads; what is missing then, or comes from elsewhere, is no seed. Every function that is left
out has a reason.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from tree_sitter import Node

from pairsmith.pipeline.extraction.needs import find_missing, select_needed
from pairsmith.pipeline.extraction.readers import find_reader, join
from pairsmith.pipeline.extraction.statements import Statement, compiles
from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.languages.table import find_grammar
from pairsmith.pipeline.problems.contamination import Benchmarks
from pairsmith.pipeline.publishing.scanning import has_secret
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.syntax.duplicates import Shingles, find_near
from pairsmith.pipeline.syntax.parsing import MAX_BYTES, ParseStatus, parse_source, to_source, walk_tree
from pairsmith.pipeline.synthesis.functions import SourceFunction, is_typed, static_methods, why_not
from pairsmith.pipeline.synthesis.source_files import SourceFile, is_allowed
from pairsmith.schemas.config.sampling import SeedsConfig
from pairsmith.schemas.synthesis import Seed

_NEAR_THRESHOLD = 0.7  # Jaccard similarity of functions from which the later one is left out
_OWN_INCLUDE = re.compile(r'^\s*#\s*include\s*"')


def find_functions(file: SourceFile, min_lines: int, max_lines: int) -> list[SourceFunction]:
    """Return the functions at the margin of a file; of Java the static methods.

    Args:
        min_lines: lines of a function at least, its signature included; max_lines: at most.

    A file that can't be read gives what can be read of it; broken pieces are no functions.
    """
    row = find_grammar(file.language)
    if len(to_source(file.text)) > MAX_BYTES:
        return []
    statements = find_reader(file.language).cut(file.text, False).statements
    found: list[SourceFunction] = []
    for statement in statements:
        if file.language == "java":
            found += static_methods(statement.text, row, min_lines, max_lines)
        elif (function := _function(statement, statements, row, min_lines, max_lines)) is not None:
            found.append(function)
    return [replace(function, line=_line_of(function.name, file.text)) for function in found]


def _line_of(name: str, text: str) -> int:
    """Return the first line, from 1, in which a function may be defined."""
    pattern = re.compile(rf"\b{re.escape(name)}\s*(?:\(|<|=)")
    return next((number for number, line in enumerate(text.split("\n"), 1) if pattern.search(line)), 1)


def _function(
    statement: Statement, statements: Sequence[Statement], row: Grammar, min_lines: int, max_lines: int
) -> SourceFunction | None:
    """Return the function that a statement defines, None if it defines none."""
    source = to_source(statement.text)
    root = parse_source(source, row)
    node = next((inner for child in root.children if (inner := _entry(child, row)) is not None), None)
    if statement.kind != "definition" or node is None or root.has_error:
        return None
    name = next(iter(sorted(statement.binds)), "")
    n_lines = node.end_point.row - node.start_point.row + 1
    reason = why_not(node, source, row, min_lines, max_lines)
    if len(statement.binds) != 1 or statement.dynamic:
        reason = reason or "dynamic"
    code = ""
    if not reason:
        code, reason = _alone(name, statements, row)
    return SourceFunction(name, 1, code, reason, not reason and is_typed(node, row), n_lines)


def _entry(node: Node, row: Grammar) -> Node | None:
    while node.type in row.wrappers:
        inner = node.child_by_field_name("declaration") or node.child_by_field_name("definition")
        inner = inner or next((child for child in reversed(node.named_children)), None)
        if inner is None:
            return None
        node = inner
    if node.type in ("lexical_declaration", "variable_declaration"):  # const f = (x) => ...
        inner = node.named_children[0] if node.named_child_count == 1 else None
        value = inner.child_by_field_name("value") if inner is not None else None
        return value if value is not None and value.type in row.functions else None
    return node if node.type in row.entries and node.type in row.functions else None


def _alone(name: str, statements: Sequence[Statement], row: Grammar) -> tuple[str, str]:
    """Return the code of a function with what it needs, and why it is not self-contained."""
    needed = select_needed(statements, name)
    reads = {word for statement in needed for word in statement.reads}
    kept = [
        statement
        for statement in needed
        if not (statement.kind == "setting" and statement.binds and statement.binds.isdisjoint(reads))
        and not _OWN_INCLUDE.match(statement.text)
    ]
    if any(statement.dynamic for statement in kept):
        return "", "dynamic"
    code = find_reader(row.name).finish(join(kept))
    if row.name == "python" and find_missing(kept, find_reader("python").builtins):
        return "", "not_self_contained"
    source = to_source(code)
    root = parse_source(source, row)
    if root.has_error:
        return "", "does_not_parse_alone"
    if any(not imported.standard for imported in walk_tree(root, source, row).imports if imported.module):
        return "", "not_self_contained"
    return code, "" if row.name != "python" or compiles(code) else "does_not_parse_alone"


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found.

    Attributes:
        seeds: kept ones, sorted by language, path and line.
        n_functions: all functions that were looked at.
        reasons: why the others were left out.
        n_files: files that were read.
        by_language: kept seeds.
    """

    seeds: tuple[Seed, ...]
    n_functions: int
    reasons: Counter[str]
    n_files: int
    by_language: Counter[str]


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
        for function in find_functions(file, config.min_lines, config.max_lines):
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
    kept.sort(key=lambda seed: (seed.language, seed.path, seed.line, seed.seed_id))
    return Collected(tuple(kept), n_functions, reasons, n_files, Counter(seed.language for seed in kept))


def _seed(
    file: SourceFile, found: SourceFunction, config: SeedsConfig, benchmarks: Benchmarks | None
) -> tuple[Seed | None, str]:
    if found.reason:
        return None, found.reason
    if not is_allowed(file.license, frozenset(config.licenses), config.allow_unknown_license):
        return None, "license"
    analysis = analyse(found.code, file.language)
    if analysis.status is not ParseStatus.PARSED:
        return None, "does_not_parse_alone"
    if analysis.measures.n_tokens > config.max_tokens:
        return None, "too_long"
    if has_secret(found.code):
        return None, "secret"
    renamed = analysis.fingerprints[2]
    if benchmarks is not None and (benchmarks.find_code(renamed) or benchmarks.find_prompt(found.code)):
        return None, "benchmark"
    identity = hashlib.sha256(json.dumps([file.language, renamed]).encode()).hexdigest()[:32]
    return Seed(
        seed_id=identity,
        language=file.language,
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
    ordered = sorted(seeds, key=lambda seed: (not seed.is_typed, seed.language, seed.path, seed.line))
    shingles: list[Shingles] = [analyse(seed.code, seed.language).shingles() or frozenset() for seed in ordered]
    out: set[int] = set()
    for left, right, _ in find_near(shingles, threshold):
        if left not in out and ordered[left].language == ordered[right].language:
            out.add(right)
    if out:
        reasons["near_duplicate"] += len(out)
    return [seed for place, seed in enumerate(ordered) if place not in out]


def _in_turns(seeds: Sequence[Seed]) -> list[Seed]:
    """Return seeds so that the first of each file come first, typed ones before the others."""
    turns: Counter[tuple[str, str]] = Counter()
    turn_of: dict[str, int] = {}
    for seed in seeds:
        turns[seed.language, seed.path] += 1
        turn_of[seed.seed_id] = turns[seed.language, seed.path]
    return sorted(seeds, key=lambda seed: (not seed.is_typed, turn_of[seed.seed_id], seed.seed_id))
