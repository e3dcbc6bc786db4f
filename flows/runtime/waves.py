"""Adaptive draws: wave after wave, until there are enough pairs or the budget is spent."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.adaptive import Bounds, Spent, Standing, Wave, exceeded, next_wave
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.verdict import Label

_STATE = "waves.json"
_WORDS = {
    "pairs": "there are enough pairs",
    "tokens": "the budget of tokens is spent",
    "gpu_hours": "the budget of hours is spent",
    "money": "the budget of money is spent",
    "exhausted": "no problem is left that more draws could bring pairs",
}


def is_adaptive(config: RunConfig) -> bool:
    """Return whether a run draws in waves: a number of pairs or a budget is set."""
    budget = config.budget
    return any(
        limit is not None for limit in (config.adaptive.pairs, budget.tokens, budget.gpu_hours, budget.money)
    )


def run_waves(
    chain: Path,
    config: RunConfig,
    draw: Callable[[Mapping[str, int]], float],
    pair: Callable[[], None],
) -> None:
    """Draw in waves. The wave in work is written down first, so that a killed run takes the same one again.

    Args:
        chain: the run.
        config: target, budgets, prices.
        draw: makes all stages up to syntax for draws a problem; returns the seconds of sampling.
        pair: makes the pairs.
    """
    key = _key(config)
    bounds = Bounds(config.pairs.max_per_problem, config.pairs.max_per_candidate)
    state = _read(chain / _STATE, key)
    n_each, seconds, n = state.get("n_each", {}), float(state.get("sampling_s", 0.0)), int(state.get("n", 0))
    while True:
        if n_each:
            seconds += draw(n_each)
            pair()
        standings = _standings(chain, n_each)
        spent = _spent(chain, seconds) if n_each else Spent()
        wave = next_wave(
            standings, spent, config.adaptive, config.budget, config.prices, config.sampling.max_tokens, bounds
        )
        if not wave.n_each:
            _say_end(wave, standings, spent, config)
            return
        n_each, n = dict(wave.n_each), n + 1
        new = sum(n_each.values()) - sum(standing.n for standing in standings)
        reporter().say(f"wave {n:<6} {new} draws of {_changed(standings, n_each)} problems")
        rows = {"key": key, "n": n, "n_each": n_each, "sampling_s": seconds}
        write_whole(chain / _STATE, (json.dumps(rows, indent=1, sort_keys=True) + "\n").encode())


def draws_of(chain: Path, config: RunConfig) -> dict[str, int] | None:
    """Return the draws a problem of the wave that a run is in; None for one that doesn't draw in waves."""
    return dict(_read(chain / _STATE, _key(config)).get("n_each", {})) if is_adaptive(config) else None


def _key(config: RunConfig) -> str:
    return digest("waves", config.adaptive.model_dump_json(), config.budget.model_dump_json(), str(config.seed))


def _standings(chain: Path, n_each: Mapping[str, int]) -> list[Standing]:
    """Return what is known of every problem, by id."""
    ids = _columns(chain, "problems", "problem_id")["problem_id"].to_list()
    if not n_each:
        return [Standing(problem_id, 0) for problem_id in sorted(ids)]
    labels = _columns(chain, "verdicts", "problem_id", "label")
    passed, failed = (
        _counts(labels.filter(pl.col("label") == label.value)) for label in (Label.PASSED, Label.FAILED)
    )
    pairs = _counts(_columns(chain, "pairs", "problem_id"))
    return [
        Standing(key, n_each.get(key, 0), passed.get(key, 0), failed.get(key, 0), pairs.get(key, 0))
        for key in sorted(ids)
    ]


def _spent(chain: Path, seconds: float) -> Spent:
    rows = _columns(chain, "candidates", "n_tokens", "n_prompt_tokens").with_columns(pl.all().clip(lower_bound=0))
    return Spent(int(rows["n_tokens"].sum()), int(rows["n_prompt_tokens"].sum()), seconds)


def _columns(chain: Path, stage: str, *names: str) -> pl.DataFrame:
    folder = stage_folder(chain, stage)
    files = [folder.path / name for name in folder.shard_names()]
    if not files:
        return pl.DataFrame({name: [] for name in names})
    return pl.scan_parquet(files).select(names).collect()


def _counts(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by("problem_id").len().iter_rows())


def _changed(standings: Sequence[Standing], n_each: Mapping[str, int]) -> int:
    return sum(n_each[standing.problem_id] > standing.n for standing in standings)


def _read(path: Path, key: str) -> dict[str, Any]:
    """Return the state of a run with these settings; nothing for other settings, or none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(found) if found["key"] == key else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _say_end(wave: Wave, standings: Sequence[Standing], spent: Spent, config: RunConfig) -> None:
    n_pairs = sum(standing.n_pairs for standing in standings)
    reason = wave.reason or exceeded(spent, config.budget, config.prices)
    draws = sum(standing.n for standing in standings)
    words = _WORDS[reason or "exhausted"]
    reporter().say(f"waves       ended: {words}; {n_pairs} pairs of {draws} draws, {spent.tokens:,} tokens")
