"""The gate for numbers from outside: what servers, engines and stored rows claim is checked before it is kept.

A count of `10**30` breaks an int64 column, a log-probability of `NaN` or `1e999` poisons every mean. Python's JSON
reader takes both. A row that fails here is `nonsense`: a server is asked again, a stored row is drawn anew.
"""

import math
from collections.abc import Sequence

from pairsmith.pipeline.sampling.protocol import Drawn
from pairsmith.schemas.candidate import Candidate

MAX_COUNT = 2**31 - 1  # tokens; far above any context, far below what int64 holds
_ROUNDING = 1e-3  # servers that compute in bfloat16 give log-probabilities slightly above 0
_LEAST_LOGPROB = -1e6  # OpenAI writes -9999.0 for "very improbable"
_LEAST_SEED = -1  # the backend takes none


class NonsenseError(ValueError):
    """A number that can't be what it claims to be."""


def read_count(value: object, name: str) -> int:
    """Return a count of tokens in [0, 2**31); -1 where none was given.

    Raises:
        NonsenseError: if it is no whole number, negative or out of range.
    """
    if value is None:
        return -1
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise NonsenseError(f"{name} is not a count of tokens")
    return value


def read_logprob(value: object, name: str = "logprob") -> float:
    """Return a natural-log probability, <= 0 and finite; rounding above 0 becomes 0.

    Raises:
        NonsenseError: if it is no number, not finite, positive or below -1e6.
    """
    if type(value) not in (int, float) or not _LEAST_LOGPROB <= value <= _ROUNDING:  # type: ignore[operator]
        raise NonsenseError(f"{name} is not a log-probability")
    return min(float(value), 0.0)  # type: ignore[arg-type]


def read_seconds(text: str) -> float:
    """Return seconds >= 0 that a server wrote as text; 0.0 where they are negative or not finite.

    Raises:
        ValueError: if it is no number.
    """
    value = float(text)
    return value if math.isfinite(value) and value > 0.0 else 0.0


def check_row(row: Drawn | Candidate) -> None:
    """Check every number of a row, whichever backend or file gave it.

    Raises:
        NonsenseError: names the first field that is out of range or of the wrong type.
    """
    _check_counts(row, ("n_prompt_tokens", "n_tokens"))
    if row.mean_logprob is not None:
        read_logprob(row.mean_logprob, "mean_logprob")
    _check_logprobs(row.token_logprobs)
    if type(row.seed) is not int or not _LEAST_SEED <= row.seed <= MAX_COUNT:
        raise NonsenseError("seed is out of range")
    if type(row.wall_s) not in (int, float) or not 0.0 <= row.wall_s < math.inf:
        raise NonsenseError("wall_s is not a number of seconds")


def _check_counts(row: Drawn | Candidate, names: Sequence[str]) -> None:
    for name in names:
        value = getattr(row, name)
        read_count(None if type(value) is int and value == -1 else value, name)


def _check_logprobs(values: Sequence[float]) -> None:
    for value in values:
        read_logprob(value, "token_logprobs")
