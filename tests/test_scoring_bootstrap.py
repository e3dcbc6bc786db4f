import math

import numpy as np
import pytest

from pairsmith.pipeline.evaluation.estimates import generator, percentile_intervals, resample_means


def test_the_interval_of_a_large_sample_is_the_normal_one() -> None:
    values = np.random.default_rng(3).random((400, 1))
    (interval,) = percentile_intervals(values, 4000, 0.95, generator(0, "test"))
    half_width = 1.96 * values.std() / math.sqrt(400)
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half_width, abs=half_width / 10)
    assert interval.high == pytest.approx(values.mean() + half_width, abs=half_width / 10)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    numbers = np.random.default_rng(5)
    covered = 0
    for trial in range(300):
        values = (numbers.random((60, 1)) < 0.3).astype(np.float64)
        (interval,) = percentile_intervals(values, 300, 0.9, generator(trial, "test"))
        covered += interval.low <= 0.3 <= interval.high
    assert 0.83 <= covered / 300 <= 0.96  # 0.90 within four standard errors


def test_columns_are_resampled_together() -> None:
    column = np.random.default_rng(1).random(50)
    means = resample_means(np.column_stack([column, 1.0 - column]), 500, generator(0, "test"))
    np.testing.assert_allclose(means.sum(axis=1), 1.0)
    assert means[:, 0].std() > 0.01


def test_resamples_come_from_seed_and_name_only() -> None:
    values = np.random.default_rng(1).random((30, 1))
    first, again, other_seed, other_name = (
        resample_means(values, 600, generator(seed, name))
        for seed, name in [(-7, "pass@1"), (-7, "pass@1"), (8, "pass@1"), (-7, "pass@4")]
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other_seed).any()
    assert (first != other_name).any()


def test_no_problems_have_no_mean() -> None:
    (interval,) = percentile_intervals(np.empty((0, 1)), 100, 0.95, generator(0, "test"))
    assert all(math.isnan(value) for value in (interval.value, interval.low, interval.high))


@pytest.mark.parametrize(
    ("value", "n", "low", "high"), [(0.0, 20, 0.0, 0.1684), (1.0, 20, 0.8316, 1.0), (0.25, 1, 0.00625, 0.98125)]
)
def test_equal_values_leave_doubt(value: float, n: int, low: float, high: float) -> None:
    """Of 20 problems that all fail the exact binomial interval goes up to 0.1684 (Clopper and Pearson 1934)."""
    rows = np.full((n, 2), value)
    told, plain = percentile_intervals(rows, 100, 0.95, generator(0, "test"), [(0.0, 1.0), None])
    assert [told.low, told.high] == pytest.approx([low, high], abs=1e-4)
    assert (plain.low, plain.high) == (value, value)
