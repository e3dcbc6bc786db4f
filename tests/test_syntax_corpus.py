import itertools
import random

import numpy as np
import pytest

from pairsmith.pipeline.syntax.corpus import Corpus, cluster_corpus, hash_shingles
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


def _similarity(left: list[bytes], right: list[bytes]) -> float:
    one, other = make_shingles(left), make_shingles(right)
    return len(one & other) / len(one | other)


@pytest.mark.parametrize("seed", [1, 2])
def test_clusters_are_those_of_brute_force(seed: int) -> None:
    programs = _families(120, random.Random(seed))
    found = cluster_corpus([hash_shingles(tokens) for tokens in programs], 0.85)
    near = [
        (i, j)
        for i, j in itertools.combinations(range(len(programs)), 2)
        if _similarity(programs[i], programs[j]) >= 0.85
    ]
    assert len(near) > 50
    assert all(found.labels[i] == found.labels[j] for i, j in near)
    assert all(_similarity(programs[i], programs[j]) >= 0.85 for i, j in found.edges)
    assert len(set(found.labels.tolist())) == len(programs) - len(_forest(found.edges.tolist()))


def _forest(edges: list[list[int]]) -> list[list[int]]:
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
            kept.append([left, right])
    return kept


def test_similarities_are_exact() -> None:
    programs = _families(10, random.Random(7))
    corpus = Corpus([hash_shingles(tokens) for tokens in programs])
    pairs = np.array(list(itertools.combinations(range(len(programs)), 2)), np.int64)
    expected = [_similarity(programs[i], programs[j]) for i, j in pairs.tolist()]
    assert corpus.similarities(pairs) == pytest.approx(expected)


def test_nothing_is_no_cluster() -> None:
    found = cluster_corpus([], 0.85)
    assert (len(found.labels), len(found.edges), found.n_compared) == (0, 0, 0)


def test_short_programs_are_one_shingle() -> None:
    assert len(hash_shingles([b"a", b"b"])) == 1
    assert len(hash_shingles([])) == 1
    assert hash_shingles([b"a", b"b"]) != hash_shingles([b"ab"])
