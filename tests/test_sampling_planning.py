import importlib.util
from pathlib import Path
from typing import Any

import pytest

from pipeline.sampling.errors import SamplingError
from pipeline.sampling.openai_backend import OpenAISampler
from pipeline.sampling.planning import choose_backend, open_sampler, plan_requests, sample_problems
from schemas.config import SamplingConfig
from tests.sampling_kit import EchoSampler, make_problem

PROBLEMS = [make_problem("b"), make_problem("a")]


def test_growing_n_and_adding_problems_draws_exactly_what_is_missing() -> None:
    sampler = EchoSampler()
    first = sample_problems(PROBLEMS, sampler, SamplingConfig(n=8), seed=3)
    have = [candidate.candidate_id for candidate in first]
    sampler.asked.clear()
    more = sample_problems([*PROBLEMS, make_problem("c")], sampler, SamplingConfig(n=10), seed=3, have=have)
    assert [(r.problem_id, r.index) for r in sampler.asked] == [
        *[("p/a", 8), ("p/a", 9), ("p/b", 8), ("p/b", 9)], *[("p/c", i) for i in range(10)],
    ]  # fmt: skip
    assert not set(have) & {candidate.candidate_id for candidate in more}


def test_candidates_are_sorted_whatever_order_they_come_in() -> None:
    drawn = sample_problems(PROBLEMS, EchoSampler(), SamplingConfig(n=3), seed=0)
    assert [(c.problem_id, c.index) for c in drawn] == [(p, i) for p in ("p/a", "p/b") for i in range(3)]
    assert [c.completion for c in drawn] == [c.candidate_id for c in drawn]


def test_ids_are_unique_and_follow_a_changed_prompt() -> None:
    config = SamplingConfig(n=4)
    ids = {r.candidate_id for r in plan_requests(PROBLEMS, config, 0, EchoSampler())}
    assert len(ids) == 8
    changed = [make_problem("b", prompt="Triple it."), make_problem("a")]
    assert len(ids & {r.candidate_id for r in plan_requests(changed, config, 0, EchoSampler())}) == 4


def test_nothing_missing_asks_for_nothing() -> None:
    sampler = EchoSampler()
    have = {r.candidate_id for r in plan_requests(PROBLEMS, SamplingConfig(n=2), 0, sampler)}
    assert sample_problems(PROBLEMS, sampler, SamplingConfig(n=2), 0, have) == []
    assert sampler.asked == []


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
