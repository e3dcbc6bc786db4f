"""Speed of the syntax stage against the parser alone and the usual tools; near-duplicates of a million programs.

    python -m benchmarks.syntax --samples humaneval_codegen16b_100_samples.jsonl.gz
    python -m benchmarks.syntax --samples humaneval_codegen16b_100_samples.jsonl.gz --near 1000000

The first measures programs a second on one core, each figure the best of three runs over the same programs. The
second makes that many programs by rewriting the real ones, finds their near-duplicates, and compares with brute
force: recall over all pairs among the copies of some programs. radon and datasketch are measured where they are
installed.
"""

import argparse
import gzip
import itertools
import json
import random
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pairsmith.pipeline.languages.table import find_grammar
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.syntax.corpus import cluster_corpus
from pairsmith.pipeline.syntax.duplicates import make_shingles
from pairsmith.pipeline.syntax.parsing import parse_source, to_source
from pairsmith.pipeline.syntax.quality import lint
from pairsmith.schemas.config import SyntaxConfig

THRESHOLD = 0.85
N_CHECKED_BASES = 30


def main() -> None:
    """Measure and print."""
    options = _options()
    programs = _read(options.samples, options.per_problem)
    distinct = list(dict.fromkeys(programs))
    print(f"{len(programs)} programs, {len(distinct)} different")
    if options.near:
        _measure_near(distinct, options.near)
    else:
        _measure_rates(programs, distinct)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="JSONL of samples, 100 a problem")
    parser.add_argument("--per-problem", type=int, default=100)
    parser.add_argument("--near", type=int, default=0, help="programs to make for the near-duplicates")
    return parser.parse_args()


def _read(path: Path, n: int) -> list[str]:
    found: list[str] = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            found += [row["prompt"] + sample for sample in row["samples"][:n]]
    return found


def _measure_rates(programs: Sequence[str], distinct: Sequence[str]) -> None:
    row = find_grammar("python")
    parse = parse_source.__wrapped__
    base = _rate("tree-sitter parses", distinct, lambda code: parse(to_source(code), row))
    alone = _rate("all of ours, each program different", distinct, analyse.__wrapped__)
    analyse.cache_clear()
    as_drawn = _rate("all of ours, as they were drawn", programs, analyse, 1)
    _rate(
        "with shingles",
        distinct,
        lambda code: analyse.__wrapped__(code).shingles(),
    )
    print(f"share of the parse-only rate: {alone / base:.0%} each different, {as_drawn / base:.0%} as drawn")
    _rate_batch(
        "ruff, all rules of ours, in one run", distinct, lambda codes: lint(codes, SyntaxConfig().lint_rules)
    )
    _measure_others(distinct)


def _rate(name: str, programs: Sequence[str], work: Callable[[str], object], n_runs: int = 3) -> float:
    best = float("inf")
    for _ in range(n_runs):
        start = time.process_time()
        for code in programs:
            work(code)
        best = min(best, time.process_time() - start)
    rate = len(programs) / best
    print(f"{name:<44}{rate:>10.0f} programs/s a core", flush=True)
    return rate


def _rate_batch(name: str, programs: Sequence[str], work: Callable[[list[str]], object]) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.process_time()
    work(list(programs))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = time.process_time() - start + after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:<44}{len(programs) / spent:>10.0f} programs/s a core", flush=True)


def _measure_others(programs: Sequence[str]) -> None:
    try:
        from radon.complexity import cc_visit
        from radon.metrics import h_visit
        from radon.raw import analyze
    except ImportError:
        print("radon isn't installed")
    else:

        def radon(code: str) -> None:
            try:
                cc_visit(code), analyze(code), h_visit(code)
            except (SyntaxError, ValueError, IndexError):
                return

        _rate("radon: complexity, Halstead, lines", programs[:2000], radon, 1)
    try:
        from datasketch import MinHash
    except ImportError:
        print("datasketch isn't installed")
    else:

        def sketch(code: str) -> None:
            words = code.split()
            one = MinHash(num_perm=128)
            one.update_batch([" ".join(words[at : at + 5]).encode() for at in range(max(len(words) - 4, 1))])

        _rate("datasketch: MinHash of word 5-grams", programs[:2000], sketch, 1)


def _measure_near(distinct: Sequence[str], n: int) -> None:
    bases = [tokens for tokens in map(_tokens, distinct) if len(tokens) > 20]
    start = time.perf_counter()
    programs = [make_shingles(_make_program(number, bases)) for number in range(n)]
    made = time.perf_counter()
    print(f"made {n} programs from {len(bases)} in {made - start:.0f} s", flush=True)
    labels = cluster_corpus(programs, THRESHOLD)
    spent = time.perf_counter() - made
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"near-duplicates: {spent:.0f} s, {n / spent:.0f} programs/s; peak {own:.0f} MiB")
    print(f"{len(set(labels))} clusters")
    _check(labels, bases, n)


def _tokens(code: str) -> tuple[bytes, ...]:
    return analyse.__wrapped__(code).tokens or ()


def _rewrite(tokens: Sequence[bytes], draw: random.Random) -> list[bytes]:
    """Return tokens with some replaced, left out or doubled: 0 to 3 places."""
    copy = list(tokens)
    for _ in range(draw.randrange(4)):
        place = draw.randrange(len(copy))
        kind = draw.random()
        if kind < 0.6:
            copy[place] = b"v%d" % draw.randrange(1000)
        elif kind < 0.8:
            del copy[place]
        else:
            copy.insert(place, copy[place])
    return copy


def _make_program(number: int, bases: Sequence[Sequence[bytes]]) -> list[bytes]:
    return _rewrite(bases[number % len(bases)], random.Random(number))


def _check(labels: Sequence[int], bases: Sequence[Sequence[bytes]], n: int) -> None:
    """Compare with brute force."""
    draw = random.Random(0)
    chosen = draw.sample(range(len(bases)), min(N_CHECKED_BASES, len(bases)))
    numbers = [number for base in chosen for number in range(base, n, len(bases))]
    sets = [make_shingles(_make_program(number, bases)) for number in numbers]
    pairs = find_near_by_force(sets)
    joined = sum(labels[numbers[i]] == labels[numbers[j]] for i, j in pairs)
    share = joined / max(len(pairs), 1)
    print(f"recall: {joined} of {len(pairs)} near pairs among {len(numbers)} programs, {share:.4f}")


def find_near_by_force(sets: Sequence[frozenset[bytes]]) -> list[tuple[int, int]]:
    """Return all pairs that are near, every pair looked at."""
    found: list[tuple[int, int]] = []
    for (i, one), (j, other) in itertools.combinations(enumerate(sets), 2):
        if min(len(one), len(other)) >= THRESHOLD * max(len(one), len(other)):
            common = len(one & other)
            if common >= THRESHOLD * (len(one) + len(other) - common):
                found.append((i, j))
    return found


if __name__ == "__main__":
    main()
