"""Estimates from draws and their intervals over problems: pass@k, how many kinds a model writes, the bootstrap.

The share of distinct programs falls with the number of draws, whatever the model: two models are compared at equal
numbers, by rarefaction. Programs are distinguished by their renaming-proof fingerprint, programs that don't parse
by their exact one; answers without code are one program.

Percentile intervals (Efron and Tibshirani 1993, chapter 13): the quantiles of the resampled means, neither
bias-corrected nor accelerated. They show how far the mean would move with other problems of the same kind;
the luck of the draw within a problem is in each problem's value and so in them too. With few problems they are too
narrow: `pipeline.evaluation.compare` says what it does about that. Where all problems have one value,
resampling says nothing, and the interval is `interval_of_one_value`.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.candidate import Syntax
from pairsmith.schemas.score import Interval
from pairsmith.schemas.verdict import Cause, Label, Verdict


class ScoringError(PairsmithError):
    """Something can't be scored or compared."""


@dataclass(frozen=True, slots=True)
class Abundances:
    """How often each distinct thing came among a problem's decided candidates, largest count first."""

    problem_id: str
    syntax: tuple[int, ...]  # candidates a distinct program; the sum is the number of decided candidates
    behaviour: tuple[int, ...]  # candidates a distinct behaviour signature (a cause, where nothing ran)
    passed: tuple[int, ...]  # passed candidates a distinct program


def rarefied_distinct(counts: Sequence[int], m: int) -> float:
    """Return how many distinct kinds m draws hold in expectation, drawn without replacement.

    A kind is missed with probability C(N - N_i, m) / C(N, m), which is one minus the pass@m of its N_i items
    among all N: so the expectation is a sum of pass@m.

    Args:
        counts: items of each kind, N_i >= 1; N is their sum.
        m: draws, 1 <= m <= N.

    Raises:
        ValueError: if m is outside [1, N].

    Source: Hurlbert 1971, Ecology 52:577-586, E(S_n) (doi:10.2307/1934145).
    """
    n = sum(counts)
    if not 1 <= m <= n:
        raise ValueError(f"{m} draws from {n} items: 1 <= m <= {n} is required")
    return sum(estimate_pass_at_k(n, count, m) for count in counts)


def count_abundances(
    verdicts: Iterable[Verdict], syntax: Iterable[Syntax], problem_ids: Collection[str]
) -> dict[str, Abundances]:
    """Return the abundances of each problem by its id, sorted by id; undecided candidates are left out.

    Raises:
        ScoringError: if a decided candidate with code has no syntax.
    """
    trees = {tree.candidate_id: tree for tree in syntax}
    wanted = frozenset(problem_ids)
    of_problem: defaultdict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.problem_id in wanted and verdict.label is not Label.UNDECIDED:
            of_problem[verdict.problem_id].append(verdict)
    found = {}
    for key in sorted(wanted):
        programs = [(_fingerprint(row, trees), row.label) for row in of_problem[key]]
        found[key] = Abundances(
            key,
            _counts([program for program, _ in programs]),
            _counts([row.signature or str(row.cause) for row in of_problem[key]]),
            _counts([program for program, label in programs if label is Label.PASSED]),
        )
    return found


def _counts(kinds: list[str]) -> tuple[int, ...]:
    return tuple(sorted(Counter(kinds).values(), reverse=True))


def _fingerprint(verdict: Verdict, trees: dict[str, Syntax]) -> str:
    if verdict.cause is Cause.NO_CODE:
        return "no code"
    tree = trees.get(verdict.candidate_id)
    if tree is None:
        raise ScoringError(
            f"{verdict.problem_id}: candidate {verdict.candidate_id} has a verdict but no syntax row; "
            "run the stage syntax on the same candidates"
        )
    return tree.renamed or tree.exact


def estimate_pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased pass@k of one problem, in [0, 1].

    Args:
        n: candidates drawn.
        c: candidates that passed, 0 <= c <= n.
        k: draws allowed, 1 <= k <= n.

    Raises:
        ValueError: if k > n, where no unbiased estimate exists, or another argument is out of its range.

    Source: Chen et al. 2021, arXiv:2107.03374, equation 1, as the product of its appendix: no binomial
    coefficient is formed, so large n neither overflows nor cancels.
    """
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} candidates: 1 <= k <= n is required; draw more candidates, or lower k")
    if not 0 <= c <= n:
        raise ValueError(f"{c} of {n} candidates passed: 0 <= c <= n is required")
    if n - c < k:
        return 1.0
    all_fail = 1.0
    for m in range(n - c + 1, n + 1):
        all_fail *= 1.0 - k / m
    return 1.0 - all_fail


def rarefied_effective(counts: Sequence[int], m: int) -> float:
    """Return the effective number of kinds among m draws, expected over all ways to draw them without replacement.

    It is the exponential of Shannon's entropy: m where all draws differ, 1 where all are alike. Two models are
    comparable at the same m.

    Args:
        counts: items of each kind, N_i >= 1; N is their sum.
        m: draws, 1 <= m <= N.

    Source: Chao et al. 2014, Ecological Monographs 84:45-67 (doi:10.1890/13-0133.1), equations 4 and 5, order 1:
    the Hill number of the expected frequency counts f_k(m) = sum over i of C(N_i, k) C(N - N_i, m - k) / C(N, m).
    """
    frequencies = expected_frequencies(counts, m)
    return math.exp(-sum(f * (k / m) * math.log(k / m) for k, f in enumerate(frequencies, start=1)))


def expected_frequencies(counts: Sequence[int], m: int) -> list[float]:
    """Return how many kinds are expected to come k times among m draws, for k from 1 to m."""
    n = sum(counts)
    ways = math.comb(n, m)
    return [
        sum(math.comb(count, k) * math.comb(n - count, m - k) for count in counts if count >= k) / ways
        for k in range(1, m + 1)
    ]


_CHUNK = 256  # resamples held at once: 256 * 10,000 problems * 8 bytes = 20 MB
CONFIDENCE = 0.95
"""Of all intervals and of what is called significant, as papers report them."""
UNDEFINED = Interval(float("nan"), float("nan"), float("nan"))


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers of one measure: they don't depend on which measures came before it."""
    entropy = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16])
    return np.random.default_rng(entropy)


def resample_means(
    values: NDArray[np.float64], n_bootstrap: int, numbers: np.random.Generator
) -> NDArray[np.float64]:
    """Return the means of resampled problems, shape (n_bootstrap, n_measures).

    Args:
        values: one row a problem, one column a measure, shape (n_problems, n_measures), n_problems >= 1. A
            resample takes whole rows, so columns stay paired.
    """
    n_problems, n_measures = values.shape
    means = np.empty((n_bootstrap, n_measures))
    for start in range(0, n_bootstrap, _CHUNK):
        n_rows = min(_CHUNK, n_bootstrap - start)
        picks = numbers.integers(0, n_problems, size=(n_rows, n_problems))
        for measure in range(n_measures):
            means[start : start + n_rows, measure] = values[:, measure][picks].mean(axis=1)
    return means


def interval_of_one_value(value: float, n: int, bounds: tuple[float, float], confidence: float) -> Interval:
    """Return the interval of a mean over n problems that all have one value.

    A share p of other problems, up to the extremes, is missed by n draws with a chance of (1 - p)^n: all p stay in
    the interval for which that is at least (1 - confidence) / 2.

    Args:
        value: what all have.
        n: problems, at least 1.
        bounds: least and largest value that a problem can have.
        confidence: in (0, 1).

    Source: the rule of three, Hanley and Lippman-Hand 1983, JAMA 249(13), 1743-1745, for any value.
    """
    missed = 1.0 - ((1.0 - confidence) / 2.0) ** (1.0 / n)
    low, high = bounds
    return Interval(value, value - missed * (value - low), value + missed * (high - value))


def percentile_intervals(
    values: NDArray[np.float64],
    n_bootstrap: int,
    confidence: float,
    numbers: np.random.Generator,
    bounds: Sequence[tuple[float, float] | None] | None = None,
) -> list[Interval]:
    """Return the mean of each column with its interval; `UNDEFINED` ones where there are no problems.

    Args:
        values: one row a problem, one column a measure, shape (n_problems, n_measures).
        confidence: share of the resampled means that the interval holds, in (0, 1).
        bounds: of each column, least and largest value; of one that has them and holds one value only the interval
            is `interval_of_one_value`.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.
    """
    if not len(values):
        return [UNDEFINED] * values.shape[1]
    means = resample_means(values, n_bootstrap, numbers)
    tail = (1.0 - confidence) / 2.0
    lows, highs = np.quantile(means, [tail, 1.0 - tail], axis=0)
    found = [
        Interval(float(value), float(low), float(high))
        for value, low, high in zip(values.mean(axis=0), lows, highs, strict=True)
    ]
    for place, ends in enumerate(bounds or ()):
        column = values[:, place]
        if ends is not None and column.min() == column.max():
            found[place] = interval_of_one_value(float(column[0]), len(column), ends, confidence)
    return found
