"""What the report shows, gathered: records of counts, without a path, a file or a time of day in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.manifest import Manifest, PairingReport
from pairsmith.schemas.score import Gain, GateCheck, Score, SliceGain
from pairsmith.schemas.training import TrainingStep, TrainingSummary


class ReportError(PairsmithError):
    """The run folder can't be reported on."""


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """Candidates with one label and one cause."""

    label: str
    cause: str
    n: int


@dataclass(frozen=True, slots=True)
class CandidateStep:
    """Candidates that got as far as one step of the funnel, by what they turned out to be.

    Attributes:
        failed: failed when run.
        failed_unrun: failed because there was no code that could be run.
    """

    name: str
    passed: int
    failed: int
    failed_unrun: int
    undecided: int

    @property
    def n(self) -> int:
        """Return all candidates of the step."""
        return self.passed + self.failed + self.failed_unrun + self.undecided


@dataclass(frozen=True, slots=True)
class ProblemOutcome:
    """What came of one problem.

    Attributes:
        level: trivial, easy, medium; empty where ungraded.
        n_decided: candidates that passed or failed.
        n_passed: of those, passed.
        n_undecided: candidates without a label.
        main_cause: the commonest cause of failure; empty where none failed.
    """

    problem_id: str
    level: str
    n_decided: int
    n_passed: int
    n_undecided: int
    main_cause: str

    @property
    def pass_rate(self) -> float:
        """Return the share of the decided candidates that passed, in [0, 1]; 0 where none was decided."""
        return self.n_passed / self.n_decided if self.n_decided else 0.0


@dataclass(frozen=True, slots=True)
class WeakReason:
    """Weak problems with the same likeliest reason: id and details of each."""

    reason: str
    problems: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class UndecidedCount:
    """Candidates without a label for one cause; `detail` is a missing package, or the error of a suspect test."""

    cause: str
    detail: str
    n: int
    problem_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A problem, or a line of a file of problems, that was asked for and is not in the run."""

    where: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class LengthCount:
    """Pairs whose chosen (rejected) program has this many lines of code."""

    n_lines: int
    n_chosen: int
    n_rejected: int


@dataclass(frozen=True, slots=True)
class TagShare:
    """Share of the pairs whose chosen (rejected) program has a style tag, in [0, 1]."""

    tag: str
    chosen: float
    rejected: float


@dataclass(frozen=True, slots=True)
class PairFacts:
    """The pairs in figures.

    Attributes:
        n_train, n_test: pairs of the two splits.
        n_problems: problems that have a pair.
        lengths: one entry a number of lines that occurs, ascending; medians: of chosen and of rejected programs.
        tags: all tags that occur, the largest difference of shares first.
        examples: columns of a few pairs, one a problem, the commonest causes first. Codes are hostile text.
    """

    n_train: int
    n_test: int
    n_problems: int
    lengths: tuple[LengthCount, ...]
    medians: tuple[float, float]
    tags: tuple[TagShare, ...]
    examples: tuple[Mapping[str, Any], ...]

    @property
    def n(self) -> int:
        """Return all pairs."""
        return self.n_train + self.n_test


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """The training log; `summary` is None where training has not come to its end."""

    steps: tuple[TrainingStep, ...]
    summary: TrainingSummary | None


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """Answers of one kind: how many, and the problems and draws of a few."""

    name: str
    about: str
    n: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportInput:
    """All that the report shows of one run. Parts that the run has not come to are None or empty.

    Attributes:
        stages: manifests of the stages that are done, in the order of the pipeline.
        outcomes: labels and causes: passed first, then failed and undecided, by falling count.
        problems: one entry a problem that has a candidate, by id.
        gains: after minus before, in the order of the evaluation; likewise `slices` and further `sets`.
        refusals: checks of the gate that did not hold.
        answers: how answers became programs: all that were read, then each kind that came.
        left_out: problems that were asked for and are not in the run.
        weak: the weakest problems by the likeliest reason why they are seldom or never solved.
    """

    name: str
    stages: tuple[Manifest, ...]
    candidate_steps: tuple[CandidateStep, ...]
    n_problems: int
    outcomes: tuple[VerdictCount, ...]
    problems: tuple[ProblemOutcome, ...]
    pairs: PairFacts | None
    pairing: PairingReport | None
    training: TrainingFacts | None
    before: Score | None
    after: Score | None
    gains: tuple[Gain, ...]
    slices: tuple[SliceGain, ...] = ()
    sets: Mapping[str, tuple[Gain, ...]] = field(default_factory=dict)
    refusals: tuple[GateCheck, ...] = ()
    undecided: tuple[UndecidedCount, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    weak: tuple[WeakReason, ...] = ()
    answers: tuple[AnswerCount, ...] = ()

    @property
    def n_undecided(self) -> int:
        """Return the candidates without a label."""
        return sum(outcome.n for outcome in self.outcomes if outcome.label == "undecided")

    @property
    def n_faults(self) -> int:
        """Return the candidates without a label because the sandbox broke."""
        return sum(outcome.n for outcome in self.outcomes if outcome.cause == "sandbox_fault")
