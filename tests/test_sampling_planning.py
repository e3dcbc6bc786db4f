import importlib.util
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.sampling import choose_backend, open_sampler, sample_problems
from pairsmith.pipeline.sampling.openai_backend import OpenAISampler
from pairsmith.pipeline.sampling.planning import deal, list_arms, plan_problem
from pairsmith.pipeline.sampling.protocol import SamplingError, Trouble
from pairsmith.schemas.config.sampling import SamplingConfig, ScheduleConfig
from tests.sampling_kit import EchoSampler, make_problem

PROBLEMS = [make_problem("b"), make_problem("a")]


def test_candidates_are_sorted_whatever_order_they_come_in() -> None:
    drawn = sample_problems(PROBLEMS, EchoSampler(), SamplingConfig(n=3), seed=0)
    assert [(c.problem_id, c.index) for c in drawn] == [(p, i) for p in ("p/a", "p/b") for i in range(3)]
    assert [c.completion for c in drawn] == [c.candidate_id for c in drawn]
    assert len({c.candidate_id for c in drawn}) == 6


def test_requests_of_one_arm_stand_side_by_side_with_seeds_in_a_row() -> None:
    schedule = (ScheduleConfig(temperature=0.6), ScheduleConfig(temperature=1.0))
    config = SamplingConfig(n=6, schedule=schedule, templates=("instruct", "few_shot"))
    draws = deal(list_arms(config), config.n)
    plan = plan_problem(make_problem(), draws, config, 0, EchoSampler())
    told = [(r.temperature, r.opening.name, r.number) for r in plan.requests]
    assert told == [
        (0.6, "instruct", 0), (0.6, "instruct", 1), (0.6, "few_shot", 0), (0.6, "few_shot", 1),
        (1.0, "instruct", 0), (1.0, "few_shot", 0),
    ]  # fmt: skip
    assert sorted(r.index for r in plan.requests) == list(range(6))
    assert plan.requests[1].seed == plan.requests[0].seed + 1


def test_a_problem_without_signature_is_a_failure_of_its_own() -> None:
    config = SamplingConfig(n=2, templates=("completion",))
    draws = deal(list_arms(config), 2)
    plan = plan_problem(make_problem(prompt="Double it."), draws, config, 0, EchoSampler())
    assert plan.requests == ()
    assert [(failure.trouble, failure.request.index) for failure in plan.failures] == [
        (Trouble.NO_SIGNATURE, 0), (Trouble.NO_SIGNATURE, 1),
    ]  # fmt: skip


def test_continuations_stop_as_their_language_does() -> None:
    config = SamplingConfig(n=1, templates=("completion",))
    draws = deal(list_arms(config), 1)
    for language, stop in (("python", "\ndef "), ("go", "\nfunc ")):
        problem = make_problem(continuation="def f():", language=language)
        (request,) = plan_problem(problem, draws, config, 0, EchoSampler()).requests
        assert stop in request.stop


@pytest.mark.parametrize(
    ("settings", "installed", "backend"),
    [
        ({}, set(), "transformers"),
        ({}, {"vllm"}, "vllm"),
        ({"samples": Path("s.jsonl")}, {"vllm"}, "files"),
        ({"backend": "openai", "samples": Path("s.jsonl")}, {"vllm"}, "openai"),
        ({"backend": "transformers"}, {"vllm"}, "transformers"),
    ],
)
def test_auto_takes_the_best_that_is_there(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], installed: set[str], backend: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name in installed else None)
    assert choose_backend(SamplingConfig(**settings)) == backend


def test_without_torch_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SamplingError, match=r"pip install 'pairsmith\[train\]'"):
        open_sampler(SamplingConfig(), tmp_path, None, print)


def test_a_server_is_opened_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert isinstance(open_sampler(SamplingConfig(backend="openai"), tmp_path, "key", print), OpenAISampler)
