import itertools
import random

import pytest

from pairsmith.pipeline.syntax.corpus import cluster_corpus
from pairsmith.pipeline.syntax.duplicates import make_shingles


def _families(n: int, draw: random.Random) -> list[list[bytes]]:
    """Return token lists in families: a random base each, and some copies with a few tokens changed."""
    found: list[list[bytes]] = []
    for _ in range(n):
        base = [b"%d" % draw.randrange(10_000) for _ in range(150)]
        for _ in range(draw.randrange(1, 6)):
            copy = list(base)
            for _ in range(draw.randrange(4)):
                copy[draw.randrange(len(copy))] = b"%d" % draw.randrange(10_000)
            found.append(copy)
    draw.shuffle(found)
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_clusters_are_those_of_brute_force(seed: int) -> None:
    programs = [make_shingles(tokens) for tokens in _families(120, random.Random(seed))]
    labels = cluster_corpus(programs, 0.85)
    near = [
        (i, j)
        for (i, one), (j, other) in itertools.combinations(enumerate(programs), 2)
        if len(one & other) / len(one | other) >= 0.85
    ]
    assert len(near) > 50
    assert all(labels[i] == labels[j] for i, j in near)
    assert len(set(labels)) == len(programs) - len(_forest(near))


def _forest(edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a spanning forest of a graph."""
    root: dict[int, int] = {}

    def find(place: int) -> int:
        while root.setdefault(place, place) != place:
            place = root[place]
        return place

    kept = []
    for left, right in edges:
        if find(left) != find(right):
            root[find(left)] = find(right)
            kept.append((left, right))
    return kept


def test_nothing_is_no_cluster_and_equal_ones_are_one() -> None:
    assert cluster_corpus([], 0.85) == []
    one = make_shingles([b"a", b"b"])
    assert cluster_corpus([make_shingles([b"ab"]), one, one], 0.85) == [0, 1, 1]
