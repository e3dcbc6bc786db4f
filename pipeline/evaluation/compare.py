"""What alignment changed, problem by problem, and on parts of the problems: a level, a topic, a language."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from pairsmith.pipeline.evaluation.estimates import (
    CONFIDENCE,
    Abundances,
    ScoringError,
    estimate_pass_at_k,
    generator,
    percentile_intervals,
    rarefied_distinct,
)
from pairsmith.pipeline.evaluation.score import bounds_of, list_measures
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.config import ScoringConfig, SyntaxConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.score import Gain, LostApproach, ProblemScore, Score, SliceGain

Both = tuple[Mapping[str, Abundances], Mapping[str, Abundances]]
ValueOf = Callable[[ProblemScore, ProblemScore], tuple[float, float] | None]


def compare_scores(
    before: Score, after: Score, config: ScoringConfig, seed: int, abundances: Both | None = None
) -> tuple[Gain, ...]:
    """Return after minus before: pass@k for each k, then distinct syntax, behaviour and passed programs.

    Further measures follow, where both sides have them (`pipeline.evaluation.score`).

    Problems are paired by id and resampled together. A problem takes part in a measure where both sides allow
    it: k decided candidates for pass@k; for a distinct share two draws, since one draw is always distinct. So
    a gain's `before` may differ from the score's own. Distinct shares are compared at the smaller number of
    draws of the two, by rarefaction of `abundances`; without them, only problems with equal numbers take
    part. A measure that no problem allows is left out.

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
        n_distinct = attrgetter(f"n_distinct_{kind}")
        return n_distinct(one) / m, n_distinct(other) / m
    if abundances is None:
        return None
    counts = [getattr(side[one.problem_id], kind) for side in abundances]
    return rarefied_distinct(counts[0], m) / m, rarefied_distinct(counts[1], m) / m


MAX_CHANCE = 0.01  # of a false alarm for each approach: 4 of 8 draws before and none of 8 after are rarer
Draws = dict[str, tuple[list[Program], int]]
"""problem_id to passed programs, and the number of decided draws."""


def lost_approaches(
    before: Draws, after: Draws, languages: Mapping[str, str], config: SyntaxConfig
) -> list[LostApproach]:
    """Return the right approaches that one model drew and the other does not draw any more.

    An approach is a near-duplicate cluster of passed programs. It counts as lost where its absence has a chance of
    at most `MAX_CHANCE` if it were still drawn as often: (1 - c / n) ** m for c of n draws before, m after.

    Args:
        before: draws of the start; `after` those of the aligned model.
        languages: of the problems, Python where none is named.
        config: when programs are near-duplicates.
    """
    found = []
    for key in sorted(set(before) & set(after)):
        (old, n_start), (new, n_round) = before[key], after[key]
        both = {program.candidate_id: program for program in (*old, *new)}
        rows = analyse_problem(list(both.values()), config, languages.get(key, "python"))
        clusters = {row.candidate_id: row.cluster for row in rows}
        still = {clusters[program.candidate_id] for program in new}
        counts = Counter(clusters[program.candidate_id] for program in old)
        for cluster, n in sorted(counts.items()):
            chance = (1.0 - n / n_start) ** n_round
            if cluster not in still and chance <= MAX_CHANCE:
                code = next(program.code for program in old if clusters[program.candidate_id] == cluster)
                found.append(LostApproach(key, code, n, n_start, n_round, chance))
    return found


def _value(measure: str, one: ProblemScore, other: ProblemScore) -> tuple[float, float] | None:
    if measure not in one.values or measure not in other.values:
        return None
    return one.values[measure], other.values[measure]


def _gain(measure: str, rows: NDArray[np.float64], config: ScoringConfig, seed: int) -> Gain:
    # An interval over a handful of problems is too narrow. So many must have changed that a sign test could
    # be significant at all, had all changed alike: 2 * 0.5 ** n <= 1 - confidence, 6 problems at 0.95.
    n_changed, doubt = int(np.count_nonzero(rows[:, 2])), 1.0 - CONFIDENCE
    is_enough = 2.0 * 0.5**n_changed <= doubt
    low, high = bounds_of(measure)
    few = (low - high, high - low) if 2.0 * 0.5 ** len(rows) > doubt else None
    numbers = generator(seed, measure)
    old, new, change = percentile_intervals(
        rows, config.n_bootstrap, CONFIDENCE, numbers, [(low, high), (low, high), few]
    )
    return Gain(measure, old, new, change, is_enough and (change.low > 0.0 or change.high < 0.0))


_MEASURES = ("pass@1", "distinct_syntax")


def find_slices(problems: Iterable[Problem]) -> dict[str, tuple[str, ...]]:
    """Return the ids of each slice's problems, by the slice's name; both sorted."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for problem in problems:
        for name in ("language", "level", "topic"):
            if value := getattr(problem, name):
                found[f"{name}={value}"].add(problem.problem_id)
    return {name: tuple(sorted(ids)) for name, ids in sorted(found.items())}


def compare_slices(
    before: Score,
    after: Score,
    slices: Mapping[str, Sequence[str]],
    config: ScoringConfig,
    seed: int,
    abundances: Both | None = None,
) -> tuple[SliceGain, ...]:
    """Return what changed on each slice that has `config.min_slice` problems or more; by name.

    A slice of all problems equals the whole, and is left out. Intervals are not corrected: of twenty slices at
    a confidence of 0.95 one seems to change by chance.
    """
    both = {part.problem_id for part in before.problems} & {part.problem_id for part in after.problems}
    settings = config.model_copy(update={"k": (1,)})
    found = []
    for name, ids in sorted(slices.items()):
        wanted = both & set(ids)
        if len(wanted) < config.min_slice or len(wanted) == len(both):
            continue
        gains = compare_scores(_part(before, wanted), _part(after, wanted), settings, seed, abundances)
        found.append(SliceGain(name, len(wanted), tuple(gain for gain in gains if gain.measure in _MEASURES)))
    return tuple(found)


def pass_gains(slices: Iterable[SliceGain]) -> dict[str, Gain]:
    """Return the gain of pass@1 of each slice, by its name."""
    return {part.name: gain for part in slices for gain in part.gains if gain.measure == "pass@1"}


def _part(score: Score, ids: set[str]) -> Score:
    parts = [replace(part, values={}) for part in score.problems if part.problem_id in ids]
    return replace(score, problems=tuple(parts))
