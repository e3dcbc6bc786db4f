import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.flows.runtime.metering import Meter, seen_key
from pairsmith.pipeline.sampling.forecast import (
    Comparison,
    Estimate,
    Moments,
    Outcome,
    Seen,
    make_forecast,
    possible_pairs,
    price,
    read_seen,
    seen_to_json,
)
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.budget import PricesConfig
from tests.slots_kit import Clock, draw_in_slots
from tests.test_sampling_store import make_candidate


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
    """Of 400 runs whose last 300 of 360 problems are forecast from the first 60."""
    draw, held = random.Random(3), 0
    for _ in range(400):
        pairs = [float(draw.choice([0, 0, 0, 1, 2, 4])) for _ in range(360)]
        estimate = moments(pairs[:60]).carried(300, so_far=sum(pairs[:60]))
        held += estimate.low <= sum(pairs) <= estimate.high
    assert 0.92 <= held / 400 <= 0.98


def test_few_values_that_happen_to_be_equal_leave_doubt() -> None:
    one, many = moments([62.0]).carried(1000), moments([62.0] * 400).carried(1000)
    assert (one.low, one.value) == (0.0, 62_000.0)
    assert one.high > 2 * one.value
    assert many.high - many.low < 0.02 * many.value


def test_a_forecast_counts_what_is_there_and_prices_it() -> None:
    prices = PricesConfig(prompt_per_million=1.0, completion_per_million=10.0, device_hour=3.6, devices=2)
    tokens = moments([900.0, 1100.0] * 5).carried(90, so_far=10_000.0)
    found = price(tokens, 200_000, 500.0, Estimate(200.0, 180.0, 220.0), prices, so_far=(12_000.0, 24.0))
    assert found.tokens.value == 10_000 + 90 * 1000
    assert found.sampling_s is not None
    assert found.sampling_s.value == pytest.approx(24 + 88_000 / 500)
    assert found.money is not None
    assert found.money.value == pytest.approx(200_000 / 1e6 + 1.0 + 200 * 2 * 0.001)
    assert found.words("EUR").startswith("100,000 [")
    assert "EUR" in found.words("EUR")


def test_without_any_measure_tokens_are_a_wide_guess_and_the_rest_is_left_out() -> None:
    found = make_forecast(Seen(), 100, 10, PricesConfig(), 200)
    assert found.tokens == Estimate(12_000.0, 0.0, 20_000.0)
    assert (found.sampling_s, found.pairs) == (None, None)
    assert found.words("USD") == "12,000 [0, 20,000] tokens"
    with_hours = make_forecast(Seen(), 100, 10, PricesConfig(device_hour=2.0), 200)
    assert with_hours.money is None, "no rate, so no hours and no price"


def test_measures_are_kept_between_runs(tmp_path: Path) -> None:
    seen = {"m": Seen(moments([5.0, 7.0]), moments([3.0]), Moments(), 12.5)}
    path = tmp_path / "measured.json"
    path.write_text(seen_to_json(seen))
    assert read_seen(path) == seen
    path.write_text('{"m": 3}')
    assert read_seen(path) == {}
    assert read_seen(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("n_passed", "n_failed", "n"), [(0, 9, 0), (3, 0, 0), (1, 1, 1), (1, 9, 2), (2, 2, 4), (9, 9, 8)]
)
def test_pairs_that_a_problem_may_have(n_passed: int, n_failed: int, n: int) -> None:
    assert possible_pairs(n_passed, n_failed, max_per_problem=8, max_per_candidate=2) == n


def test_pairs_are_forecast_as_earlier_runs_kept_them() -> None:
    seen = Seen(moments([5.0]), moments([3.0]), moments([4.0, 4.0]), 12.5, kept=0.25)
    found = make_forecast(seen, 64, 8, PricesConfig(), 100)
    assert found.pairs is not None
    assert found.pairs.value == 8.0
    assert found.pairs.low < 8.0 < found.pairs.high, "two problems say little of eight"


def test_forecasts_of_waves_add_up() -> None:
    seen = Seen(moments([5.0, 7.0]), moments([3.0]), moments([1.0, 2.0]), 2.0)
    one, other = (make_forecast(seen, n, n, PricesConfig(device_hour=1.0), 100) for n in (10, 30))
    both = one.plus(other)
    assert both.tokens.value == 40 * 6.0
    assert both.sampling_s is not None
    assert both.sampling_s.value == pytest.approx(120.0)
    assert both.pairs is not None
    assert one.plus(make_forecast(Seen(), 10, 1, PricesConfig(), 100)).pairs is None


def test_forecast_and_outcome_are_written_together() -> None:
    comparison = Comparison(make_forecast(Seen(), 10, 1, PricesConfig(), 100), None, Outcome(5.0, 1.0, 0.0, 2.0))
    found = json.loads(comparison.to_json())
    assert found["dry_run"]["tokens"]["high"] == 1000
    assert (found["early"], found["outcome"]["pairs"]) == (None, 2.0)
    assert Comparison.from_json(comparison.to_json()) == comparison


def test_what_the_store_had_is_not_forecast(tmp_path: Path) -> None:
    """Of 40 draws 30 lay in the store: forecast and outcome are about the other ten."""
    config = RunConfig()
    seen = {seen_key(config): Seen(moments([10.0, 10.0]), moments([3.0]), Moments(), 5.0)}
    (tmp_path / "measured.json").write_text(seen_to_json(seen))
    meter = Meter(config, tmp_path, 40, 4)
    assert meter.before.tokens.value == 400
    rows = [replace(make_candidate(number), n_tokens=10, n_prompt_tokens=3, wall_s=0.1) for number in range(40)]
    for row in rows[:10]:
        meter.drawn(row)
        assert meter.before.tokens.value == 400  # nobody knows yet what the store has
    meter.expect(["a", "b"])
    for name, own in (("b", rows[20:]), ("a", rows[:20])):
        meter.filled(name, own)
    assert meter.before.tokens.value == 100
    assert meter.outcome().tokens == 100


def test_the_interval_holds_for_draws_that_resemble_each_other_and_finish_short_ones_first(
    tmp_path: Path,
) -> None:
    """Of 100 problems with 8 draws each; over single draws as they finish it would hold in half of the runs."""
    draw, held = random.Random(5), 0
    for _ in range(200):
        typical = [draw.lognormvariate(4.0, 0.6) for _ in range(100)]
        lengths = [[min(round(draw.lognormvariate(math.log(one), 0.4)), 200) for _ in range(8)] for one in typical]
        problems = [
            [replace(make_candidate(8 * name + one), problem_id=str(name), n_tokens=own[one]) for one in range(8)]
            for name, own in enumerate(lengths)
        ]
        clock = Clock()
        meter = Meter(RunConfig(), tmp_path, 800, 100, clock=clock)
        for n_done in draw_in_slots(problems, 32, meter, clock):
            if n_done == 250:
                break
        forecast = meter.forecast()
        assert forecast is not None
        held += forecast.tokens.low <= sum(map(sum, lengths)) <= forecast.tokens.high
    assert 0.88 <= held / 200 <= 0.99


def test_what_the_store_has_of_the_first_problems_it_is_taken_to_have_of_the_others(tmp_path: Path) -> None:
    clock = Clock()
    meter = Meter(RunConfig(), tmp_path, 400, 40, clock=clock)
    meter.expect(map(str, range(40)))
    for problem in range(10):
        assert (meter.forecast() is None) == (problem < 4), "too few problems say nothing"
        rows = [replace(make_candidate(one), candidate_id=f"{problem}-{one}", n_tokens=50) for one in range(10)]
        clock.step += 1
        for row in rows[8:]:
            meter.drawn(row)
        meter.filled(str(problem), rows)
    forecast = meter.forecast()
    assert forecast is not None
    assert forecast.tokens.value == 40 * 2 * 50
