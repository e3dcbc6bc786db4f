import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.sampling.budget import (
    MIN_PROBLEMS,
    Bounds,
    ProblemDraws,
    Spent,
    exceeded,
    expected_gain,
    fit_prior,
    next_wave,
)
from pairsmith.schemas.config.run import AdaptiveConfig, BudgetConfig, PricesConfig

FREE, NO_PRICES, BOUNDS, ONE = BudgetConfig(), PricesConfig(), Bounds(8, 2), Bounds(1, 1)
WAVES = AdaptiveConfig(pairs=1000, first_n=4, step_n=2, max_n=12)


def wave_of(standings: list[ProblemDraws], adaptive: AdaptiveConfig = WAVES, **more: object) -> dict[str, int]:
    settings = {"spent": Spent(), "budget": FREE, "prices": NO_PRICES, "max_tokens": 100, "bounds": BOUNDS, **more}
    wave = next_wave(standings, adaptive=adaptive, **settings)  # type: ignore[arg-type]
    before = {standing.problem_id: standing.n for standing in standings}
    return {key: n - before[key] for key, n in wave.n_each.items() if n > before[key]}


def test_the_first_wave_draws_a_few_of_every_problem() -> None:
    assert wave_of([ProblemDraws(f"p{i}", 0) for i in range(20)]) == {f"p{i}": 4 for i in range(20)}


def test_without_a_target_later_waves_draw_only_where_no_pair_is_possible_yet() -> None:
    standings = [
        ProblemDraws("mixed", 4, 2, 2, n_pairs=4),
        ProblemDraws("all failed", 4, 0, 4),
        ProblemDraws("all passed", 4, 4, 0),
        ProblemDraws("at the cap", 12, 0, 12),
        ProblemDraws("near the cap", 11, 0, 11),
    ]
    budget = BudgetConfig(tokens=10**9)
    assert wave_of(standings, WAVES.model_copy(update={"pairs": None}), budget=budget) == {
        "all failed": 2, "all passed": 2, "near the cap": 1,
    }  # fmt: skip


def test_with_a_target_problems_that_may_have_more_pairs_are_drawn_too() -> None:
    standings = [ProblemDraws("mixed", 4, 1, 3, n_pairs=2), ProblemDraws("full", 8, 4, 4, n_pairs=8)]
    assert wave_of(standings) == {"mixed": 2}


def test_what_is_likelier_to_bring_a_pair_comes_first_and_no_more_than_needed() -> None:
    # Half of the problems pass at half of the draws, half never: those with fewer failures are likelier to pass.
    known = [ProblemDraws(f"known{i}", 8, 4, 4, n_pairs=8) for i in range(20)]
    rest = [ProblemDraws(f"short{i:02}", 2, 0, 2) for i in range(40)] + [
        ProblemDraws(f"long{i}", 10, 0, 10) for i in range(40)
    ]
    wave = wave_of([*known, *rest], AdaptiveConfig(pairs=163, first_n=4, step_n=2, max_n=12))
    assert set(wave) <= {standing.problem_id for standing in rest[:40]}
    assert MIN_PROBLEMS <= len(wave) < 40
    assert len(wave_of([*known, *rest], AdaptiveConfig(pairs=5000, first_n=4, step_n=2, max_n=12))) == 80


def test_it_ends_when_there_are_enough_pairs_or_nothing_is_left() -> None:
    enough = [ProblemDraws("a", 4, 2, 2, n_pairs=1000)]
    assert next_wave(enough, Spent(), WAVES, FREE, NO_PRICES, 100, BOUNDS).reason == "pairs"
    left = [ProblemDraws("a", 12, 0, 12), ProblemDraws("b", 8, 4, 4, n_pairs=8)]
    assert next_wave(left, Spent(), WAVES, FREE, NO_PRICES, 100, BOUNDS).reason == "exhausted"


@given(st.integers(1, 5000), st.integers(0, 5000), st.integers(1, 300), st.integers(1, 40))
def test_a_wave_never_exceeds_the_budget_of_tokens(budget: int, spent: int, max_tokens: int, n: int) -> None:
    standings = [ProblemDraws(f"p{i}", 0) for i in range(n)]
    found = next_wave(
        standings, Spent(tokens=spent), WAVES, BudgetConfig(tokens=budget), NO_PRICES, max_tokens, BOUNDS
    )
    draws = sum(found.n_each.values())
    assert draws * max_tokens <= max(budget - spent, 0)
    assert bool(draws) is (budget - spent >= max_tokens)
    assert found.reason == ("" if draws else "tokens")


@pytest.mark.parametrize(
    ("budget", "prices", "spent", "reason"),
    [
        (BudgetConfig(gpu_hours=1.0), PricesConfig(devices=4), Spent(10, 10, 900.0), "gpu_hours"),
        (BudgetConfig(gpu_hours=1.0), PricesConfig(devices=4), Spent(10, 10, 800.0), ""),
        (BudgetConfig(money=2.0), PricesConfig(device_hour=2.0), Spent(10, 10, 3600.0), "money"),
        (
            BudgetConfig(money=2.0),
            PricesConfig(prompt_per_million=1.0, completion_per_million=2.0),
            Spent(tokens=500_000, prompt_tokens=1_000_000),
            "money",
        ),
        (BudgetConfig(money=2.0), PricesConfig(completion_per_million=2.0), Spent(500_000, 10**9), ""),
    ],
)
def test_hours_and_money_are_budgets_too(
    budget: BudgetConfig, prices: PricesConfig, spent: Spent, reason: str
) -> None:
    assert exceeded(spent, budget, prices) == reason


def test_the_money_that_is_left_bounds_a_wave() -> None:
    prices = PricesConfig(completion_per_million=10.0)
    standings = [ProblemDraws(f"p{i}", 0) for i in range(50)]
    wave = wave_of(standings, budget=BudgetConfig(money=0.03), prices=prices, spent=Spent(tokens=1000))
    assert sum(wave.values()) * 100 <= 2000


@pytest.mark.parametrize(
    ("n_passed", "n_failed", "n_more", "chance"),
    [
        (1, 1, 4, 0.0),
        (0, 0, 1, 0.0),
        (0, 0, 2, 1 / 3),  # uniform prior: each count of passes is equally likely
        (0, 1, 1, 1 / 3),  # Laplace's rule of succession
        (0, 4, 1, 1 / 6),
        (4, 0, 1, 1 / 6),
    ],
)
def test_chances_under_a_uniform_prior(n_passed: int, n_failed: int, n_more: int, chance: float) -> None:
    assert expected_gain(n_passed, n_failed, n_more, (1.0, 1.0), ONE) == pytest.approx(chance)


def test_chances_agree_with_a_simulation() -> None:
    draw = random.Random(5)
    a, b, hits, kept = 0.7, 1.6, 0, 0
    for _ in range(60_000):
        rate = draw.betavariate(a, b)
        if any(draw.random() < rate for _ in range(3)):
            continue  # only problems whose first three failed
        kept += 1
        hits += any(draw.random() < rate for _ in range(5))
    assert expected_gain(0, 3, 5, (a, b), ONE) == pytest.approx(hits / kept, abs=0.01)


def test_the_prior_is_found_again() -> None:
    draw = random.Random(1)
    rows = []
    for i in range(4000):
        rate = draw.betavariate(0.6, 1.8)
        passed = sum(draw.random() < rate for _ in range(6))
        rows.append(ProblemDraws(str(i), 6, passed, 6 - passed))
    a, b = fit_prior(rows)
    assert a == pytest.approx(0.6, rel=0.15)
    assert b == pytest.approx(1.8, rel=0.15)
    assert fit_prior(rows[:4]) == (0.5, 0.5)


def test_a_problem_whose_draws_repeat_themselves_comes_after_one_whose_do_not() -> None:
    alike = [ProblemDraws(f"alike{i}", 6, 3, 3, n_pairs=1) for i in range(20)]
    fresh = [ProblemDraws(f"fresh{i}", 6, 3, 3, n_pairs=6) for i in range(20)]
    wave = wave_of([*alike, *fresh], AdaptiveConfig(pairs=145, first_n=4, step_n=2, max_n=12))
    assert wave
    assert all(problem_id.startswith("fresh") for problem_id in wave)
