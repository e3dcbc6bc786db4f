import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("transformers")

from pairsmith.pipeline.sampling.models import ResolvedModel
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Opening, Request, SamplingError, Trouble
from pairsmith.pipeline.sampling.vllm_backend import VllmSampler
from pairsmith.schemas.config.sampling import SamplingConfig, VllmConfig
from tests.sampling_kit import make_request, only_drawn

MODEL = ResolvedModel("/models/mine", "mine", "r1", None, None)


class FakeVllm:
    """The part of vLLM 0.32 that is used: completions are the prompt in capitals and the number among `n`."""

    def __init__(self, on_cpu: bool = False, fault: str = "", dies_after: int = 10**9) -> None:
        self.asked: list[tuple[str, Any, Any, dict[str, Any]]] = []
        self.settings: dict[str, Any] = {}
        self.SamplingParams = SimpleNamespace
        self.sampling_params = SimpleNamespace(RequestOutputKind=SimpleNamespace(FINAL_ONLY="final"))
        self.platforms = SimpleNamespace(current_platform=SimpleNamespace(is_cpu=lambda: on_cpu))
        self.lora = SimpleNamespace(request=SimpleNamespace(LoRARequest=lambda *parts: parts))
        self.n_shutdowns = 0
        self.aborted: list[str] = []
        self.waiting: list[Any] = []
        self.fault, self.n_steps_left, self.most_waiting = fault, dies_after, 0
        self.LLM = self.start

    def start(self, **settings: Any) -> Any:
        if self.fault == "start":
            raise RuntimeError("no memory\ndetails")
        self.settings = settings
        self.llm_engine = SimpleNamespace(
            engine_core=SimpleNamespace(shutdown=self.count_shutdown),
            has_unfinished_requests=lambda: bool(self.waiting),
            step=self.step,
            abort_request=self.aborted.extend,
        )
        return self

    def get_tokenizer(self) -> Any:
        return SimpleNamespace(chat_template="{{ messages }}")

    def enqueue_chat(self, messages: list[Any], settings: Any, **options: Any) -> list[str]:
        return self._add("chat", messages[0], messages[0][-1]["content"], settings, options)

    def enqueue(self, prompts: list[str], settings: Any, **options: Any) -> list[str]:
        return self._add("generate", prompts[0], prompts[0], settings, options)

    def step(self) -> list[Any]:
        """Finish the last request; the first call of each pair finishes nothing, as engines do."""
        self.most_waiting = max(self.most_waiting, sum(settings.n for _, _, settings in self.waiting))
        self.n_steps_left -= 1
        if self.n_steps_left < 0:
            raise RuntimeError("EngineCore encountered an issue\ndetails")
        if self.n_steps_left % 2:
            return [SimpleNamespace(finished=False)]
        name, text, settings = self.waiting.pop()
        outputs = [
            SimpleNamespace(
                index=i, text=f"{text.upper()} {i}", token_ids=(5, 6), cumulative_logprob=-1.0,
                finish_reason="stop",
                logprobs=[{5: SimpleNamespace(logprob=-0.25)}, {6: SimpleNamespace(logprob=-0.75)}],
            )
            for i in range(settings.n)
        ]  # fmt: skip
        return [SimpleNamespace(request_id=name, finished=True, prompt_token_ids=[1] * len(text), outputs=outputs)]

    def count_shutdown(self) -> None:
        self.n_shutdowns += 1

    def _add(self, kind: str, asked: Any, text: str, settings: Any, options: dict[str, Any]) -> list[str]:
        if text == "long":
            raise ValueError("The decoder prompt is longer than the maximum model length of 8.\ndetails")
        if text == "odd":
            raise ValueError("no such token")
        self.asked.append((kind, asked, settings, options))
        self.waiting.append((str(len(self.asked)), text, settings))
        return [f"{len(self.asked)}-1a2b3c4d"]  # outputs bear the part before the dash


def open_fake(module: FakeVllm, model: ResolvedModel = MODEL, **settings: Any) -> VllmSampler:
    return VllmSampler(SamplingConfig(backend="vllm", **settings), model, 7, print, module)


def in_a_row(n: int, text: str = "ab") -> list[Request]:
    return [make_request(i, text, number=i) for i in range(n)]


def test_draws_of_one_prompt_are_one_request_with_n() -> None:
    vllm = FakeVllm()
    continuation = make_request(9, stop=("\ndef ",), opening=Opening("continuation", "cd"))
    drawn = {one.request.index: one for one in only_drawn(open_fake(vllm).sample([*in_a_row(4), continuation]))}
    assert [(kind, settings.n, settings.seed) for kind, _, settings, _ in vllm.asked] == [
        ("chat", 4, 1000), ("generate", 1, 1009),
    ]  # fmt: skip
    assert {i: one.completion for i, one in drawn.items()} == {
        0: "AB 0", 1: "AB 1", 2: "AB 2", 3: "AB 3", 9: "CD 0",
    }  # fmt: skip
    one = drawn[3]
    assert (one.n_prompt_tokens, one.n_tokens, one.finish_reason, one.mean_logprob, one.seed) == (
        2, 2, "stop", -0.5, 1003,
    )  # fmt: skip
    assert vllm.asked[1][2].stop == ["\ndef "]
    assert one.token_logprobs == ()


def test_the_log_probabilities_of_tokens_are_kept_where_asked_for() -> None:
    (one,) = only_drawn(open_fake(FakeVllm(), token_logprobs=True).sample(in_a_row(1)))
    assert one.token_logprobs == (-0.25, -0.75)


def test_the_engine_is_kept_full_but_not_without_bound() -> None:
    vllm = FakeVllm()
    taken = 0

    def stream() -> Iterator[Request]:
        nonlocal taken
        for i in range(5000):
            taken += 1
            yield make_request(i, f"p{i}")

    drawn = open_fake(vllm).sample(stream())
    next(drawn)
    assert 1000 <= taken <= 1100
    assert len(list(drawn)) == 4999
    assert 1000 <= vllm.most_waiting <= 1100


def test_a_prompt_that_the_engine_refuses_is_a_failure_and_the_others_go_on() -> None:
    outcomes = list(open_fake(FakeVllm()).sample([*in_a_row(2, "long"), make_request(5, "odd"), make_request(6)]))
    told = {one.request.index: one.trouble for one in outcomes if isinstance(one, Failure)}
    assert told == {0: Trouble.TOO_LONG, 1: Trouble.TOO_LONG, 5: Trouble.ENGINE}
    assert [one.request.index for one in outcomes if isinstance(one, Drawn)] == [6]


def test_a_dead_engine_is_one_line_and_what_was_done_is_kept() -> None:
    drawn = open_fake(FakeVllm(dies_after=5)).sample([make_request(i, f"p{i}") for i in range(8)])
    assert [next(drawn), next(drawn)], "two were done before it died"
    with pytest.raises(SamplingError, match=r"mine: vLLM's engine failed \(EngineCore encountered") as caught:
        list(drawn)
    assert "details" not in str(caught.value)


def test_a_caller_that_stops_early_frees_the_engine() -> None:
    vllm = FakeVllm()
    drawn = open_fake(vllm).sample([make_request(i, f"p{i}") for i in range(3)])
    next(drawn)
    drawn.close()  # type: ignore[attr-defined]
    assert sorted(vllm.aborted) == ["1", "2"]


def test_on_a_cpu_prompts_are_read_whole_so_that_seeds_work() -> None:
    vllm = FakeVllm(on_cpu=True)
    drawn = only_drawn(open_fake(vllm).sample(in_a_row(2)))
    assert [one.seed for one in drawn] == [1000, 1001]
    settings = vllm.settings
    assert (settings["enable_chunked_prefill"], settings["max_num_batched_tokens"], settings["max_model_len"]) == (
        False, 4096, 4096,
    )  # fmt: skip
    assert (settings["dtype"], settings["enforce_eager"], settings["seed"]) == ("bfloat16", True, 7)


def test_the_configuration_reaches_the_engine() -> None:
    vllm = FakeVllm()
    engine = {
        "tensor_parallel_size": 2, "quantization": "fp8", "dtype": "float16", "max_model_len": 1024,
        "gpu_memory_utilization": 0.5,
    }  # fmt: skip
    open_fake(vllm, vllm=VllmConfig(engine=engine))
    assert vllm.settings == {
        "model": "/models/mine", "seed": 7, "max_model_len": 1024, "tensor_parallel_size": 2,
        "quantization": "fp8", "dtype": "float16", "gpu_memory_utilization": 0.5,
    }  # fmt: skip


def test_an_adapter_goes_with_every_request(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 12}))
    vllm = FakeVllm(on_cpu=True)
    sampler = open_fake(vllm, ResolvedModel("/models/mine", "mine", "r1+a", None, tmp_path))
    list(sampler.sample(in_a_row(3)))
    assert (vllm.settings["enable_lora"], vllm.settings["max_lora_rank"]) == (True, 16)
    assert {options["lora_request"] for *_, options in vllm.asked} == {("adapter", 1, str(tmp_path))}


def test_an_engine_that_does_not_start_is_one_line() -> None:
    with pytest.raises(SamplingError, match=r"mine: vLLM doesn't start \(no memory\)") as caught:
        open_fake(FakeVllm(fault="start"))
    assert "details" not in str(caught.value)


def test_closing_stops_the_engine_once() -> None:
    vllm = FakeVllm(on_cpu=True)
    with open_fake(vllm) as sampler:
        sampler.close()
    assert vllm.n_shutdowns == 1
    with pytest.raises(SamplingError, match="closed"):
        list(sampler.sample(in_a_row(1)))


def test_extra_parameters_become_the_engines() -> None:
    vllm = FakeVllm()
    extra = '{"chat_template_kwargs":{"enable_thinking":false},"logit_bias":{"5":-1},"min_p":0.1,"seed":"none"}'
    drawn = only_drawn(open_fake(vllm).sample([make_request(extra=extra)]))
    ((_, _, settings, options),) = vllm.asked
    assert (settings.min_p, settings.logit_bias, settings.seed, settings.logprobs) == (0.1, {"5": -1}, None, 0)
    assert options["chat_template_kwargs"] == {"enable_thinking": False}
    assert drawn[0].seed == -1
