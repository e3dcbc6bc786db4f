"""Likelihood displacement: chosen and rejected answers both become less likely."""

import math
import statistics
from collections.abc import Sequence

from pairsmith.schemas.training import TrainingStep

DISPLACED = (
    "chosen and rejected answers both became less likely (likelihood displacement); a smaller learning rate, "
    "fewer steps, a larger beta or the method rpo may help"
)
_MIN_STEPS = 3  # in a fifth of the run, for a standard error to mean something


def is_displaced(steps: Sequence[TrainingStep]) -> bool:
    """Return whether chosen and rejected answers both became less likely, by the last fifth of the steps.

    Where the method has a reference, both log-ratios to it are below 0 there, beyond twice their standard error.
    Elsewhere log-probabilities are compared with the first fifth's: steps see different answers, so only a fall
    beyond twice the standard error of the difference counts.

    Source: likelihood displacement, Razin et al. 2024, arXiv:2410.08847.
    """
    part = len(steps) // 5
    if part < _MIN_STEPS:
        return False
    first, last = steps[:part], steps[-part:]
    if any(step.chosen_reward is not None for step in last):
        return all(_is_below(_values(last, name)) for name in ("chosen_reward", "rejected_reward"))
    return all(
        _has_fallen(_values(first, name), _values(last, name)) for name in ("chosen_logprob", "rejected_logprob")
    )


def _values(steps: Sequence[TrainingStep], name: str) -> list[float]:
    return [value for step in steps if (value := getattr(step, name)) is not None]


def _is_below(values: list[float]) -> bool:
    if len(values) < _MIN_STEPS or not all(map(math.isfinite, values)):
        return False
    return statistics.fmean(values) < -2 * statistics.stdev(values) / math.sqrt(len(values))


def _has_fallen(first: list[float], last: list[float]) -> bool:
    if min(len(first), len(last)) < _MIN_STEPS or not all(map(math.isfinite, first + last)):
        return False
    error = math.sqrt(statistics.variance(first) / len(first) + statistics.variance(last) / len(last))
    return statistics.fmean(last) < statistics.fmean(first) - 2 * error
