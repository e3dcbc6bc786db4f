"""Bootstrap intervals over problems.

Percentile intervals (Efron and Tibshirani 1993, chapter 13): the quantiles of the resampled means, neither
bias-corrected nor accelerated. They tell how far the mean would move with other problems of the same kind;
the luck of the draw within a problem is in each problem's value and so in them too. With few problems they are too
narrow: `pipeline.evaluation.scores.compare` says what it does about that. Where all problems have one value,
resampling says nothing, and the interval is `interval_of_one_value`.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pairsmith.schemas.score import Interval

_CHUNK = 256  # resamples held at once: 256 * 10,000 problems * 8 bytes = 20 MB
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
        n_bootstrap: resamples, each of n_problems rows with replacement.
        numbers: source of randomness.
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
        n_bootstrap: resamples.
        confidence: share of the resampled means that the interval holds, in (0, 1).
        numbers: source of randomness.
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
