"""What a run will take and give, told before it begins, from what earlier runs of its models measured."""

from pathlib import Path

from pairsmith.pipeline.sampling import choose_backend
from pairsmith.pipeline.sampling.forecast import Forecast, Seen, make_forecast, read_seen
from pairsmith.schemas.config import RunConfig

SEEN = "measured.json"
"""File of the cache that keeps measures for later runs."""


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
