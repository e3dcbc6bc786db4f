"""Behaviours: programs that give the same answers to all inputs that count, weighted by how independent they are.

Near-duplicates are one opinion repeated: a cluster of n responses within a group counts sqrt(n), as Chen et al.
2022 (CodeT, arXiv:2207.10397, section 2.3) weight equal programs, and as `pipeline.crosscheck.vote` does.
"""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass

from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN
from pairsmith.pipeline.synthesis.agreement.evidence import Evidence

_VALID = 0.5  # share of the weight that must answer an input with a value for it to count


@dataclass(frozen=True, slots=True)
class Group:
    """Responses of one behaviour.

    Attributes:
        keys: their answers to the inputs that count.
        programs: numbers of their programs.
        n_responses: responses.
        weight: the sum of the square roots of their clusters' sizes.
        n_clusters: near-duplicate clusters among them.
    """

    keys: tuple[str, ...]
    programs: tuple[int, ...]
    n_responses: int
    weight: float
    n_clusters: int


@dataclass(frozen=True, slots=True)
class Behaviours:
    """All groups of a problem, the heaviest first; `counted` has the places of the inputs that count."""

    counted: tuple[int, ...]
    groups: tuple[Group, ...]

    @property
    def weight(self) -> float:
        """Return the weight of all groups."""
        return sum(group.weight for group in self.groups)


def find_behaviours(evidence: Evidence) -> Behaviours:
    """Return the groups of a problem's responses.

    An input counts if half of the weight of those that were run answers it with a value; where none does, all
    count.
    """
    sizes = Counter(response.cluster for response in evidence.responses)
    weights: defaultdict[int, float] = defaultdict(float)
    for response, program in zip(evidence.responses, evidence.program_of, strict=True):
        weights[program] += 1 / math.sqrt(sizes[response.cluster])
    total = sum(weights.values())
    answered = [
        sum(
            weight for program, weight in weights.items() if evidence.keys[program][place] not in (RAISED, UNKNOWN)
        )
        for place in range(len(evidence.inputs))
    ]
    counted = tuple(place for place, weight in enumerate(answered) if weight >= _VALID * total)
    counted = counted or tuple(range(len(evidence.inputs)))
    members: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    clusters: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for response, program in zip(evidence.responses, evidence.program_of, strict=True):
        keys = tuple(evidence.keys[program][place] for place in counted)
        members[keys].add(program)
        clusters[keys][response.cluster] += 1
    groups = [
        Group(
            keys,
            tuple(sorted(programs)),
            clusters[keys].total(),
            sum(math.sqrt(n) for n in clusters[keys].values()),
            len(clusters[keys]),
        )
        for keys, programs in members.items()
    ]
    return Behaviours(counted, tuple(sorted(groups, key=lambda group: (-group.weight, group.keys))))
