"""Draws in waves until enough pairs or the budget is spent, and measures what is drawn."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.table import scan_stage
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import read_tree, write_whole
from pairsmith.pipeline.sampling.budget import (
    Bounds,
    ProblemDraws,
    Seen,
    Spent,
    exceeded,
    keep_seen,
    next_wave,
    seen_key,
)
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.sampling import MAX_TOKENS
from pairsmith.schemas.verdict import Label

_MANY_CUT_OFF = 0.1  # share of answers that ended at the limit of tokens, from which on the build says so


class Meter:
    """Measures a run while it draws."""

    def __init__(
        self, config: RunConfig, cache: Path, step: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to measure.

        Args:
            cache: folder that keeps measures for later runs.
            step: step of synthesis; empty for solutions of problems.
            clock: returns the time in seconds.
        """
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

    def keep(self) -> None:
        """Log where candidates came from, and keep the measures for later runs of this model."""
        if self.n_all > self.n_drawn:
            n_stored = self.n_all - self.n_drawn
            reporter().log(f"candidates  {self.n_drawn:,} drawn, {n_stored:,} from the sample store")
        if self._n_tokens:
            means = self._n_tokens / self.n_drawn, self._n_prompt_tokens / self.n_drawn
            keep_seen(self._cache, {self._key: Seen(*means, self._n_tokens / self.sampling_s)})


_STATE = "waves.json"
_WORDS = {
    "pairs": "enough pairs",
    "tokens": "the token budget is exhausted",
    "gpu_hours": "the budget of device hours is exhausted",
    "money": "the budget of money is exhausted",
    "exhausted": "no remaining problem can yield a pair from more samples",
}


def bounds_of(config: RunConfig) -> Bounds:
    """Return what bounds the pairs of a problem."""
    return Bounds(config.pairs.max_per_problem, config.pairs.max_per_candidate)


def is_adaptive(config: RunConfig) -> bool:
    """Return whether a run draws in waves: a number of pairs or a budget is set."""
    budget = config.budget
    return any(
        limit is not None for limit in (config.adaptive.pairs, budget.tokens, budget.gpu_hours, budget.money)
    )


def run_waves(
    run_dir: Path, config: RunConfig, draw: Callable[[Mapping[str, int]], float], pair: Callable[[], None]
) -> None:
    """Draw in waves. The wave in work is written down first, so that a killed run takes the same one again.

    Args:
        draw: makes all stages up to syntax for draws a problem; returns the seconds of sampling.
    """
    key, prices, budget = _key(config), config.prices, config.budget
    limit = config.sampling.fixed_max_tokens or MAX_TOKENS
    state = _state(run_dir, key)
    n_each, seconds, n = state.get("n_each", {}), float(state.get("sampling_s", 0.0)), int(state.get("n", 0))
    while True:
        if n_each:
            seconds += draw(n_each)
            pair()
        standings, spent = _standings(run_dir, n_each), Spent()
        if n_each:
            rows = scan_stage(run_dir, "candidates").select("n_tokens", "n_prompt_tokens").collect()
            tokens, prompt_tokens = (int(column.clip(lower_bound=0).sum()) for column in rows)
            spent = Spent(tokens, prompt_tokens, seconds)
        wave = next_wave(standings, spent, config.adaptive, budget, prices, limit, bounds_of(config))
        n_drawn = sum(standing.n for standing in standings)
        if not wave.n_each:
            words = _WORDS[wave.reason or exceeded(spent, budget, prices) or "exhausted"]
            n_pairs = sum(standing.n_pairs for standing in standings)
            reporter().log(
                f"waves       ended: {words}; {n_pairs} pairs of {n_drawn} draws, {spent.tokens:,} tokens"
            )
            return
        n_each, n = dict(wave.n_each), n + 1
        n_changed = sum(n_each[standing.problem_id] > standing.n for standing in standings)
        reporter().log(f"wave {n:<6} {sum(n_each.values()) - n_drawn} draws of {n_changed} problems")
        state = {"key": key, "n": n, "n_each": n_each, "sampling_s": seconds}
        write_whole(run_dir / _STATE, (json.dumps(state, indent=1, sort_keys=True) + "\n").encode())


def draws_of(run_dir: Path, config: RunConfig) -> dict[str, int] | None:
    """Return the draws a problem of the wave that a run is in; None for one that doesn't draw in waves."""
    return dict(_state(run_dir, _key(config)).get("n_each", {})) if is_adaptive(config) else None


def _key(config: RunConfig) -> str:
    return digest("waves", config.adaptive.model_dump_json(), config.budget.model_dump_json(), str(config.seed))


def _standings(run_dir: Path, n_each: Mapping[str, int]) -> list[ProblemDraws]:
    """Return what is known of every problem, by id."""
    ids = sorted(scan_stage(run_dir, "problems").select("problem_id").collect()["problem_id"])
    if not n_each:
        return [ProblemDraws(problem_id, 0) for problem_id in ids]
    verdicts = scan_stage(run_dir, "verdicts")
    tables = [verdicts.filter(label=label.value) for label in (Label.PASSED, Label.FAILED)]
    tables.append(scan_stage(run_dir, "pairs"))
    passed, failed, pairs = (Counter(rows.select("problem_id").collect()["problem_id"]) for rows in tables)
    return [ProblemDraws(key, n_each.get(key, 0), passed[key], failed[key], pairs[key]) for key in ids]


def _state(run_dir: Path, key: str) -> dict[str, Any]:
    """Return the state of a run with these settings; nothing for other settings, or none."""
    found = read_tree(run_dir / _STATE)
    return found if found.get("key") == key else {}


def log_failures(chain: Chain) -> None:
    """Log which requests gave no answer, and whether many answers were cut off."""
    manifest = chain.folder("candidates").manifest()
    n_cut = manifest.counts.get("finish.length", 0) if manifest is not None else 0
    if manifest is not None and n_cut > _MANY_CUT_OFF * manifest.n_out:
        share = f"{n_cut} of {manifest.n_out} answers ({n_cut / manifest.n_out:.0%})"
        reporter().log(f"candidates  {share} were truncated by the token limit; raise sampling.max_tokens")
    if manifest is not None and manifest.dropped:
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(manifest.dropped.items()))
        reporter().log(f"candidates  {sum(manifest.dropped.values())} requests gave none: {reasons}")
