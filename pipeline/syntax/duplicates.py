"""Which candidates of a problem repeat which: equal fingerprints, and clusters of near-duplicates.

MinHash proposes near-duplicates, exact Jaccard similarity decides.
"""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from rensa import RMinHash, RMinHashLSH

from pairsmith.schemas.candidate import Syntax

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
    """Return the pairs with an exact Jaccard similarity of at least `threshold`, sorted.

    Args:
        threshold: in (0, 1]. 0.85 is the default of BigCode's near-deduplication of The Stack
            (bigcode-analysis, data_analysis/near-deduplication/near_deduplicate.py).
    """
    hashed = len(shingles) > SMALL and threshold >= MIN_HASHED
    pairs: Iterable[tuple[int, int]]
    pairs = _hashed_pairs(shingles) if hashed else itertools.combinations(range(len(shingles)), 2)
    return sorted(
        Near(i, j, similarity)
        for i, j in pairs
        # The smaller over the larger bounds how similar two sets can be.
        if min(len(shingles[i]), len(shingles[j])) >= threshold * max(len(shingles[i]), len(shingles[j]))
        and (similarity := jaccard(shingles[i], shingles[j])) >= threshold
    )


def _hashed_pairs(shingles: Sequence[Shingles]) -> set[tuple[int, int]]:
    """Return the pairs that share a band of their MinHash."""
    index, hashes = hash_shingles(shingles)
    return {(i, j) for j, others in enumerate(index.query_all(hashes)) for i in others if i < j}


def hash_shingles(shingles: Sequence[Shingles]) -> tuple[RMinHashLSH, list[RMinHash]]:
    """Return the MinHash of each set, and an index of all of them by band."""
    hashes = RMinHash.from_token_sets(map(sorted, shingles), N_PERMUTATIONS, SEED)
    index = RMinHashLSH(threshold=0.5, num_perm=N_PERMUTATIONS, num_bands=N_PERMUTATIONS // BAND_ROWS)
    index.insert_many(hashes)
    return index, hashes


def mark_duplicates(rows: Sequence[Syntax], shingles: Sequence[Shingles | None], threshold: float) -> list[Syntax]:
    """Return the rows of one problem, in the order given, with duplicates and clusters filled in.

    A program with the exact or the renamed fingerprint of another one is a duplicate: all but the class's
    representative name it in `duplicate_of`. Near-duplicates are kept: they only share a `cluster`, which
    joins everything that exact, renamed and near edges connect. A program that doesn't parse is compared by
    its exact fingerprint only. Nothing here depends on the order of the rows.

    Args:
        shingles: one set a row, None where it doesn't parse.
        threshold: Jaccard similarity from which two programs are near, in (0, 1].
    """
    ranks = {row.candidate_id: _rank(row.candidate_id) for row in rows}

    def pick(group: Sequence[int]) -> int:
        return min(group, key=lambda place: ranks[rows[place].candidate_id])

    classes = _group(
        range(len(rows)), lambda place: (rows[place].renamed != "", rows[place].renamed or rows[place].exact)
    )
    heads = [pick(group) for group in classes]
    comparable = [place for place, head in enumerate(heads) if shingles[head] is not None]
    near = find_near([shingles[heads[place]] or frozenset() for place in comparable], threshold)
    roots = components(len(classes), [(comparable[i], comparable[j]) for i, j, _ in near])

    marked: list[Syntax] = list(rows)
    for component in _group(range(len(classes)), lambda place: roots[place]):
        members = [place for part in component for place in classes[part]]
        cluster = rows[pick(members)].candidate_id
        for part in component:
            for place in classes[part]:
                of, rule = _name_head(rows[place], rows[heads[part]])
                marked[place] = replace(rows[place], cluster=cluster, duplicate_of=of, duplicate_rule=rule)
    return marked


def _rank(candidate_id: str) -> bytes:
    """Return what representatives are chosen by, smallest first: a digest favours neither short nor long."""
    return hashlib.blake2b(candidate_id.encode(), digest_size=16).digest()


def _name_head(row: Syntax, head: Syntax) -> tuple[str, str]:
    """Return what a row repeats, and by which rule; two empty texts for the head itself."""
    if row.candidate_id == head.candidate_id:
        return "", ""
    rule = "exact" if row.exact == head.exact else "plain" if row.plain == head.plain else "renamed"
    return head.candidate_id, rule


def _group(places: Sequence[int], key: Callable[[int], Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for place in places:
        groups[key(place)].append(place)
    return list(groups.values())


def components(n: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """Return, for each of n things, one thing of its component."""
    above = list(range(n))

    def root(place: int) -> int:
        while above[place] != place:
            above[place] = place = above[above[place]]
        return place

    for left, right in edges:
        above[root(left)] = root(right)
    return [root(place) for place in range(n)]
