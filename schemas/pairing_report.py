"""The counts of a pairing: `pairing.json` of a run, and a part of its report."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DropCount:
    """How many problems, candidates or possible pairs (`unit`) came to nothing for one reason."""

    reason: str
    unit: str
    n: int


@dataclass(frozen=True, slots=True)
class NamedCount:
    """How many of one kind."""

    name: str
    n: int


@dataclass(frozen=True, slots=True)
class LeakRow:
    """How well a classifier tells chosen from rejected in one split; 0.5 is chance, None too few pairs.

    Attributes:
        what: `length`, or `style`: tags and measures with it.
        within_before: share of pairs whose chosen answer scores higher, before the guards of the whole split.
        overall_before: area under the ROC curve over all answers; both again after these guards.
    """

    split: str
    what: str
    within_before: float | None
    overall_before: float | None
    within_after: float | None
    overall_after: float | None


@dataclass(frozen=True, slots=True)
class WeakProblem:
    """A problem whose passed candidates disagree on inputs beyond its tests.

    Attributes:
        n_passed: different passed programs that were asked; `n_groups` behaviours among them.
        top_support: share of the votes for the commonest behaviour, in [0, 1].
        splitting_inputs: argument lists that they disagree on.
    """

    problem_id: str
    n_passed: int
    n_groups: int
    top_support: float
    splitting_inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairingReport:
    """All that is counted.

    Attributes:
        drops: in the order of `pipeline.pairing.drops.Drop`.
        policies: pairs by policy.
        rejects: pairs by the cause of their rejected one; `passed` for those that passed.
        n_trivial: pairs whose rejected has no runnable code.
        n_hard: pairs whose rejected passes at least half of the cases.
        n_approaches_before: right approaches of the problems with pairs; `n_approaches_after` those that some pair
            chooses; `effective_before` and `effective_after` the effective number a problem, in the mean.
        standings: passed candidates by the result of their crosscheck.
        weak: problems whose passed candidates disagree, the most split first.
        n_mutants: mutants of right solutions that behave differently; `n_killed` those that the tests notice.
    """

    n_candidates: int
    n_train: int
    n_test: int
    n_problems: int
    drops: tuple[DropCount, ...]
    policies: tuple[NamedCount, ...]
    rejects: tuple[NamedCount, ...]
    n_trivial: int
    n_hard: int
    leaks: tuple[LeakRow, ...]
    n_approaches_before: int
    n_approaches_after: int
    effective_before: float
    effective_after: float
    standings: tuple[NamedCount, ...]
    weak: tuple[WeakProblem, ...]
    n_mutants: int
    n_killed: int
