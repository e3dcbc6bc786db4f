"""What the draws of a run will take, from what earlier runs of its models measured: tokens, time and money."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.models import choose_backend
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.sampling import MAX_TOKENS

# Of max_tokens that an answer takes, where none of this model was seen: answers end with their code.
_GUESSED_SHARE = 0.6
_SEEN_FILE = "measured.json"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What some draws will take; None where nothing is known of it."""

    tokens: float  # drawn tokens
    sampling_s: float | None  # seconds of sampling
    money: float | None

    def words(self, currency: str) -> str:
        """Return one line, such as `1,200 tokens, 60 s, 0.02 USD`."""
        parts = [f"{self.tokens:,.0f} tokens"]
        if self.sampling_s is not None:
            parts.append(f"{self.sampling_s:,.0f} s")
        if self.money:
            parts.append(f"{self.money:,.2f} {currency}")
        return ", ".join(parts)

    def plus(self, other: "Forecast") -> "Forecast":
        """Return the forecast of both; what one of them doesn't know is not known."""

        def both(mine: float | None, theirs: float | None) -> float | None:
            return mine + theirs if mine is not None and theirs is not None else None

        return Forecast(
            self.tokens + other.tokens, both(self.sampling_s, other.sampling_s), both(self.money, other.money)
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What earlier runs measured of a model."""

    tokens: float  # drawn tokens a candidate, in the mean; `prompt_tokens` likewise
    prompt_tokens: float
    rate: float  # drawn tokens a second


_SEEN = TypeAdapter(dict[str, Seen])


def forecast_before(config: RunConfig, cache: Path, n_missing: int, step: str = "") -> tuple[Forecast, bool]:
    """Return the forecast of a run that hasn't begun, and whether it rests on measures of earlier runs.

    Args:
        n_missing: candidates to draw.
        step: step of synthesis; empty for solutions of problems.
    """
    seen = read_seen(cache).get(seen_key(config, step))
    return make_forecast(seen, config, n_missing), seen is not None


def make_forecast(seen: Seen | None, config: RunConfig, n_missing: int) -> Forecast:
    """Return the forecast of draws; where no draw was seen, the tokens are a guess and all else is unknown."""
    prices = config.prices
    if seen is None:
        limit = config.sampling.fixed_max_tokens or MAX_TOKENS
        seen = Seen(limit * _GUESSED_SHARE, 0.0, 0.0)
    tokens, seconds, money = n_missing * seen.tokens, None, None
    if seen.rate > 0:
        seconds = tokens / seen.rate
    if seconds is not None or not prices.device_hour:
        read = n_missing * seen.prompt_tokens
        money = (read * prices.prompt_per_million + tokens * prices.completion_per_million) / 1e6
        money += (seconds or 0.0) / 3600 * prices.devices * prices.device_hour
    return Forecast(tokens, seconds, money)


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
