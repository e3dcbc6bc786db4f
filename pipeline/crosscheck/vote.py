"""The consensus of passed candidates on inputs with unknown answers.

All voters passed all tests, so what matters is how many *independent* programs
give an answer. Near-duplicates of one program are one opinion given often: a cluster of n programs has the weight
of the square root of n, shared out among them (CodeT weighs equal programs so: Chen et al. 2022, arXiv:2207.10397,
section 2.3). An answer needs a share of the votes, from at least two programs, to be the consensus.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN

_ROUNDS = 2  # in the second round those that the first one doubted have no vote
_INVALID = 0.5  # an input that this share of the programs refuses need not be answered
MIN_PROGRAMS = 3  # different passed programs that a consensus needs
MIN_SHARE = 0.51
"""Share of the votes that makes a consensus on an input like the problem's own: a majority, and no tie."""
MIN_SHARE_OUTSIDE = 0.7
"""Share of the votes that makes a consensus on an input unlike the problem's own, where right ones may differ."""
LARGE_SHARE = 0.5
"""Share of all programs that must answer a large input alike and in time, before others are called late."""


@dataclass(frozen=True, slots=True)
class Voter:
    """One program: its near-duplicate cluster and its answers, one key an input."""

    program_id: str
    cluster: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One derived input."""

    arguments: str  # its text
    is_inside: bool  # whether it has all that the problem's own inputs have in common
    is_modest: bool  # whether a right program answers it in time: it is not much larger than these
    may_be_refused: bool = False  # whether raising an exception is right too
    is_large: bool = False  # whether it is larger than these on purpose
    is_far: bool = False  # whether it is so large that a loop over it has no time
    is_slow: bool = False  # whether the reference had no time for it


@dataclass(frozen=True, slots=True)
class Consensus:
    """The answer that counts for one input."""

    key: str  # the answer; UNKNOWN where no program could answer an input that must be answered
    share: float  # share of all votes behind it, in [0, 1], those of doubted programs included
    is_given: bool = False  # whether the reference gave it


def find_consensus(
    voters: Sequence[Voter], questions: Sequence[Question], places: Sequence[int]
) -> dict[int, Consensus]:
    """Return the consensus by the place of the question; questions without one are left out."""
    weights = weigh_voters(voters)
    allowed = list(voters)
    found: dict[int, Consensus] = {}
    for _ in range(_ROUNDS):
        found = {}
        for place in places:
            consensus = _count(allowed, weights, place, questions[place])
            if consensus is not None:
                found[place] = consensus
        agreeing = [voter for voter in voters if not disagreements(voter.keys, found, questions)]
        allowed = agreeing or allowed
    return {place: _among_all(answer, voters, weights, place) for place, answer in found.items()}


def weigh_voters(voters: Sequence[Voter]) -> dict[str, float]:
    """Return each program's weight: 1 / sqrt of its cluster's size."""
    sizes = Counter(voter.cluster for voter in voters)
    return {voter.program_id: 1 / math.sqrt(sizes[voter.cluster]) for voter in voters}


def group_votes(voters: Sequence[Voter], places: Sequence[int] | None = None) -> dict[tuple[str, ...], float]:
    """Return the votes behind each behaviour: the answers to the questions at these places, by default to all."""
    weights = weigh_voters(voters)
    groups: dict[tuple[str, ...], float] = {}
    for voter in voters:
        keys = voter.keys if places is None else tuple(voter.keys[place] for place in places)
        groups[keys] = groups.get(keys, 0.0) + weights[voter.program_id]
    return groups


def disagreements(
    keys: Sequence[str], consensus: Mapping[int, Consensus], questions: Sequence[Question]
) -> list[int]:
    """Return the places where these answers are not the consensus.

    No answer in time is a disagreement only where the input is modest, an exception only where it must
    be answered.
    """
    places = []
    for place, answer in consensus.items():
        is_late = keys[place] == UNKNOWN and not questions[place].is_modest
        is_refused = keys[place] == RAISED and questions[place].may_be_refused
        if answer.key == UNKNOWN or (keys[place] != answer.key and not is_late and not is_refused):
            places.append(place)
    return places


def split_share(voters: Sequence[Voter], place: int) -> float:
    """Return the share of the votes that are not for the commonest answer to a question, in [0, 1)."""
    votes = _votes(voters, weigh_voters(voters), place)
    total = sum(votes.values())
    return 1.0 - max(votes.values()) / total if total else 0.0


def _among_all(answer: Consensus, voters: Sequence[Voter], weights: Mapping[str, float], place: int) -> Consensus:
    votes = _votes(voters, weights, place)
    return Consensus(answer.key, votes[answer.key] / sum(votes.values())) if votes else answer


def _votes(voters: Sequence[Voter], weights: Mapping[str, float], place: int) -> dict[str, float]:
    votes: defaultdict[str, float] = defaultdict(float)
    for voter in voters:
        if voter.keys[place] != UNKNOWN:
            votes[voter.keys[place]] += weights[voter.program_id]
    return votes


def _count(
    voters: Sequence[Voter], weights: Mapping[str, float], place: int, question: Question
) -> Consensus | None:
    votes = _votes(voters, weights, place)
    total = sum(votes.values())
    if not total:
        must_answer = question.is_inside and question.is_modest and not question.is_large
        return Consensus(UNKNOWN, 1.0) if must_answer else None
    if votes.get(RAISED, 0.0) >= _INVALID * total:
        return None
    key = max(votes, key=lambda answer: (votes[answer], answer))
    share = votes[key] / total
    n_programs = sum(voter.keys[place] == key for voter in voters)
    least = MIN_SHARE if question.is_inside else MIN_SHARE_OUTSIDE
    if question.is_large and votes[key] < LARGE_SHARE * sum(weights[voter.program_id] for voter in voters):
        return None
    return Consensus(key, share) if share >= least and n_programs >= 2 else None
