from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.sampling.planning import Arm, deal, list_arms
from pairsmith.schemas.config.sampling import SamplingConfig, ScheduleConfig

SCHEDULE = (ScheduleConfig(share=0.5, temperature=0.6), ScheduleConfig(share=0.5, temperature=1.0, top_p=0.9))


def test_eight_at_each_of_two_temperatures() -> None:
    arms = list_arms(SamplingConfig(schedule=SCHEDULE))
    draws = deal(arms, 16)
    assert Counter(draw.arm.temperature for draw in draws) == {0.6: 8, 1.0: 8}
    assert [draw.index for draw in draws] == list(range(16))
    assert [draw.number for draw in draws if draw.arm.temperature == 1.0] == list(range(8))


def test_templates_have_their_shares() -> None:
    config = SamplingConfig(templates=("instruct", "few_shot"), schedule=SCHEDULE)
    assert Counter((draw.arm.template, draw.arm.temperature) for draw in deal(list_arms(config), 24)) == {
        (template, temperature): 6 for template in ("instruct", "few_shot") for temperature in (0.6, 1.0)
    }


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=6), st.integers(0, 60), st.integers(0, 60))
def test_more_draws_only_add_and_shares_are_kept(shares: list[float], n: int, more: int) -> None:
    total = sum(shares)
    arms = [Arm(f"t{i}", 0.8, 1.0, share / total) for i, share in enumerate(shares)]
    draws = deal(arms, n + more)
    assert deal(arms, n) == draws[:n]
    for arm in arms:
        numbers = [draw.number for draw in draws if draw.arm == arm]
        assert numbers == list(range(len(numbers)))
        assert abs(len(numbers) - arm.weight * (n + more)) <= len(arms)


@pytest.mark.parametrize("n", [1, 5, 16])
def test_one_arm_takes_all(n: int) -> None:
    config = SamplingConfig()
    draws = deal(list_arms(config), n)
    assert [(draw.index, draw.number) for draw in draws] == [(i, i) for i in range(n)]
