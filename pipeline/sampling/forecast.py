"""What a run will take and give: tokens, time, money and pairs, each with an interval, from what is there so far.

Means over problems are carried over to what is missing: draws of one problem resemble each other. Which problems
count tells `flows.runtime.metering`. The interval holds the scatter of the missing problems and the doubt about
the mean: t * sd * sqrt(m + m^2 / n) for m problems missing and n known, t being the 97.5% quantile of Student.
Few values that happen to be equal tell little: sd is taken as at least mean / n.

Source: prediction interval of a sum: Hahn and Meeker, Statistical Intervals, 1991, section 4.8; quantile of t from
the normal one: Abramowitz and Stegun, 26.7.5.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from pairsmith.schemas.config.budget import PricesConfig

_Z = 1.96  # 97.5% quantile of the normal distribution
_GUESSED_SHARE = (
    0.6  # of max_tokens that an answer takes, where none of this model was seen: answers end with their code
)


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

    def plus(self, value: float, n: int = 1) -> "Moments":
        """Return the moments with one more value, counted `n` times."""
        return Moments(self.n + n, self.total + n * value, self.squares + n * value * value)

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

    def carried(self, n_missing: int, so_far: float = 0.0, each: float = 1.0) -> Estimate:
        """Return the sum over all: `so_far`, and as many more as are missing, each of them `each` times."""
        half = 0.0
        if self.n:
            scatter = max(self.deviation, self.mean / self.n) * math.sqrt(n_missing + n_missing**2 / self.n)
            half = _quantile(self.n - 1) * each * scatter
        value = so_far + n_missing * each * self.mean
        return Estimate(value, max(so_far, value - half), value + half)


def _quantile(n: int) -> float:
    """Return the 97.5% quantile of Student's t with n degrees of freedom: 2.8 for 4, 9.7 instead of 12.7 for 1."""
    n, z = max(n, 1), _Z
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return math.fsum(term / n**power for power, term in enumerate(terms))


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
        """Return one line, such as `about 1,200 [1,100, 1,300] tokens, ...`."""
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
    """A forecast from before the run, one from its beginning, and what came; written as `forecast.json`."""

    dry_run: Forecast
    early: Forecast | None
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


_COMPARISON = TypeAdapter(Comparison)


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


def make_forecast(
    seen: Seen, n_missing: int, n_missing_problems: int, prices: PricesConfig, max_tokens: int
) -> Forecast:
    """Return the forecast of a run that has not begun.

    Args:
        seen: what was measured.
        n_missing: candidates to draw.
        n_missing_problems: problems that they are of.
        prices: for the price.
        max_tokens: of one draw; the guess rests on it where no draw was seen.
    """
    each = n_missing / n_missing_problems if n_missing_problems else 0.0
    tokens = seen.tokens.carried(n_missing_problems, each=each)
    if seen.tokens.n == 0:
        guess = n_missing * max_tokens
        tokens = Estimate(guess * _GUESSED_SHARE, 0.0, guess)
    pairs = seen.pairs.carried(n_missing_problems).scaled(seen.kept) if seen.pairs.n else None
    return price(tokens, n_missing * seen.prompt_tokens.mean, seen.rate, pairs, prices)


def price(
    tokens: Estimate,
    prompt_tokens: float,
    rate: float,
    pairs: Estimate | None,
    prices: PricesConfig,
    so_far: tuple[float, float] = (0.0, 0.0),
) -> Forecast:
    """Return the forecast of tokens and pairs with the time and the price of the tokens.

    Args:
        tokens: to be drawn, with those that are.
        prompt_tokens: to be read, likewise.
        rate: drawn tokens a second; 0.0 where unknown.
        pairs: None where unknown.
        prices: for the price.
        so_far: tokens that are drawn, and the seconds that they took.
    """
    drawn, spent_s = so_far
    seconds = money = None
    ends = (tokens.value, tokens.low, tokens.high)
    if rate > 0:
        seconds = Estimate(*(spent_s + max(value - drawn, 0.0) / rate for value in ends))
    if seconds is not None or not prices.device_hour:
        hours = seconds.scaled(prices.devices / 3600) if seconds is not None else Estimate(0.0, 0.0, 0.0)
        money = Estimate(
            *(
                (prompt_tokens * prices.prompt_per_million + value * prices.completion_per_million) / 1e6
                + hour * prices.device_hour
                for value, hour in zip(ends, (hours.value, hours.low, hours.high), strict=True)
            )
        )
    return Forecast(tokens, seconds, money, pairs)


def possible_pairs(n_passed: int, n_failed: int, max_per_problem: int, max_per_candidate: int) -> int:
    """Return the pairs that a problem's candidates could make at most, before any guard."""
    return min(max_per_problem, n_passed * n_failed, max_per_candidate * min(n_passed, n_failed))


def read_seen(path: Path) -> dict[str, Seen]:
    """Return what was measured in earlier runs, by model and settings; nothing where there is no such file."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: Seen(
                Moments(**row["tokens"]),
                Moments(**row["prompt_tokens"]),
                Moments(**row["pairs"]),
                float(row["rate"]),
                float(row.get("kept", 1.0)),
            )
            for key, row in rows.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def seen_to_json(seen: dict[str, Seen]) -> str:
    """Return the text that `read_seen` reads."""
    return json.dumps({key: asdict(one) for key, one in sorted(seen.items())}, indent=1) + "\n"
