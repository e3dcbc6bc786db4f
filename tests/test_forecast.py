import json
import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from pairsmith.flows.runtime.metering import Meter, compare
from pairsmith.pipeline.sampling.forecast import (
    Comparison,
    Estimate,
    Moments,
    Outcome,
    Seen,
    keep_seen,
    make_forecast,
    possible_pairs,
    read_seen,
    seen_key,
)
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.budget import PricesConfig
from pairsmith.schemas.config.sampling import SamplingConfig
from tests.test_sampling_store import make_candidate

CONFIG = RunConfig(sampling=SamplingConfig(backend="openai", max_tokens=100))


def priced(**prices: float) -> RunConfig:
    return CONFIG.model_copy(update={"prices": PricesConfig(**prices)})


def moments(values: list[float]) -> Moments:
    found = Moments()
    for value in values:
        found = found.plus(value)
    return found


def test_mean_and_deviation_are_those_of_the_values() -> None:
    found = moments([1.0, 2.0, 3.0, 6.0])
    assert found.mean == 3.0
    assert found.deviation == pytest.approx(2.160247)


def test_intervals_hold_what_they_say() -> None:
    """Of 400 runs whose 300 problems are forecast from 60 of an earlier run."""
    draw, held = random.Random(3), 0
    for _ in range(400):
        pairs = [float(draw.choice([0, 0, 0, 1, 2, 4])) for _ in range(360)]
        estimate = moments(pairs[:60]).carried(300)
        held += estimate.low <= sum(pairs[60:]) <= estimate.high
    assert 0.92 <= held / 400 <= 0.98


def test_few_values_that_happen_to_be_equal_leave_doubt() -> None:
    one, many = moments([62.0]).carried(1000), moments([62.0] * 400).carried(1000)
    assert (one.low, one.value) == (0.0, 62_000.0)
    assert one.high > 2 * one.value
    assert many.high - many.low < 0.02 * many.value


def test_a_forecast_is_priced() -> None:
    config = priced(prompt_per_million=1.0, completion_per_million=10.0, device_hour=3.6, devices=2)
    seen = Seen(moments([900.0, 1100.0] * 5), moments([2000.0]), Moments(), rate=500.0)
    found = make_forecast(seen, config, 100, 100)
    assert found.tokens.value == 100_000
    assert found.sampling_s is not None
    assert found.sampling_s.value == pytest.approx(200)
    assert found.money is not None
    assert found.money.value == pytest.approx(200_000 / 1e6 + 1.0 + 200 * 2 * 0.001)
    assert found.words("EUR").startswith("100,000 [")
    assert "EUR" in found.words("EUR")


def test_without_any_measure_tokens_are_a_wide_guess_and_the_rest_is_left_out() -> None:
    found = make_forecast(Seen(), CONFIG, 100, 10)
    assert found.tokens == Estimate(6_000.0, 0.0, 10_000.0)
    assert (found.sampling_s, found.pairs) == (None, None)
    assert found.words("USD") == "6,000 [0, 10,000] tokens"
    assert make_forecast(Seen(), priced(device_hour=2.0), 100, 10).money is None, "no rate, so no price"


def test_measures_are_kept_between_runs(tmp_path: Path) -> None:
    seen = {"m": Seen(moments([5.0, 7.0]), moments([3.0]), Moments(), 12.5), "o": Seen(rate=1.0)}
    keep_seen(tmp_path, {"m": seen["m"]})
    keep_seen(tmp_path, {"o": seen["o"]})
    assert read_seen(tmp_path) == seen
    (tmp_path / "measured.json").write_text('{"m": 3}')
    assert read_seen(tmp_path) == {}
    assert read_seen(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("n_passed", "n_failed", "n"), [(0, 9, 0), (3, 0, 0), (1, 1, 1), (1, 9, 2), (2, 2, 4), (9, 9, 8)]
)
def test_pairs_that_a_problem_may_have(n_passed: int, n_failed: int, n: int) -> None:
    assert possible_pairs(n_passed, n_failed, max_per_problem=8, max_per_candidate=2) == n


def test_pairs_are_forecast_as_earlier_runs_kept_them() -> None:
    seen = Seen(moments([5.0]), moments([3.0]), moments([4.0, 4.0]), 12.5, kept=0.25)
    found = make_forecast(seen, CONFIG, 64, 8)
    assert found.pairs is not None
    assert found.pairs.value == 8.0
    assert found.pairs.low < 8.0 < found.pairs.high, "two problems say little of eight"


def test_forecasts_of_waves_add_up() -> None:
    seen = Seen(moments([5.0, 7.0]), moments([3.0]), moments([1.0, 2.0]), 2.0)
    one, other = (make_forecast(seen, priced(device_hour=1.0), n, n) for n in (10, 30))
    both = one.plus(other)
    assert both.tokens.value == 40 * 6.0
    assert both.sampling_s is not None
    assert both.sampling_s.value == pytest.approx(120.0)
    assert both.pairs is not None
    assert one.plus(make_forecast(Seen(), CONFIG, 10, 1)).pairs is None


def draw_two_problems(cache: Path) -> Meter:
    """Of 40 draws 30 lie in the store; one problem's pairs are possible twice."""
    meter = Meter(CONFIG, cache, 40, 4, clock=iter(range(100)).__next__)
    rows = [replace(make_candidate(number), n_tokens=10, n_prompt_tokens=3, wall_s=0.5) for number in range(40)]
    for row in rows[:10]:
        assert meter.drawn(row) == f"({10 * meter.n_drawn} tokens)"
    meter.filled(rows[20:])
    meter.filled(rows[:20])
    meter.judged(1, 2)
    return meter


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr("pairsmith.flows.runtime.metering.reporter", lambda: SimpleNamespace(say=lines.append))
    return lines


def test_what_the_store_had_is_not_forecast_and_logged_apart(tmp_path: Path, logged: list[str]) -> None:
    keep_seen(tmp_path, {seen_key(CONFIG): Seen(moments([10.0, 10.0]), moments([3.0]), Moments(), 5.0)})
    assert Meter(CONFIG, tmp_path, 40, 4).before.tokens.value == 400
    meter = draw_two_problems(tmp_path)
    assert meter.before.tokens.value == 100
    assert (meter.n_drawn, meter.n_stored) == (10, 30)
    assert meter.outcome() == Outcome(100, 9.5, 0.0, 2.0)
    meter.keep()
    assert logged == ["candidates  10 drawn, 30 from the sample store"]
    seen = read_seen(tmp_path)[seen_key(CONFIG)]
    assert (seen.tokens.mean, seen.prompt_tokens.mean) == (10.0, 3.0)
    assert seen.rate == pytest.approx(100 / 9.5)


def test_forecast_and_outcome_are_written_together(tmp_path: Path, logged: list[str]) -> None:
    config = CONFIG.model_copy(update={"run": tmp_path / "run"})
    meter = draw_two_problems(tmp_path)
    meter.keep()
    compare([Meter(CONFIG, tmp_path, 8, 2), meter], config, tmp_path, n_pairs=1)
    text = (tmp_path / "run" / "forecast.json").read_text()
    assert json.loads(text)["outcome"] == {"tokens": 100.0, "sampling_s": 9.5, "money": 0.0, "pairs": 1.0}
    assert Comparison.from_json(text).dry_run.tokens == Estimate(600.0, 0.0, 1000.0)
    assert read_seen(tmp_path)[seen_key(CONFIG)].kept == 0.5
    assert logged[-2:] == ["forecast    600 [0, 1,000] tokens", "outcome     100 tokens, 10 s, 1 pairs"]
    older = {**json.loads(text), "early": None}
    assert Comparison.from_json(json.dumps(older)) == Comparison.from_json(text)
