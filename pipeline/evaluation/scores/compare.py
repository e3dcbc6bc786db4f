"""What alignment changed, problem by problem."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pairsmith.pipeline.evaluation.scores.bootstrap import generator, percentile_intervals
from pairsmith.pipeline.evaluation.scores.kinds import (
    Abundances,
    ScoringError,
    estimate_pass_at_k,
    rarefied_distinct,
)
from pairsmith.pipeline.evaluation.scores.measures import bounds_of
from pairsmith.pipeline.evaluation.scores.score import list_measures
from pairsmith.schemas.config import ScoringConfig
from pairsmith.schemas.score import Gain, ProblemScore, Score

Both = tuple[Mapping[str, Abundances], Mapping[str, Abundances]]
ValueOf = Callable[[ProblemScore, ProblemScore], tuple[float, float] | None]


def compare_scores(
    before: Score, after: Score, config: ScoringConfig, seed: int, abundances: Both | None = None
) -> tuple[Gain, ...]:
    """Return after minus before: pass@k for each k, then distinct syntax, behaviour and passed programs.

    Further measures follow, where both sides have them (`pipeline.evaluation.scores.measures`).

    Problems are paired by id and resampled together. A problem takes part in a measure where both sides allow
    it: k decided candidates for pass@k; for a distinct share two draws, since one draw is always distinct. So
    a gain's `before` may differ from the score's own. Distinct shares are compared at the smaller number of
    draws of the two, by rarefaction of `abundances`; without them, only problems with equal numbers take
    part. A measure that no problem allows is left out.

    Args:
        before: score of the start.
        after: score of the aligned model.
        config: k, resamples and confidence.
        seed: of the bootstrap.
        abundances: what `count_abundances` gave for before and after.

    Raises:
        ScoringError: if the scores share no problem.
    """
    first = {part.problem_id: part for part in before.problems}
    pairs = [(first[part.problem_id], part) for part in after.problems if part.problem_id in first]
    if not pairs:
        raise ScoringError(
            f"{before.name} and {after.name} share no problem; score both on the same held-out problems"
        )
    pairs.sort(key=lambda pair: pair[0].problem_id)
    measures: dict[str, ValueOf] = {f"pass@{k}": partial(_pass_at_k, k) for k in sorted(set(config.k))}
    for kind in ("syntax", "behaviour", "passed"):
        measures[f"distinct_{kind}"] = partial(_distinct, kind, abundances)
    for measure in list_measures(after.problems):
        measures[measure] = partial(_value, measure)
    gains = []
    for measure, value_of in measures.items():
        found = [value_of(one, other) for one, other in pairs]
        rows = [(*value, value[1] - value[0]) for value in found if value is not None]
        if rows:
            gains.append(_gain(measure, np.array(rows), config, seed))
    return tuple(gains)


def _pass_at_k(k: int, one: ProblemScore, other: ProblemScore) -> tuple[float, float] | None:
    if min(one.n, other.n) < k:
        return None
    return estimate_pass_at_k(one.n, one.c, k), estimate_pass_at_k(other.n, other.c, k)


def _distinct(
    kind: str, abundances: Both | None, one: ProblemScore, other: ProblemScore
) -> tuple[float, float] | None:
    n_one, n_other = (one.c, other.c) if kind == "passed" else (one.n, other.n)
    m = min(n_one, n_other)
    if m < 2:
        return None
    if n_one == n_other:
        return _n_distinct(kind, one) / m, _n_distinct(kind, other) / m
    if abundances is None:
        return None
    counts = [getattr(side[one.problem_id], kind) for side in abundances]
    return rarefied_distinct(counts[0], m) / m, rarefied_distinct(counts[1], m) / m


def compare_tags(before: Score, after: Score, config: ScoringConfig, seed: int) -> tuple[Gain, ...]:
    """Return how the share of candidates with each style tag changed, the largest change first.

    Of 49 tags at a confidence of 0.95 two or three seem to change by chance.
    """
    first = {part.problem_id: part for part in before.problems if part.n}
    pairs = [(first[part.problem_id], part) for part in after.problems if part.n and part.problem_id in first]
    tags = sorted({tag for pair in pairs for part in pair for tag in part.tags})
    gains = []
    for tag in tags:
        values = [(one.tags.get(tag, 0.0), other.tags.get(tag, 0.0)) for one, other in pairs]
        gains.append(_gain(tag, np.array([(old, new, new - old) for old, new in values]), config, seed))
    return tuple(sorted(gains, key=lambda gain: (-abs(gain.change.value), gain.measure)))


def _value(measure: str, one: ProblemScore, other: ProblemScore) -> tuple[float, float] | None:
    if measure not in one.values or measure not in other.values:
        return None
    return one.values[measure], other.values[measure]


def _n_distinct(kind: str, part: ProblemScore) -> int:
    by_kind = {
        "syntax": part.n_distinct_syntax,
        "behaviour": part.n_distinct_behaviour,
        "passed": part.n_distinct_passed,
    }
    return by_kind[kind]


def _gain(measure: str, rows: NDArray[np.float64], config: ScoringConfig, seed: int) -> Gain:
    """Return the gain of one measure.

    Args:
        measure: its name.
        rows: before, after and their difference, one row a problem, shape (n_problems, 3).
        config: resamples and confidence.
        seed: of the bootstrap.
    """
    # An interval over a handful of problems is too narrow. So many must have changed that a sign test could
    # be significant at all, had all changed alike: 2 * 0.5 ** n <= 1 - confidence, 6 problems at 0.95.
    n_changed, doubt = int(np.count_nonzero(rows[:, 2])), 1.0 - config.confidence
    is_enough = 2.0 * 0.5**n_changed <= doubt
    low, high = bounds_of(measure)
    few = (low - high, high - low) if 2.0 * 0.5 ** len(rows) > doubt else None
    numbers = generator(seed, measure)
    old, new, change = percentile_intervals(
        rows, config.n_bootstrap, config.confidence, numbers, [(low, high), (low, high), few]
    )
    return Gain(measure, old, new, change, is_enough and (change.low > 0.0 or change.high < 0.0))
