from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.sampling.planning import Arm, Source, deal, list_arms, list_sources
from pairsmith.schemas.config.sampling import MixedModelConfig, SamplingConfig, ScheduleConfig

SCHEDULE = (ScheduleConfig(share=0.5, temperature=0.6), ScheduleConfig(share=0.5, temperature=1.0, top_p=0.9))


def test_eight_at_each_of_two_temperatures() -> None:
    arms = list_arms(list_sources(SamplingConfig(schedule=SCHEDULE)))
    draws = deal(arms, 16)
    assert Counter(draw.arm.temperature for draw in draws) == {0.6: 8, 1.0: 8}
    assert [draw.index for draw in draws] == list(range(16))
    assert [draw.number for draw in draws if draw.arm.temperature == 1.0] == list(range(8))


def test_templates_and_models_have_their_shares() -> None:
    models = (MixedModelConfig(model="base", share=3.0), MixedModelConfig(model="strong", templates=("instruct",)))
    config = SamplingConfig(models=models, templates=("instruct", "few_shot"), schedule=SCHEDULE)
    draws = deal(list_arms(list_sources(config)), 32)
    assert Counter(draw.arm.source for draw in draws) == {0: 24, 1: 8}
    assert Counter((draw.arm.template, draw.arm.temperature) for draw in draws if draw.arm.source == 0) == {
        (template, temperature): 6 for template in ("instruct", "few_shot") for temperature in (0.6, 1.0)
    }
    assert {draw.arm.template for draw in draws if draw.arm.source == 1} == {"instruct"}


def test_a_model_takes_what_it_does_not_say_from_the_section_but_no_others_weights() -> None:
    models = (
        MixedModelConfig(model="a"),
        MixedModelConfig(model="b", backend="openai", base_url=("http://h/v1",), revision="r"),
    )
    first, second = list_sources(SamplingConfig(models=models, max_tokens=7, revision="top", backend="vllm"))
    assert (first.config.model, first.config.backend, first.config.max_tokens, first.config.revision) == (
        "a", "vllm", 7, "",
    )  # fmt: skip
    assert (second.config.backend, second.config.base_url, second.config.revision) == (
        "openai",
        ("http://h/v1",),
        "r",
    )


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=6), st.integers(0, 60), st.integers(0, 60))
def test_more_draws_only_add_and_shares_are_kept(shares: list[float], n: int, more: int) -> None:
    total = sum(shares)
    arms = [Arm(0, f"t{i}", 0.8, 1.0, share / total) for i, share in enumerate(shares)]
    draws = deal(arms, n + more)
    assert deal(arms, n) == draws[:n]
    for arm in arms:
        numbers = [draw.number for draw in draws if draw.arm == arm]
        assert numbers == list(range(len(numbers)))
        assert abs(len(numbers) - arm.weight * (n + more)) <= len(arms)


@pytest.mark.parametrize("n", [1, 5, 16])
def test_one_arm_takes_all(n: int) -> None:
    config = SamplingConfig()
    draws = deal(list_arms([Source(config, 1.0)]), n)
    assert [(draw.index, draw.number) for draw in draws] == [(i, i) for i in range(n)]
