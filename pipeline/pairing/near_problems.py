"""Near-duplicate problems: the same task in other words, or with other names.

A problem's split is the hash of its own id and never changes. So that no group of near-duplicates spans both
splits, the members that are of the train split make no pairs where another member is held out: growth may take a
problem out of training, and never moves one between the splits.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from pairsmith.pipeline.syntax.near import find_near
from pairsmith.schemas.problem import Problem

_WORD = re.compile(rb"\w+")
_SHINGLE_WORDS = 3
_MAX_TEXTS = 10  # a shingle of more texts than this, and than one in fifty, is wording that all share
_MAX_SHARE = 0.02
_MIN_CASES = 3  # fewer equal cases may be chance


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
    own = {place: frozenset(one for one in text if uses[one] <= most) for text, place in places.items()}
    told = [place for place, text in own.items() if text]
    edges += [(told[i], told[j]) for i, j, _ in find_near([own[place] for place in told], threshold)]
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
    neighbours: defaultdict[int, set[int]] = defaultdict(set)
    for i, j in edges:
        neighbours[i].add(j)
        neighbours[j].add(i)
    found: dict[str, str] = {}
    for start in sorted(neighbours):
        waiting = [start]
        while waiting:
            place = waiting.pop()
            if ids[place] not in found:
                found[ids[place]] = ids[start]
                waiting.extend(neighbours[place])
    return found
