"""What a run will take and give, from what earlier runs of its models measured: tokens, time, money and pairs.

Means over problems are carried over to what is missing: draws of one problem resemble each other. The interval
covers the scatter of the missing problems and the doubt about the mean: t * sd * sqrt(m + m^2 / n) for m problems
missing and n known, t being the 97.5% quantile of Student. Few values that happen to be equal tell little: sd is
at least mean / n.

Source: prediction interval of a sum: Hahn and Meeker, Statistical Intervals, 1991, section 4.8.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.models import choose_backend
from pairsmith.schemas.config import RunConfig

# Of max_tokens that an answer takes, where none of this model was seen: answers end with their code.
_GUESSED_SHARE = 0.6
_SEEN_FILE = "measured.json"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the interval in which 95% of outcomes should fall."""

    value: float
    low: float
    high: float

    def words(self, digits: int = 0) -> str:
        """Return it as `120 [90, 150]`."""
        return f"{self.value:,.{digits}f} [{self.low:,.{digits}f}, {self.high:,.{digits}f}]"

    def plus(self, other: "Estimate") -> "Estimate":
        """Return the sum; its interval is as wide as both together."""
        return Estimate(self.value + other.value, self.low + other.low, self.high + other.high)

    def scaled(self, factor: float) -> "Estimate":
        """Return it in another unit."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum and sum of squares of a measured quantity."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def plus(self, value: float) -> "Moments":
        """Return the moments with one more value."""
        return Moments(self.n + 1, self.total + value, self.squares + value * value)

    @property
    def mean(self) -> float:
        """Return the mean; 0.0 of nothing."""
        return self.total / self.n if self.n else 0.0

    @property
    def deviation(self) -> float:
        """Return the standard deviation; 0.0 of fewer than two values."""
        if self.n < 2:
            return 0.0
        return math.sqrt(max(self.squares - self.total * self.total / self.n, 0.0) / (self.n - 1))

    def carried(self, n_missing: int, each: float = 1.0) -> Estimate:
        """Return the sum over as many values as are missing, each of them `each` times."""
        half = 0.0
        if self.n:
            from scipy.special import stdtrit  # only where something is forecast

            scatter = max(self.deviation, self.mean / self.n) * math.sqrt(n_missing + n_missing**2 / self.n)
            half = float(stdtrit(max(self.n - 1, 1), 0.975)) * each * scatter
        value = n_missing * each * self.mean
        return Estimate(value, max(0.0, value - half), value + half)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run will take and give; None where nothing is known of it.

    Attributes:
        tokens: drawn tokens.
        sampling_s: seconds of sampling.
        money: price of it.
        pairs: pairs.
    """

    tokens: Estimate
    sampling_s: Estimate | None
    money: Estimate | None
    pairs: Estimate | None

    def words(self, currency: str) -> str:
        """Return one line, such as `1,200 [1,100, 1,300] tokens, ...`."""
        parts = [f"{self.tokens.words()} tokens"]
        if self.sampling_s is not None:
            parts.append(f"{self.sampling_s.words()} s")
        if self.money is not None and self.money.high > 0:
            parts.append(f"{self.money.words(2)} {currency}")
        if self.pairs is not None:
            parts.append(f"{self.pairs.words()} pairs")
        return ", ".join(parts)

    def plus(self, other: "Forecast") -> "Forecast":
        """Return the forecast of both; what one of them doesn't know is not known.

        The ends of the intervals are added up: both err together, as they ask the same models.
        """
        known = {
            name: mine.plus(theirs) if mine is not None and theirs is not None else None
            for name in ("sampling_s", "money", "pairs")
            for mine, theirs in [(getattr(self, name), getattr(other, name))]
        }
        return Forecast(self.tokens.plus(other.tokens), **known)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came: the same figures as a forecast has."""

    tokens: float
    sampling_s: float
    money: float
    pairs: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The forecast from before a run and what came; written as `forecast.json`."""

    dry_run: Forecast
    outcome: Outcome

    def to_json(self) -> str:
        """Return it as JSON text."""
        return _COMPARISON.dump_json(self, indent=1).decode() + "\n"

    @staticmethod
    def from_json(text: str) -> "Comparison":
        """Return the record of a JSON text.

        Raises:
            pydantic.ValidationError: if it is none.
        """
        return _COMPARISON.validate_json(text)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured of a model, in this run or in earlier ones.

    Attributes:
        tokens: drawn tokens a candidate, a value a problem: the mean of its candidates.
        prompt_tokens: prompt tokens a candidate, likewise.
        pairs: pairs that a problem's candidates could make, before any guard of the whole set.
        rate: drawn tokens a second; 0.0 where unknown.
        kept: share of these pairs that was made in the end; 1.0 where no run has come to its end.
    """

    tokens: Moments = Moments()
    prompt_tokens: Moments = Moments()
    pairs: Moments = Moments()
    rate: float = 0.0
    kept: float = 1.0


_COMPARISON = TypeAdapter(Comparison)
_SEEN = TypeAdapter(dict[str, Seen])


def forecast_before(
    config: RunConfig, cache: Path, n_missing: int, n_problems: int, step: str = ""
) -> tuple[Forecast, bool]:
    """Return the forecast of a run that hasn't begun, and whether it rests on measures of earlier runs.

    Args:
        config: what is drawn.
        cache: folder that keeps measures of earlier runs.
        n_missing: candidates to draw.
        n_problems: problems that they are of.
        step: step of synthesis; empty for solutions of problems.
    """
    seen = read_seen(cache).get(seen_key(config, step), Seen())
    return make_forecast(seen, config, n_missing, n_problems), max(seen.tokens.n, seen.pairs.n) > 0


def make_forecast(seen: Seen, config: RunConfig, n_missing: int, n_problems: int) -> Forecast:
    """Return the forecast of draws that rests on some measures.

    Where no draw was seen, the tokens are a guess between none and `max_tokens` each.
    """
    tokens = seen.tokens.carried(n_problems, each=n_missing / n_problems if n_problems else 0.0)
    if seen.tokens.n == 0:
        most = n_missing * config.sampling.max_tokens if choose_backend(config.sampling) != "files" else 0
        tokens = Estimate(most * _GUESSED_SHARE, 0.0, most)
    prices, seconds, money = config.prices, None, None
    if seen.rate > 0:
        seconds = tokens.scaled(1 / seen.rate)
    if seconds is not None or not prices.device_hour:
        read = n_missing * seen.prompt_tokens.mean * prices.prompt_per_million / 1e6
        money = tokens.scaled(prices.completion_per_million / 1e6).plus(Estimate(read, read, read))
        if seconds is not None:
            money = money.plus(seconds.scaled(prices.devices * prices.device_hour / 3600))
    pairs = seen.pairs.carried(n_problems).scaled(seen.kept) if seen.pairs.n else None
    return Forecast(tokens, seconds, money, pairs)


def possible_pairs(n_passed: int, n_failed: int, max_per_problem: int, max_per_candidate: int) -> int:
    """Return the pairs that a problem's candidates could make at most, before any guard."""
    return min(max_per_problem, n_passed * n_failed, max_per_candidate * min(n_passed, n_failed))


def seen_key(config: RunConfig, step: str = "") -> str:
    """Return the name under which measures of a model are kept: what changes them much is part of it."""
    sampling = config.sampling
    models = ",".join(model.model for model in sampling.models) or sampling.model
    adapter = sampling.adapter.name if sampling.adapter is not None else ""
    problems = f"{config.problems.source}|{','.join(config.problems.levels)}"
    return f"{models}|{adapter}|{choose_backend(sampling)}|{step or problems}"


def read_seen(cache: Path) -> dict[str, Seen]:
    """Return what was measured in earlier runs, by `seen_key`; nothing where there is no such file."""
    try:
        return _SEEN.validate_json((cache / _SEEN_FILE).read_bytes())
    except (OSError, ValueError):
        return {}


def keep_seen(cache: Path, seen: Mapping[str, Seen]) -> None:
    """Add measures to those of earlier runs."""
    write_whole(cache / _SEEN_FILE, _SEEN.dump_json({**read_seen(cache), **seen}, indent=1) + b"\n")
