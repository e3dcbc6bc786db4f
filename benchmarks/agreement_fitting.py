"""Fits the coefficients of agreement's estimate on known problems, and measures how calibrated it is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

from pairsmith.pipeline.synthesis.estimate import FEATURES, Coefficients, Floats

_RIDGE = 0.002  # for each squared coefficient and problem
_EDGES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


class Bin(NamedTuple):
    """Responses of about one posterior, each problem counting once."""

    n: int  # responses; weight: problems' worth of them
    weight: float
    predicted: float  # mean posterior; right: share that is right, both in [0, 1]
    right: float


def fit(problems: Sequence[tuple[Floats, npt.NDArray[np.bool_]]]) -> Coefficients:
    """Return the coefficients that make what is known most likely: a conditional logit with a ridge.

    Args:
        problems: for each its features, [groups, features], and which groups are right, [groups]; none may be.

    Source: McFadden 1974, "Conditional logit analysis of qualitative choice behavior".
    """

    def loss(values: Floats) -> tuple[float, Floats]:
        """Return what is minimised, and its gradient."""
        total = _RIDGE * len(problems) * float(values[:-1] @ values[:-1])
        slope = np.append(2 * _RIDGE * len(problems) * values[:-1], 0.0)
        for rows, right in problems:
            scores = log_softmax(np.append(rows @ values[:-1], values[-1]))
            wanted = np.append(right, not right.any())
            likelihood = float(logsumexp(scores[wanted]))
            surplus = np.exp(scores) - np.where(wanted, np.exp(scores - likelihood), 0.0)
            total -= likelihood
            slope += np.append(surplus[:-1] @ rows, surplus[-1])
        return total, slope

    found = minimize(loss, np.zeros(len(FEATURES) + 1), jac=True, method="L-BFGS-B")
    return Coefficients(tuple(float(value) for value in found.x[:-1]), float(found.x[-1]))


def measure_bins(
    posteriors: Sequence[npt.NDArray[np.float64]], right: Sequence[npt.NDArray[np.bool_]]
) -> tuple[tuple[Bin, ...], float]:
    """Return bins of posteriors against the truth, and the expected calibration error.

    Args:
        posteriors: of each problem's responses; right: whether each is.

    Source: Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    """
    weights = np.concatenate([np.full(len(rows), 1 / max(len(rows), 1)) for rows in posteriors])
    values, truth = np.concatenate(list(posteriors)), np.concatenate(list(right)).astype(np.float64)
    place = np.clip(np.searchsorted(_EDGES, values, side="right") - 1, 0, len(_EDGES) - 2)
    bins, error = [], 0.0
    for number in range(len(_EDGES) - 1):
        inside = place == number
        weight = float(weights[inside].sum())
        if not weight:
            continue
        predicted = float(weights[inside] @ values[inside] / weight)
        share = float(weights[inside] @ truth[inside] / weight)
        bins.append(Bin(int(inside.sum()), weight, predicted, share))
        error += weight * abs(predicted - share)
    return tuple(bins), error / float(weights.sum())
