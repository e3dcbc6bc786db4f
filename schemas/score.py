"""Scores of models on held-out problems, what alignment changed, the gate, rows of a study, and rounds."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bootstrap interval over problems, low <= value <= high as a rule."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ProblemScore:
    """One problem's part of a score.

    Attributes:
        n: decided candidates.
        c: of those, passed.
        n_distinct_syntax: distinct renamed fingerprints (exact ones where a program does not parse).
        n_distinct_behaviour: distinct behaviour signatures.
        n_distinct_passed: distinct renamed fingerprints among the passed.
        values: further measures that this problem allows, such as `distinct_syntax@4` (see
            `pipeline.evaluation.score`).
    """

    problem_id: str
    n: int
    c: int
    n_distinct_syntax: int
    n_distinct_behaviour: int
    n_distinct_passed: int
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """A model's score; means over problems with equal weight.

    Attributes:
        name: `before` or `after`.
        model: model that was sampled; with `+ adapter` where one was on top.
        n_candidates: candidates drawn, undecided ones included.
        n_undecided: candidates without a label, left out of every rate.
        pass_at: k to pass@k in [0, 1].
        distinct_syntax: distinct programs over candidates of a problem, in [0, 1].
        distinct_behaviour: distinct behaviours over candidates of a problem, in [0, 1].
        distinct_passed: distinct programs over passed candidates, over the problems with at least one passed.
        mean_lines: lines of code of a candidate.
        problems: the problems' parts, sorted by id.
        measures: further measures, each over the problems that allow it.
    """

    name: str
    model: str
    n_candidates: int
    n_undecided: int
    pass_at: dict[int, Interval]
    distinct_syntax: Interval
    distinct_behaviour: Interval
    distinct_passed: Interval
    mean_lines: float
    problems: tuple[ProblemScore, ...]
    measures: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gain:
    """What alignment changed: after minus before, paired by problem.

    Attributes:
        measure: such as `pass@1` or `distinct_syntax`.
        before, after: the two estimates.
        change: the difference; its interval resamples problems in pairs.
        is_significant: whether the interval of the change excludes 0, and enough problems changed for a sign
            test to tell (6 at a confidence of 0.95).
    """

    measure: str
    before: Interval
    after: Interval
    change: Interval
    is_significant: bool


@dataclass(frozen=True, slots=True)
class SliceGain:
    """What alignment changed on a part of the problems.

    Attributes:
        name: such as `topic=strings`, `level=easy`.
        n_problems: problems that both models were scored on.
        gains: pass@1 and diversity.
    """

    name: str
    n_problems: int
    gains: tuple[Gain, ...]


class GateOutcome(StrEnum):
    """The outcome of one check."""

    HELD = "held"
    """No significant fall beyond what is allowed."""
    FELL = "fell"
    UNMEASURED = "unmeasured"
    """The measure could not be taken; this counts as fallen."""


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One check.

    Attributes:
        name: as `--despite` takes it: `pass@1`, `diversity`, `slice topic=strings`, `set humaneval+`.
        change: after minus before, with its interval; NaN where nothing was measured.
        allowed: the fall that is allowed, >= 0, in the measure's own unit.
        reason: one sentence for a person.
    """

    name: str
    outcome: GateOutcome
    change: Interval
    allowed: float
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """All checks of one evaluation.

    Attributes:
        model: digest of the model or adapter that was scored; empty where it was none of this run's.
        checks: in the order of the report.
    """

    model: str
    checks: tuple[GateCheck, ...]

    def refusals(self, despite: Collection[str] = ()) -> tuple[GateCheck, ...]:
        """Return the checks that block publishing.

        Args:
            despite: names of checks that may fail.
        """
        return tuple(
            check for check in self.checks if check.outcome is not GateOutcome.HELD and check.name not in despite
        )


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One cell of a study: a start, aligned by a method on a dataset.

    Attributes:
        folder: of the cell, from the study's.
        before: score of the start on the held-out problems; None where it was not scored.
        after: of the aligned model.
        gains: what changed, by measure.
        slices: likewise on parts of the problems.
        n_pairs: rows that were trained on.
        n_steps: optimiser steps.
        refusals: checks of the gate that did not hold.
        error: why the cell is not done; empty where it is.
    """

    start: str
    dataset: str
    method: str
    folder: str
    before: Score | None = None
    after: Score | None = None
    gains: tuple[Gain, ...] = ()
    slices: tuple[SliceGain, ...] = ()
    n_pairs: int = 0
    n_steps: int = 0
    refusals: tuple[GateCheck, ...] = ()
    error: str = ""

    def gain(self, measure: str) -> Gain | None:
        """Return what changed by one measure; None where it was not measured."""
        return next((gain for gain in self.gains if gain.measure == measure), None)


@dataclass(frozen=True, slots=True)
class LostApproach:
    """A right way to solve a held-out problem that the start drew and a round's model does not draw any more.

    Attributes:
        program: one program of it, as the start drew it.
        n_before: draws of the start that were of this approach, of `n_start`; the round drew none in `n_round`.
        chance: probability that none comes in so many draws if its share stayed, in (0, 1].
    """

    problem_id: str
    program: str
    n_before: int
    n_start: int
    n_round: int
    chance: float


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round.

    Attributes:
        number: from 1.
        folder: of its run, from that of the rounds.
        n_problems: train problems that it drew; `left_out` those that it did not, by reason.
        pairs: rows that were trained on, by policy, those of other datasets by `dataset NAME`.
        start: score of the start on the held-out problems; `score` that of the round's model.
        gains: against the start, by measure; `step_gains` against the round before.
        slices: against the start, on parts of the problems.
        refusals: checks of the gate that did not hold, against the start.
        lost: approaches of the start that are gone.
        kl: KL of the round's model to the start over its own held-out draws, nats per token; None if not measured.
        tokens: drawn for this round, its evaluation included; `training_s` seconds of its steps.
        stop: why no round follows; empty where one may.
    """

    number: int
    folder: str
    n_problems: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)
    start: Score | None = None
    score: Score | None = None
    gains: tuple[Gain, ...] = ()
    step_gains: tuple[Gain, ...] = ()
    slices: tuple[SliceGain, ...] = ()
    refusals: tuple[GateCheck, ...] = ()
    lost: tuple[LostApproach, ...] = ()
    kl: float | None = None
    tokens: int = 0
    training_s: float = 0.0
    stop: str = ""

    def gain(self, measure: str) -> Gain | None:
        """Return what changed against the start by one measure; None where it was not measured."""
        return next((gain for gain in self.gains if gain.measure == measure), None)


@dataclass(frozen=True, slots=True)
class RoundsResult:
    """All rounds so far, and which one to keep: its number, 0 for the start, None where none was scored."""

    rows: tuple[RoundRow, ...]
    recommended: int | None
