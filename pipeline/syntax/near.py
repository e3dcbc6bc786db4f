"""Near-duplicates: MinHash proposes, exact Jaccard similarity decides."""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from rensa import RMinHash, RMinHashLSH

Shingles: TypeAlias = frozenset[bytes]

SHINGLE_TOKENS = 5  # ngram_size of BigCode's minhash_deduplication.py (bigcode-dataset)
SEED = 1  # of the permutations; a constant, so that equal inputs give equal clusters
N_PERMUTATIONS = 128  # worst standard error of the estimate: sqrt(0.25 / 128) = 0.044
BAND_ROWS = 4  # 32 bands of 4: similarity 0.85 is missed with probability (1 - 0.85**4) ** 32 = 6e-11
MIN_HASHED = 0.7  # below this threshold every pair is compared: there MinHash would miss (1 - 0.7**4) ** 32 = 2e-4
SMALL = 100  # up to so many programs, comparing every pair is faster than MinHash (measured: even at 105)


class Near(NamedTuple):
    """Two sets that are near: their places, `i` before `j`, and their Jaccard similarity in (0, 1]."""

    i: int
    j: int
    similarity: float


def make_shingles(tokens: Sequence[bytes]) -> Shingles:
    """Return the 5-grams of a program's tokens, local names made alike; a shorter program is one shingle."""
    if len(tokens) < SHINGLE_TOKENS:
        return frozenset({b"\0".join(tokens)})
    grams = zip(*(tokens[start:] for start in range(SHINGLE_TOKENS)), strict=False)
    return frozenset(map(b"\0".join, grams))


def jaccard(left: Shingles, right: Shingles) -> float:
    """Return the Jaccard similarity of two sets, in [0, 1]; 1.0 for two empty ones."""
    common = len(left & right)
    union = len(left) + len(right) - common
    return common / union if union else 1.0


def find_near(shingles: Sequence[Shingles], threshold: float) -> list[Near]:
    """Return the pairs whose exact Jaccard similarity is at least `threshold`, sorted.

    Args:
        shingles: one set a program.
        threshold: in (0, 1]. 0.85 is the default of BigCode's near-deduplication of The Stack
            (bigcode-analysis, data_analysis/near-deduplication/near_deduplicate.py).
    """
    hashed = len(shingles) > SMALL and threshold >= MIN_HASHED
    pairs: Iterable[tuple[int, int]]
    pairs = _hashed_pairs(shingles) if hashed else itertools.combinations(range(len(shingles)), 2)
    return sorted(
        Near(i, j, similarity)
        for i, j in pairs
        if _can_reach(shingles[i], shingles[j], threshold)
        and (similarity := jaccard(shingles[i], shingles[j])) >= threshold
    )


def _can_reach(left: Shingles, right: Shingles, threshold: float) -> bool:
    """Return whether sets of these sizes can be so similar at all: the smaller over the larger bounds it."""
    small, large = sorted((len(left), len(right)))
    return small >= threshold * large


def _hashed_pairs(shingles: Sequence[Shingles]) -> set[tuple[int, int]]:
    """Return the pairs that share a band of their MinHash."""
    hashes = RMinHash.from_token_sets(map(sorted, shingles), N_PERMUTATIONS, SEED)
    index = RMinHashLSH(threshold=0.5, num_perm=N_PERMUTATIONS, num_bands=N_PERMUTATIONS // BAND_ROWS)
    index.insert_many(hashes)
    found: set[tuple[int, int]] = set()
    for j, others in enumerate(index.query_all(hashes)):
        found.update((i, j) for i in others if i < j)
    return found
