"""Measures a run while it draws and judges, forecasts it live, and compares what was forecast with what came."""

import functools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling import choose_backend
from pairsmith.pipeline.sampling.forecast import (
    Comparison,
    Estimate,
    Forecast,
    Moments,
    Outcome,
    Seen,
    make_forecast,
    possible_pairs,
    price,
    read_seen,
    seen_to_json,
)
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig

SEEN = "measured.json"
"""File of the cache that keeps measures for later runs."""
EARLY_S = 60.0  # when the early forecast is told; sooner, where a fifth is drawn before
_EARLY_SHARE = 0.2
_LEAST_WHOLE = 4  # problems until anything is forecast from them
_NOTE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Candidates, and tokens of those whose tokens are known."""

    n: int = 0
    n_known: int = 0
    drawn: int = 0
    prompt: int = 0

    def plus(self, other: "_Tokens") -> "_Tokens":
        """Return the sum."""
        return _Tokens(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def _tokens_of(candidate: Candidate) -> _Tokens:
    is_known = candidate.n_tokens >= 0
    return _Tokens(1, int(is_known), max(candidate.n_tokens, 0), max(candidate.n_prompt_tokens, 0))


class Meter:
    """Measures a run while it draws and judges. Its methods are called from several threads."""

    def __init__(
        self,
        config: RunConfig,
        cache: Path,
        n_draws: int,
        n_problems: int,
        step: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to measure.

        Args:
            config: what is drawn.
            cache: folder that keeps measures for later runs.
            n_draws: candidates to draw.
            n_problems: problems to judge.
            step: step of synthesis; empty for solutions of problems.
            clock: returns the time in seconds.
        """
        self._clock = clock
        self._config, self._cache, self._step = config, cache, step
        self._n_draws, self._n_problems = n_draws, n_problems
        self._seen_before = read_seen(cache / SEEN).get(seen_key(config, step), Seen())
        self.early: Forecast | None = None
        self._tokens = self._prompts = self._pairs = Moments()
        self._drawn_each = self._read_each = Moments()  # tokens that were drawn and read now, a value a problem
        self._in_work: dict[str, _Tokens] = {}  # drawn now, their problem is not whole yet
        self._order: deque[str] = deque()  # problems that do not count yet, as they are planned
        self._filled: dict[str, _Tokens] = {}  # of these the whole ones
        self._touched: dict[str, float] = {}  # when a problem's last draw was done
        self._longest_s = 0.0  # that a draw took
        self._whole, self._drawn = _Tokens(), _Tokens()
        self._n_found = 0
        self._lock = threading.Lock()
        self._began: float | None = None
        self._last = self._noted = 0.0
        self._note = ""

    def drawn(self, candidate: Candidate) -> str:
        """Count a candidate that was drawn now; return the words that stand beside the rate."""
        now = self._clock()
        with self._lock:
            if self._began is None:
                self._began = now - candidate.wall_s
            self._last = now
            self._longest_s = max(self._longest_s, candidate.wall_s)
            self._touched[candidate.problem_id] = now
            tokens = self._in_work[candidate.candidate_id] = _tokens_of(candidate)
            self._drawn = self._drawn.plus(tokens)
            if now - self._noted >= _NOTE_EVERY_S:
                self._noted = now
                forecast = self.forecast()
                told = f"; in all {forecast.words(self._config.prices.currency)}" if forecast is not None else ""
                self._note = f"({self._drawn.drawn:,.0f} tokens{told})"
                if forecast is not None:
                    self._tell_early(forecast, now)
            return self._note

    def found(self, n: int) -> None:
        """Count the candidates of shards that are there already."""
        with self._lock:
            self._n_found += n

    def expect(self, problem_ids: Iterable[str]) -> None:
        """Take the problems that will be filled, in the order in which they are planned."""
        self._order = deque(problem_ids)

    def filled(self, problem_id: str, candidates: Sequence[Candidate]) -> None:
        """Count a problem that has all of its candidates; those that were not drawn now lay in the store."""
        with self._lock:
            mine = [one for row in candidates if (one := self._in_work.pop(row.candidate_id, None)) is not None]
            self._n_found += len(candidates) - len(mine)
            self._filled[problem_id] = functools.reduce(_Tokens.plus, mine, _Tokens())

    def _count_whole(self, is_end: bool = False) -> None:
        """Count the whole problems up to the first that is in work.

        Of what a model works on the short answers are done first: what was planned behind a problem in work and
        is whole already is shorter than others. A problem whose draws all wait, as those with short prompts may
        for long, holds nobody up: none of its draws was done within the time of the longest.
        """
        waiting: list[str] = []
        now = self._clock()
        while self._order:
            name = self._order[0]
            if name in self._filled:
                self._count(self._filled.pop(name))
            elif is_end or now - self._touched.get(name, -math.inf) > self._longest_s:
                waiting.append(name)
            else:
                break
            self._order.popleft()
        self._order.extendleft(reversed(waiting))

    def _count(self, own: _Tokens) -> None:
        self._whole = self._whole.plus(own)
        self._drawn_each = self._drawn_each.plus(own.drawn)
        self._read_each = self._read_each.plus(own.prompt)
        if own.n_known:
            self._tokens = self._tokens.plus(own.drawn / own.n_known)
            self._prompts = self._prompts.plus(own.prompt / own.n_known)

    @property
    def before(self) -> Forecast:
        """Return the forecast from before the run, for what the store did not have."""
        return forecast_from(self._seen_before, self._config, self._n_to_draw(), self._n_problems)

    def _n_to_draw(self) -> int:
        return max(self._n_draws - self._n_found, self._drawn.n)

    def judged(self, n_passed: int, n_failed: int) -> None:
        """Count a problem that was judged."""
        pairs = self._config.pairs
        n = possible_pairs(n_passed, n_failed, pairs.max_per_problem, pairs.max_per_candidate)
        with self._lock:
            self._pairs = self._pairs.plus(n)

    def seconds(self) -> float:
        """Return the seconds of sampling so far."""
        return max(self._last - self._began, 1e-6) if self._began is not None else 0.0

    def seen(self) -> Seen:
        """Return what was measured."""
        rate = self._drawn.drawn / self.seconds() if self.seconds() else 0.0
        return Seen(self._tokens, self._prompts, self._pairs, rate, self._seen_before.kept)

    def forecast(self) -> Forecast | None:
        """Return the forecast as it stands; None while too few problems count."""
        self._count_whole()
        if self._drawn_each.n < _LEAST_WHOLE:
            return None
        n_missing, drawn = len(self._order), float(self._drawn.drawn)
        tokens = self._drawn_each.carried(n_missing, self._whole.drawn)
        tokens = Estimate(*(max(value, drawn) for value in (tokens.value, tokens.low, tokens.high)))
        prompts = self._read_each.carried(n_missing, self._whole.prompt).value
        n_unjudged = max(self._n_problems - self._pairs.n, 0)
        pairs = self._pairs.carried(n_unjudged, self._pairs.total) if self._pairs.n else None
        if pairs is not None:
            pairs = pairs.scaled(self._seen_before.kept)
        return price(tokens, prompts, self.seen().rate, pairs, self._config.prices, (drawn, self.seconds()))

    def keep(self) -> None:
        """Keep the measures for later runs of this model; nothing where nothing was drawn."""
        self._count_whole(is_end=True)
        if self._drawn.n:
            rows = {**read_seen(self._cache / SEEN), seen_key(self._config, self._step): self.seen()}
            write_whole(self._cache / SEEN, seen_to_json(rows).encode())

    def outcome(self) -> Outcome:
        """Return what was drawn and paid so far, and the pairs that were possible."""
        prices = self._config.prices
        hours = self.seconds() / 3600 * prices.devices
        per_million = self._drawn.prompt * prices.prompt_per_million
        per_million += self._drawn.drawn * prices.completion_per_million
        money = per_million / 1e6 + hours * prices.device_hour
        return Outcome(self._drawn.drawn, self.seconds(), money, self._pairs.total)

    @property
    def n_drawn(self) -> int:
        """Return the candidates that were drawn now."""
        return self._drawn.n

    def _tell_early(self, forecast: Forecast, now: float) -> None:
        assert self._began is not None
        is_share = self._drawn.n >= _EARLY_SHARE * self._n_to_draw() and self._pairs.n > 1
        if self.early is None and (now - self._began >= EARLY_S or is_share):
            self.early = forecast
            seconds = now - self._began
            reporter().say(f"forecast    {forecast.words(self._config.prices.currency)} (after {seconds:.0f} s)")


def compare(meters: Sequence[Meter], config: RunConfig, cache: Path, n_pairs: int) -> None:
    """Say what was forecast and what came, and write both to `forecast.json`. Nothing where nothing was drawn.

    The share of the possible pairs that was made is kept for the forecasts of later runs.

    Args:
        meters: one a wave.
        config: the run's.
        cache: folder that keeps measures for later runs.
        n_pairs: pairs that were made in the end.
    """
    drawing = [meter for meter in meters if meter.n_drawn]
    if not drawing:
        return
    before = functools.reduce(Forecast.plus, (meter.before for meter in drawing))
    before = replace(before, pairs=drawing[0].before.pairs)  # each wave has all of them in view
    early = drawing[0].early if len(drawing) == 1 else None
    parts = [meter.outcome() for meter in drawing]
    tokens, seconds, money = (
        sum(getattr(part, name) for part in parts) for name in ("tokens", "sampling_s", "money")
    )
    comparison = Comparison(before, early, Outcome(tokens, seconds, money, float(n_pairs)))
    write_whole(config.run / "forecast.json", comparison.to_json().encode())
    _keep_share(config, cache, n_pairs, parts[-1].pairs)
    currency = config.prices.currency
    reporter().say(f"forecast    {(early or before).words(currency)}")
    paid = f", {money:,.2f} {currency}" if money else ""
    reporter().say(f"outcome     {tokens:,.0f} tokens, {seconds:,.0f} s{paid}, {n_pairs:,} pairs")


def _keep_share(config: RunConfig, cache: Path, n_pairs: int, n_possible: float) -> None:
    rows = read_seen(cache / SEEN)
    seen = rows.get(seen_key(config))
    if seen is not None and n_possible > 0:
        rows[seen_key(config)] = replace(seen, kept=min(n_pairs / n_possible, 1.0))
        write_whole(cache / SEEN, seen_to_json(rows).encode())


def seen_key(config: RunConfig, step: str = "") -> str:
    """Return the name under which measures of a model are kept: what changes them much is part of it.

    Args:
        config: what is drawn.
        step: step of synthesis; empty for solutions of problems.
    """
    sampling = config.sampling
    models = ",".join(model.model for model in sampling.models) or sampling.model
    adapter = sampling.adapter.name if sampling.adapter is not None else ""
    problems = f"{config.problems.source}|{','.join(config.problems.levels)}"
    return f"{models}|{adapter}|{choose_backend(sampling)}|{step or problems}"


def forecast_before(
    config: RunConfig, cache: Path, n_missing: int, n_problems: int, step: str = ""
) -> tuple[Forecast, bool]:
    """Return the forecast of a run that hasn't begun, and whether it rests on measures of earlier runs."""
    seen = read_seen(cache / SEEN).get(seen_key(config, step), Seen())
    return forecast_from(seen, config, n_missing, n_problems), max(seen.tokens.n, seen.pairs.n) > 0


def forecast_from(seen: Seen, config: RunConfig, n_missing: int, n_problems: int) -> Forecast:
    """Return the forecast of draws that rests on some measures."""
    max_tokens = config.sampling.max_tokens if choose_backend(config.sampling) != "files" else 0
    return make_forecast(seen, n_missing, n_problems, config.prices, max_tokens)
