"""Splits problems into train and test, and finds near-duplicate problems.

A problem's split is the hash of its own id and never changes. So that no group of near-duplicates spans both
splits, the members of the train split make no pairs where another member is held out: growth may take a problem
out of training, and never moves one between the splits.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from pairsmith.pipeline.syntax.near import find_near
from pairsmith.schemas.problem import Problem

Split = Literal["train", "test"]
_WORD = re.compile(rb"\w+")
_SHINGLE_WORDS = 3
_MAX_TEXTS = 10  # a shingle of more texts than this, and than one in fifty, is wording that all share
_MAX_SHARE = 0.02
_MIN_CASES = 3  # fewer equal cases may be chance


def split_of(problem_id: str, test_share: float) -> Split:
    """Return the split of a problem, from its id alone: growth of the set never moves it.

    A larger `test_share` only moves problems from train to test.

    Args:
        problem_id: id of the problem.
        test_share: share of all problems that is held out, in [0, 1], reached in expectation.

    Raises:
        ValueError: if `test_share` is outside [0, 1].
    """
    if not 0.0 <= test_share <= 1.0:
        raise ValueError(f"test_share {test_share}: it is a share in [0, 1]")
    framed = b"".join(len(part).to_bytes(8) + part for part in (b"split", problem_id.encode()))
    # 53 bits: as many as a float holds, so that the position stays below 1 and a share of 1 takes all.
    position = (int.from_bytes(hashlib.sha256(framed).digest()[:8]) >> 11) / 2**53
    return "test" if position < test_share else "train"


def find_groups(problems: Sequence[Problem], threshold: float) -> dict[str, str]:
    """Return problem_id to the smallest id of its group of near-duplicates; those that have none are left out.

    Two problems are near if their prompts' word triples are, by Jaccard similarity, wording that most prompts
    share left out; or if they have the same cases.

    Args:
        problems: all problems, in any order.
        threshold: similarity from which two prompts are near, in (0, 1].
    """
    ordered = sorted(problems, key=lambda problem: problem.problem_id)
    places: dict[frozenset[bytes], int] = {}  # of each text its first problem
    edges = [(places.setdefault(_shingles(problem), place), place) for place, problem in enumerate(ordered)]
    uses = Counter(shingle for text in places for shingle in text)
    most = max(_MAX_TEXTS, _MAX_SHARE * len(places))
    own = {
        place: frozenset(shingle for shingle in text if uses[shingle] <= most) for text, place in places.items()
    }
    compared = [place for place, text in own.items() if text]
    near = find_near([own[place] for place in compared], threshold)
    edges += [(compared[i], compared[j]) for i, j, _ in near]
    edges = [(i, j) for i, j in edges + _same_cases(ordered) if i != j]
    return _smallest_of_group([problem.problem_id for problem in ordered], edges)


def _shingles(problem: Problem) -> frozenset[bytes]:
    name = problem.entry_point.encode()
    words = [b"<f>" if word == name else word.lower() for word in _WORD.findall(problem.prompt.encode())]
    return frozenset(b" ".join(words[i : i + _SHINGLE_WORDS]) for i in range(len(words) - _SHINGLE_WORDS + 1))


def _same_cases(problems: Sequence[Problem]) -> list[tuple[int, int]]:
    first: dict[object, int] = {}
    edges = []
    for place, problem in enumerate(problems):
        if len(problem.cases) >= _MIN_CASES:
            edges.append((first.setdefault(problem.cases, place), place))
    return edges


def _smallest_of_group(ids: Sequence[str], edges: Iterable[tuple[int, int]]) -> dict[str, str]:
    """Return each connected id with the smallest one of its group; ids are sorted."""
    parent: dict[int, int] = {}

    def root(place: int) -> int:
        while parent.setdefault(place, place) != place:
            place = parent[place]
        return place

    for i, j in edges:
        low, high = sorted((root(i), root(j)))
        parent[high] = low
    return {ids[place]: ids[root(place)] for place in sorted(parent)}
