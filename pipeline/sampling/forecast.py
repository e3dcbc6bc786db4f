"""What draws will take, by what earlier runs of the same model measured; and that measure."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.models import choose_backend
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.sampling import MAX_TOKENS

# Of max_tokens that an answer takes, where none of this model was seen: answers end with their code.
_GUESSED_SHARE = 0.6
_SEEN_FILE = "measured.json"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What some draws will take."""

    tokens: float  # drawn tokens
    sampling_s: float | None  # seconds of sampling; None where no draw was measured
    money: float  # by `prices`; 0.0: free

    def words(self) -> str:
        """Return one line, such as `1,200 tokens, 60 s, price 0.02`."""
        parts = [f"{self.tokens:,.0f} tokens"]
        if self.sampling_s is not None:
            parts.append(f"{self.sampling_s:,.0f} s")
        if self.money:
            parts.append(f"price {self.money:,.2f}")
        return ", ".join(parts)

    def plus(self, other: "Forecast") -> "Forecast":
        """Return the forecast of both; where one doesn't know the seconds, nobody does."""
        known = self.sampling_s is not None and other.sampling_s is not None
        seconds = (self.sampling_s or 0.0) + (other.sampling_s or 0.0) if known else None
        return Forecast(self.tokens + other.tokens, seconds, self.money + other.money)


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
    """Return the forecast of draws; where no draw was seen, the tokens are a guess."""
    if seen is None:
        limit = config.sampling.fixed_max_tokens or MAX_TOKENS
        seen = Seen(limit * _GUESSED_SHARE, 0.0, 0.0)
    tokens, read = n_missing * seen.tokens, n_missing * seen.prompt_tokens
    money = (read * config.prices.prompt_per_million + tokens * config.prices.completion_per_million) / 1e6
    return Forecast(tokens, tokens / seen.rate if seen.rate > 0 else None, money)


def seen_key(config: RunConfig, step: str = "") -> str:
    """Return the name under which measures of a model are kept: what changes them much is part of it."""
    sampling = config.sampling
    adapter = sampling.adapter.name if sampling.adapter is not None else ""
    problems = f"{config.problems.source}|{','.join(config.problems.levels)}"
    return f"{sampling.model}|{adapter}|{choose_backend(sampling)}|{step or problems}"


def read_seen(cache: Path) -> dict[str, Seen]:
    """Return what was measured in earlier runs, by `seen_key`; nothing where there is no such file."""
    try:
        return _SEEN.validate_json((cache / _SEEN_FILE).read_bytes())
    except (OSError, ValueError):
        return {}


def keep_seen(cache: Path, seen: Mapping[str, Seen]) -> None:
    """Add measures to those of earlier runs."""
    write_whole(cache / _SEEN_FILE, _SEEN.dump_json({**read_seen(cache), **seen}, indent=1) + b"\n")


class Meter:
    """Measures a run while it draws."""

    def __init__(
        self, config: RunConfig, cache: Path, step: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to measure; `cache` keeps the measures for later runs, `step` is one of synthesis."""
        self.n_drawn = self.n_all = 0  # candidates drawn now, and those with the ones from the sample store
        self.sampling_s = 0.0  # from the first request to the last answer
        self._cache, self._clock, self._key = cache, clock, seen_key(config, step)
        self._n_tokens = self._n_prompt_tokens = 0
        self._began: float | None = None

    def drawn(self, candidate: Candidate) -> str:
        """Count a candidate that was drawn now; return the text that is shown next to the rate."""
        now = self._clock()
        if self._began is None:
            self._began = now - candidate.wall_s
        self.sampling_s = max(now - self._began, 1e-6)
        self.n_drawn += 1
        self._n_tokens += max(candidate.n_tokens, 0)
        self._n_prompt_tokens += max(candidate.n_prompt_tokens, 0)
        return f"({self._n_tokens:,} tokens)"

    def origin(self) -> str:
        """Return how many candidates were drawn now and how many the sample store had; empty if it had none."""
        n_stored = self.n_all - self.n_drawn
        return f"{self.n_drawn:,} drawn, {n_stored:,} from the sample store" if n_stored > 0 else ""

    def keep(self) -> None:
        """Keep the measures for later runs of this model."""
        if self._n_tokens:
            means = self._n_tokens / self.n_drawn, self._n_prompt_tokens / self.n_drawn
            keep_seen(self._cache, {self._key: Seen(*means, self._n_tokens / self.sampling_s)})
