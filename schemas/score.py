"""What a model scores on held-out problems: pass rates, and the range of what it writes."""

from dataclasses import dataclass, field


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
            `pipeline.evaluation.scores.measures`).
        tags: style tag to its share of the decided candidates, in (0, 1].
    """

    problem_id: str
    n: int
    c: int
    n_distinct_syntax: int
    n_distinct_behaviour: int
    n_distinct_passed: int
    values: dict[str, float] = field(default_factory=dict)
    tags: dict[str, float] = field(default_factory=dict)


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
        tag_shares: style tag to its share of candidates, in [0, 1].
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
    tag_shares: dict[str, float]
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
        is_significant: whether the interval of the change leaves out 0, and enough problems changed for a sign
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
        name: such as `topic=strings`, `level=easy`, `niche=imports`.
        n_problems: problems that both models were scored on.
        gains: pass@1 and diversity.
    """

    name: str
    n_problems: int
    gains: tuple[Gain, ...]
