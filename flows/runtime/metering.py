"""Measures a run while it draws and judges, and compares what was forecast with what came."""

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.adaptive import Spent
from pairsmith.pipeline.sampling.forecast import (
    Comparison,
    Forecast,
    Moments,
    Outcome,
    Seen,
    keep_seen,
    make_forecast,
    possible_pairs,
    read_seen,
    seen_key,
)
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig


class Meter:
    """Measures a run while it draws and judges. Its methods are called from several threads.

    Attributes:
        n_drawn: candidates drawn now.
        n_stored: candidates of the same problems that lay in the sample store.
    """

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
        self.n_drawn = self.n_stored = 0
        self._config, self._cache, self._clock = config, cache, clock
        self._n_draws, self._n_problems, self._n_there = n_draws, n_problems, 0
        self._key = seen_key(config, step)
        self._before = read_seen(cache).get(self._key, Seen())
        self._ids: set[str] = set()  # candidates drawn now, of problems that are not whole yet
        self._spent = Spent()
        self._tokens = self._prompts = self._pairs = Moments()
        self._began: float | None = None
        self._lock = threading.Lock()

    def found(self, n: int) -> None:
        """Count the candidates of shards that are there already."""
        with self._lock:
            self._n_there += n

    def drawn(self, candidate: Candidate) -> str:
        """Count a candidate that was drawn now; return the words that stand beside the rate."""
        now = self._clock()
        with self._lock:
            self._began = now - candidate.wall_s if self._began is None else self._began
            self.n_drawn += 1
            self._ids.add(candidate.candidate_id)
            self._spent = Spent(
                self._spent.tokens + max(candidate.n_tokens, 0),
                self._spent.prompt_tokens + max(candidate.n_prompt_tokens, 0),
                max(now - self._began, 1e-6),
            )
            return f"({self._spent.tokens:,} tokens)"

    def filled(self, candidates: Sequence[Candidate]) -> None:
        """Count a problem that has all of its candidates; those not drawn now were in the sample store."""
        with self._lock:
            mine = [row for row in candidates if row.candidate_id in self._ids]
            self._ids.difference_update(row.candidate_id for row in mine)
            self.n_stored += len(candidates) - len(mine)
            known = [row for row in mine if row.n_tokens >= 0]
            if known:
                n = len(known)
                self._tokens = self._tokens.plus(sum(row.n_tokens for row in known) / n)
                self._prompts = self._prompts.plus(sum(max(row.n_prompt_tokens, 0) for row in known) / n)

    def judged(self, n_passed: int, n_failed: int) -> None:
        """Count a problem that was judged."""
        pairs = self._config.pairs
        n = possible_pairs(n_passed, n_failed, pairs.max_per_problem, pairs.max_per_candidate)
        with self._lock:
            self._pairs = self._pairs.plus(n)

    @property
    def before(self) -> Forecast:
        """Return the forecast from before the run, for what the store did not have."""
        n_missing = max(self._n_draws - self._n_there - self.n_stored, self.n_drawn)
        return make_forecast(self._before, self._config, n_missing, self._n_problems)

    @property
    def sampling_s(self) -> float:
        """Return the seconds of sampling so far."""
        return self._spent.sampling_s

    def keep(self) -> None:
        """Log where candidates came from, and keep the measures for later runs of this model."""
        if self.n_stored:
            reporter().say(f"candidates  {self.n_drawn:,} drawn, {self.n_stored:,} from the sample store")
        if self.n_drawn:
            rate = self._spent.tokens / self.sampling_s
            seen = Seen(self._tokens, self._prompts, self._pairs, rate, self._before.kept)
            keep_seen(self._cache, {self._key: seen})

    def outcome(self) -> Outcome:
        """Return what was drawn and paid so far, and the pairs that were possible."""
        spent = self._spent
        return Outcome(spent.tokens, spent.sampling_s, spent.money(self._config.prices), self._pairs.total)


def compare(meters: Sequence[Meter], config: RunConfig, cache: Path, n_pairs: int) -> None:
    """Log what was forecast and what came, and write both to `forecast.json`. Nothing where nothing was drawn.

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
    parts = [meter.outcome() for meter in drawing]
    tokens, seconds, money = (
        sum(getattr(part, name) for part in parts) for name in ("tokens", "sampling_s", "money")
    )
    comparison = Comparison(before, Outcome(tokens, seconds, money, float(n_pairs)))
    write_whole(config.run / "forecast.json", comparison.to_json().encode())
    key, n_possible = seen_key(config), parts[-1].pairs
    seen = read_seen(cache).get(key)
    if seen is not None and n_possible > 0:
        keep_seen(cache, {key: replace(seen, kept=min(n_pairs / n_possible, 1.0))})
    currency = config.prices.currency
    reporter().say(f"forecast    {before.words(currency)}")
    paid = f", {money:,.2f} {currency}" if money else ""
    reporter().say(f"outcome     {tokens:,.0f} tokens, {seconds:,.0f} s{paid}, {n_pairs:,} pairs")
