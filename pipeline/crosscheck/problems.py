"""What more inputs say of a problem: whether its passed candidates agree, and where they don't."""

from collections.abc import Mapping, Sequence

from pairsmith.pipeline.crosscheck.mutants import Adequacy
from pairsmith.pipeline.crosscheck.voting import (
    Consensus,
    Question,
    Voter,
    disagreements,
    split_share,
    weigh_voters,
)
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.standing import ProblemStanding

_N_SHOWN = 3
_WEAK_SHARE = 0.05  # votes apart from the commonest answer; one odd program in a hundred makes no problem weak


def sum_up(
    problem: Problem,
    questions: Sequence[Question],
    voters: Sequence[Voter],
    truth: Mapping[int, Consensus],
    method: str,
    adequacy: Adequacy,
) -> ProblemStanding:
    """Return what was found of a problem.

    Args:
        questions: the derived inputs; `truth` the believed answers, by their place.
        voters: the different passed programs, with their answers.
        method: reference or consensus.
        adequacy: what the problem's own tests notice.
    """
    inside = [place for place, question in enumerate(questions) if question.is_inside]
    splits = {place: split_share(voters, place) for place in inside} if len(voters) > 1 else {}
    refuted = [
        place for place in truth if any(place in disagreements(voter.keys, truth, questions) for voter in voters)
    ]
    worst = sorted((place for place in splits if splits[place] > 0), key=lambda place: (-splits[place], place))
    groups: dict[tuple[str, ...], float] = {}
    weights = weigh_voters(voters)
    for voter in voters:
        keys = tuple(voter.keys[place] for place in inside)
        groups[keys] = groups.get(keys, 0.0) + weights[voter.program_id]
    shown = worst or refuted
    return ProblemStanding(
        problem_id=problem.problem_id,
        n_derived=len(questions),
        n_counted=len(truth),
        method=method,
        n_passed=len(voters),
        n_groups=len(groups),
        top_support=max(groups.values()) / sum(groups.values()) if groups else 0.0,
        is_weak=any(share >= _WEAK_SHARE for share in splits.values())
        or (method == "reference" and bool(refuted)),
        splitting_inputs=tuple(questions[place].arguments for place in shown[:_N_SHOWN]),
        n_mutants=adequacy.n_mutants,
        n_killed=adequacy.n_killed,
    )
