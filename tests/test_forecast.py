from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.pipeline.sampling.forecast import (
    Forecast,
    Meter,
    Seen,
    keep_seen,
    make_forecast,
    read_seen,
    seen_key,
)
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.run import PricesConfig
from pairsmith.schemas.config.sampling import SamplingConfig
from tests.test_sampling_store import make_candidate

CONFIG = RunConfig(sampling=SamplingConfig(backend="openai", max_tokens=100))


def priced(**prices: float) -> RunConfig:
    return CONFIG.model_copy(update={"prices": PricesConfig(**prices)})


def test_a_forecast_is_priced() -> None:
    config = priced(prompt_per_million=1.0, completion_per_million=10.0)
    found = make_forecast(Seen(1000.0, 2000.0, rate=500.0), config, 100)
    assert (found.tokens, found.sampling_s) == (100_000, 200)
    assert found.money == pytest.approx(200_000 / 1e6 + 1.0)
    assert found.words() == "100,000 tokens, 200 s, price 1.20"


def test_without_any_measure_tokens_are_a_guess_and_the_time_is_left_out() -> None:
    found = make_forecast(None, CONFIG, 100)
    assert (found.tokens, found.sampling_s) == (6_000.0, None)
    assert found.words() == "6,000 tokens"


def test_measures_are_kept_between_runs(tmp_path: Path) -> None:
    seen = {"m": Seen(6.0, 3.0, 12.5), "o": Seen(1.0, 0.0, 1.0)}
    keep_seen(tmp_path, {"m": seen["m"]})
    keep_seen(tmp_path, {"o": seen["o"]})
    assert read_seen(tmp_path) == seen
    (tmp_path / "measured.json").write_text('{"m": 3}')
    assert read_seen(tmp_path) == {}
    assert read_seen(tmp_path / "none") == {}


def test_forecasts_of_steps_add_up() -> None:
    one, other = (make_forecast(Seen(6.0, 3.0, 2.0), priced(completion_per_million=1e6), n) for n in (10, 30))
    assert one.plus(other) == make_forecast(Seen(6.0, 3.0, 2.0), priced(completion_per_million=1e6), 40)
    assert one.plus(Forecast(1.0, None, 0.0)) == Forecast(61.0, None, 60.0)


def test_a_meter_keeps_means_and_says_what_the_store_had(tmp_path: Path) -> None:
    """Of 40 draws 30 lie in the store."""
    meter = Meter(CONFIG, tmp_path, clock=iter(range(100)).__next__)
    rows = [replace(make_candidate(number), n_tokens=10, n_prompt_tokens=3, wall_s=0.5) for number in range(40)]
    for row in rows[:10]:
        assert meter.drawn(row) == f"({10 * meter.n_drawn} tokens)"
    meter.n_all += len(rows)
    assert (meter.n_drawn, meter.sampling_s) == (10, 9.5)
    assert meter.origin() == "10 drawn, 30 from the sample store"
    meter.keep()
    assert read_seen(tmp_path) == {seen_key(CONFIG): Seen(10.0, 3.0, 100 / 9.5)}
