"""Keeps the functions that a problem can be made of; every function that is left out has a reason."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pairsmith.pipeline.problems.contamination import Benchmarks
from pairsmith.pipeline.publishing.scanning import has_secret
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.syntax.near import Shingles, find_near
from pairsmith.pipeline.syntax.parsing import ParseStatus
from pairsmith.pipeline.synthesis.seeds.files import SourceFile
from pairsmith.pipeline.synthesis.seeds.finding import find_functions
from pairsmith.pipeline.synthesis.seeds.functions import Found
from pairsmith.pipeline.synthesis.seeds.licences import is_allowed
from pairsmith.schemas.config.synthesis import SeedsConfig
from pairsmith.schemas.seed import Seed


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
        files: what `read_sources` gives.
        config: bounds and filters.
        benchmarks: what must not be trained on; None for none.
        on_file: called after each file.
    """
    reasons: Counter[str] = Counter()
    found: list[tuple[SourceFile, Found]] = []
    bound: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    own: dict[tuple[str, str], frozenset[str]] = {}
    n_files = 0
    for file in files:
        functions, names = find_functions(file, config.min_lines, config.max_lines)
        n_files += 1
        found += [(file, one) for one in functions]
        own[file.group, file.path] = names
        if file.group:
            bound[file.group, _family(file.language)].update(names)
        on_file()
    seeds: dict[str, Seed] = {}
    for file, one in found:
        names = one.free - own[file.group, file.path] if file.group else frozenset()
        elsewhere = any(bound[file.group, _family(file.language)][name] for name in names)
        seed, reason = _seed(file, one, elsewhere, config, benchmarks)
        if seed is not None and seed.seed_id in seeds:
            reason = "duplicate"
        elif seed is not None:
            seeds[seed.seed_id] = seed
        if reason:
            reasons[reason] += 1
    kept = _drop_near(list(seeds.values()), config.near_threshold, reasons)
    if config.limit is not None and len(kept) > config.limit:
        reasons["over_limit"] += len(kept) - config.limit
        kept = _in_turns(kept)[: config.limit]
    kept.sort(key=lambda seed: (seed.language, seed.path, seed.line, seed.seed_id))
    return Collected(tuple(kept), len(found), reasons, n_files, Counter(seed.language for seed in kept))


def _family(language: str) -> str:
    return {"c": "c++", "cpp": "c++", "javascript": "js", "typescript": "js"}.get(language, language)


def _seed(
    file: SourceFile, found: Found, elsewhere: bool, config: SeedsConfig, benchmarks: Benchmarks | None
) -> tuple[Seed | None, str]:
    if found.reason:
        return None, found.reason
    if elsewhere:
        return None, "not_self_contained"
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
    reasons["near_duplicate"] += len(out)
    if not out:
        del reasons["near_duplicate"]
    return [seed for place, seed in enumerate(ordered) if place not in out]


def _in_turns(seeds: Sequence[Seed]) -> list[Seed]:
    """Return seeds so that the first of each file come first, typed ones before the others."""
    turns: Counter[tuple[str, str]] = Counter()
    keyed = []
    for seed in seeds:
        turns[seed.language, seed.path] += 1
        keyed.append(((not seed.is_typed, turns[seed.language, seed.path], seed.seed_id), seed))
    return [seed for _, seed in sorted(keyed, key=lambda pair: pair[0])]
