import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("transformers")

from pipeline.sampling.errors import SamplingError
from pipeline.sampling.models import ResolvedModel
from pipeline.sampling.protocol import Opening
from pipeline.sampling.vllm_backend import VllmSampler
from schemas.config import SamplingConfig
from tests.sampling_kit import make_request

MODEL = ResolvedModel("/models/mine", "mine", "r1", None, None)


class FakeVllm:
    """The part of vLLM 0.32 that is used; completions are the prompt in capitals."""

    def __init__(self, on_cpu: bool, fault: str = "") -> None:
        fake = self
        self.calls: list[tuple[str, list[Any], list[Any], dict[str, Any]]] = []
        self.settings: dict[str, Any] = {}
        self.SamplingParams = SimpleNamespace
        self.platforms = SimpleNamespace(current_platform=SimpleNamespace(is_cpu=lambda: on_cpu))
        self.lora = SimpleNamespace(request=SimpleNamespace(LoRARequest=lambda *parts: parts))
        self.n_shutdowns = 0

        class Engine:
            def __init__(self, **settings: Any) -> None:
                if fault == "start":
                    raise RuntimeError("no memory\ndetails")
                fake.settings = settings
                self.llm_engine = SimpleNamespace(engine_core=SimpleNamespace(shutdown=fake.count_shutdown))

            def get_tokenizer(self) -> Any:
                return SimpleNamespace(chat_template="{{ messages }}")

            def chat(self, messages: list[Any], settings: list[Any], **options: Any) -> list[Any]:
                fake.calls.append(("chat", messages, settings, options))
                return [fake.answer(one[0]["content"]) for one in messages]

            def generate(self, prompts: list[Any], settings: list[Any], **options: Any) -> list[Any]:
                if fault == "run":
                    raise RuntimeError("EngineCore encountered an issue\ndetails")
                fake.calls.append(("generate", prompts, settings, options))
                return [fake.answer(prompt) for prompt in prompts]

        self.LLM = Engine

    def count_shutdown(self) -> None:
        self.n_shutdowns += 1

    def answer(self, prompt: str) -> Any:
        output = SimpleNamespace(
            text=prompt.upper(), token_ids=(1, 2, 3, 4), cumulative_logprob=-2.0, finish_reason="stop"
        )
        return SimpleNamespace(prompt_token_ids=[1] * len(prompt), outputs=[output])


def open_fake(vllm: FakeVllm, model: ResolvedModel = MODEL) -> VllmSampler:
    return VllmSampler(SamplingConfig(backend="vllm"), model, 7, print, vllm)


REQUESTS = [
    make_request(0, "ab"),
    make_request(1, "ab", stop=("\ndef ",), opening=Opening("continuation", "cd")),
    make_request(2, "ef"),
]


def test_all_requests_are_submitted_at_once_by_template() -> None:
    vllm = FakeVllm(on_cpu=False)
    drawn = {one.request.index: one for one in open_fake(vllm).sample(REQUESTS)}
    assert [(call[0], len(call[1])) for call in vllm.calls] == [("chat", 2), ("generate", 1)]
    assert {i: one.completion for i, one in drawn.items()} == {0: "AB", 1: "CD", 2: "EF"}
    first = drawn[0]
    assert (first.n_prompt_tokens, first.n_tokens, first.finish_reason, first.mean_logprob, first.seed) == (
        2, 4, "stop", -0.5, 1000,
    )  # fmt: skip
    assert vllm.calls[1][2][0].stop == ["\ndef "]
    assert [settings.seed for settings in vllm.calls[0][2]] == [1000, 1002]


def test_on_a_cpu_no_request_has_a_seed() -> None:
    vllm = FakeVllm(on_cpu=True)
    drawn = list(open_fake(vllm).sample(REQUESTS))
    assert {settings.seed for call in vllm.calls for settings in call[2]} == {None}
    assert {one.seed for one in drawn} == {-1}
    assert (vllm.settings["seed"], vllm.settings["dtype"], vllm.settings["enforce_eager"]) == (7, "bfloat16", True)


def test_an_adapter_goes_with_every_request(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 12}))
    vllm = FakeVllm(on_cpu=True)
    sampler = open_fake(vllm, ResolvedModel("/models/mine", "mine", "r1+a", None, tmp_path))
    list(sampler.sample(REQUESTS))
    assert (vllm.settings["enable_lora"], vllm.settings["max_lora_rank"]) == (True, 16)
    assert {call[3]["lora_request"] for call in vllm.calls} == {("adapter", 1, str(tmp_path))}


@pytest.mark.parametrize(
    ("fault", "message"), [("start", "vLLM doesn't start .no memory."), ("run", "engine failed")]
)
def test_a_dead_engine_is_one_line(fault: str, message: str) -> None:
    with pytest.raises(SamplingError, match=f"mine: .*{message}") as caught:
        list(open_fake(FakeVllm(on_cpu=True, fault=fault)).sample(REQUESTS))
    assert "details" not in str(caught.value)


def test_closing_stops_the_engine_once() -> None:
    vllm = FakeVllm(on_cpu=True)
    with open_fake(vllm) as sampler:
        sampler.close()
    assert vllm.n_shutdowns == 1
    with pytest.raises(SamplingError, match="closed"):
        list(sampler.sample(REQUESTS))
