from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pairsmith.pipeline.sampling import transformers_backend  # noqa: E402
from pairsmith.pipeline.sampling.filling import sample_problems  # noqa: E402
from pairsmith.pipeline.sampling.generating import Batch, Row, check_states  # noqa: E402
from pairsmith.pipeline.sampling.models import resolve_model  # noqa: E402
from pairsmith.pipeline.sampling.opening import resolve_template  # noqa: E402
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Request, SamplingError, Trouble  # noqa: E402
from pairsmith.pipeline.sampling.transformers_backend import TransformersSampler, fast_dtype  # noqa: E402
from pairsmith.schemas.config.sampling import SamplingConfig  # noqa: E402
from tests.sampling_kit import make_problem, make_request, only_drawn, save_tiny_model  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny-model")


@pytest.fixture(autouse=True)
def _float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact comparisons need float32, whatever this processor is fast at."""
    monkeypatch.setattr(transformers_backend, "fast_dtype", lambda: torch.float32)


def open_tiny(folder: Path, **settings: Any) -> TransformersSampler:
    config = SamplingConfig(backend="transformers", model=str(folder), **settings)
    return TransformersSampler(config, resolve_model(config, folder.parent, print), print)


def draw_all(sampler: TransformersSampler, requests: list[Any]) -> dict[str, Drawn]:
    drawn = only_drawn(sampler.sample(requests))
    assert len(drawn) == len(requests), "each request is answered once"
    return {one.request.candidate_id: one for one in drawn}


def words(n: int, first: int = 5) -> str:
    return " ".join(f"w{first + i}" for i in range(n))


# 40 requests over 9 prompts of different lengths, and of different numbers of tokens: rows are freed at
# different times and given again.
REQUESTS = [make_request(i, words(1 + i % 9, first=5 + i % 7), max_tokens=5 + (i * 37) % 120) for i in range(40)]


@pytest.mark.parametrize("batch_size", [1, 4, 7, 64])
def test_greedy_completions_are_those_of_generate(tiny: Path, batch_size: int) -> None:
    sampler = open_tiny(tiny, batch_size=batch_size)
    requests = [make_request(r.index, r.opening.text, max_tokens=r.max_tokens, temperature=0.0) for r in REQUESTS]
    found = draw_all(sampler, requests)
    model, tokenizer = sampler._network, sampler._tokenizer
    for request in requests[::3]:
        prompt = torch.tensor([sampler._tokens(request.opening)])
        with torch.inference_mode():
            whole = model.generate(
                prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=request.max_tokens
            )
        expected = whole[0, prompt.shape[1] :]
        one = found[request.candidate_id]
        assert one.completion == tokenizer.decode(expected, skip_special_tokens=True)
        assert one.n_tokens == len(expected)
        assert one.n_prompt_tokens == prompt.shape[1]
        assert one.finish_reason == ("stop" if expected[-1] == 1 else "length")


def test_draws_do_not_depend_on_batch_mates(tiny: Path) -> None:
    alone = draw_all(open_tiny(tiny, batch_size=1), REQUESTS)
    together = draw_all(open_tiny(tiny, batch_size=9), REQUESTS[::-1])
    assert {key: one.completion for key, one in alone.items()} == {
        key: one.completion for key, one in together.items()
    }
    assert {one.finish_reason for one in alone.values()} == {"stop", "length"}
    same_prompt = [one.completion for one in together.values() if one.request.opening.text == words(1, 5)]
    assert len(set(same_prompt)) == len(same_prompt), "each draw has its own noise"


def test_mean_logprob_is_that_of_the_drawn_tokens_under_the_model(tiny: Path) -> None:
    sampler = open_tiny(tiny, batch_size=3)
    request = make_request(3, words(4), max_tokens=12, temperature=0.7, top_p=0.9)
    one = draw_all(sampler, [request, *REQUESTS[4:8]])[request.candidate_id]
    prompt = sampler._tokens(request.opening)
    drawn = sampler._tokenizer(one.completion)["input_ids"] + ([1] if one.finish_reason == "stop" else [])
    with torch.inference_mode():
        logits = sampler._network(torch.tensor([[*prompt, *drawn]])).logits[0].float().log_softmax(-1)
    expected = sum(float(logits[len(prompt) - 1 + i, token]) for i, token in enumerate(drawn)) / len(drawn)
    assert one.mean_logprob == pytest.approx(expected, abs=1e-4)


def test_stop_texts_are_cut_off(tiny: Path) -> None:
    free = draw_all(open_tiny(tiny), [make_request(1, words(3), max_tokens=40, temperature=0.0)])
    (whole,) = (one.completion for one in free.values())
    stop = whole.split()[4]
    cut = draw_all(
        open_tiny(tiny), [make_request(1, words(3), max_tokens=40, temperature=0.0, stop=(f"{stop} ", f" {stop}"))]
    )
    (one,) = cut.values()
    assert one.completion == whole[: min(whole.find(f"{stop} "), whole.find(f" {stop}"))]
    assert one.finish_reason == "stop"


def test_a_prompt_beyond_the_context_is_a_failure_of_its_own(tiny: Path) -> None:
    said: list[str] = []
    config = SamplingConfig(backend="transformers", model=str(tiny))
    sampler = TransformersSampler(config, resolve_model(config, tiny.parent, print), said.append)
    long, short = make_request(0, words(60) + " " + words(60) + " " + words(60) + " " + words(80)), make_request(1)
    found = {one.request.index: one for one in sampler.sample([long, short])}
    failure, drawn = found[0], found[1]
    assert isinstance(failure, Failure)
    assert (failure.trouble, failure.reason) == (
        Trouble.TOO_LONG, "270 tokens of prompt and completion, but the context has 256",
    )  # fmt: skip
    assert isinstance(drawn, Drawn)
    assert drawn.n_tokens > 0
    assert said == []


def test_a_base_model_continues_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    config = SamplingConfig(backend="transformers", model=str(save_tiny_model(tmp_path / "base", chat=False)))
    model = resolve_model(config, tmp_path, print)
    sampler = TransformersSampler(config, model, said.append)
    (only,) = sample_problems([make_problem(continuation="w5 w6")], sampler, config.model_copy(update={"n": 1}), 0)
    assert (only.template, only.prompt_template, only.prompt) == ("continuation", "completion", "w5 w6")
    assert "base has no chat template" in said[0]
    with pytest.raises(SamplingError, match=r"sampling\.templates=completion"):
        resolve_template("few_shot", sampler.has_chat, sampler.model)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft 0.21
def test_an_adapter_changes_what_is_drawn_and_the_revision(tiny: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    sampler = open_tiny(tiny)
    torch.manual_seed(1)
    lora = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    peft.get_peft_model(sampler._network, lora).save_pretrained(tmp_path / "adapter")
    plain = open_tiny(tiny)
    tuned = open_tiny(tiny, adapter=tmp_path / "adapter")
    assert tuned.revision.startswith(f"{plain.revision}+")
    assert [one.completion for one in only_drawn(plain.sample(REQUESTS[:8]))] != [
        one.completion for one in only_drawn(tuned.sample(REQUESTS[:8]))
    ]


def test_whole_problems_come_back_sorted_and_the_same_each_time(tiny: Path) -> None:
    problems = [make_problem("b"), make_problem("a")]
    config = SamplingConfig(n=3, max_tokens=10)
    seen: list[str] = []
    first = sample_problems(
        problems, open_tiny(tiny), config, 1, on_drawn=lambda candidate: seen.append(candidate.candidate_id)
    )
    assert [(c.problem_id, c.index) for c in first] == [(p, i) for p in ("p/a", "p/b") for i in range(3)]
    assert all(c.wall_s >= 0 for c in first)
    untimed = [replace(c, wall_s=0.0) for c in first]
    assert untimed == [replace(c, wall_s=0.0) for c in sample_problems(problems, open_tiny(tiny), config, 1)]
    assert untimed != [replace(c, wall_s=0.0) for c in sample_problems(problems, open_tiny(tiny), config, 2)]
    assert sorted(seen) == sorted(c.candidate_id for c in first)
    assert {c.model for c in first} == {"tiny-model"}


def test_a_closed_sampler_says_so(tiny: Path) -> None:
    with open_tiny(tiny) as sampler:
        pass
    with pytest.raises(SamplingError, match="closed"):
        list(sampler.sample(REQUESTS[:1]))


def test_a_folder_of_broken_weights_is_named(tiny: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in tiny.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(SamplingError, match="broken: can't be loaded"):
        open_tiny(broken)


def test_models_with_other_states_are_refused() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.MistralConfig(num_hidden_layers=1, sliding_window=16)
    check_states(config, 16)
    with pytest.raises(SamplingError, match="mistral: the transformers backend can't"):
        check_states(config, 17)


@pytest.mark.parametrize("batch_size", [2, 5])
def test_requests_are_taken_as_there_is_room_and_longer_prompts_may_come_late(tiny: Path, batch_size: int) -> None:
    taken: list[int] = []
    late = [make_request(100 + i, words(90, 3), max_tokens=60) for i in range(3)]

    def stream() -> Iterator[Request]:
        for request in [*REQUESTS, *late, *REQUESTS[:5]]:
            taken.append(request.index)
            yield replace(request, candidate_id=f"{len(taken):032x}")

    drawn = open_tiny(tiny, batch_size=batch_size).sample(stream())
    first = next(drawn)
    assert isinstance(first, Drawn)
    assert len(taken) <= 2 * batch_size + 1
    texts = {(one.request.index, one.completion) for one in [first, *only_drawn(drawn)]}
    assert len(taken) == 48
    alone = open_tiny(tiny, batch_size=1).sample([*REQUESTS, *late])
    assert texts == {(one.request.index, one.completion) for one in only_drawn(alone)}


def test_log_probabilities_of_tokens_are_kept_where_asked_for(tiny: Path) -> None:
    (with_them,) = only_drawn(open_tiny(tiny, token_logprobs=True).sample(REQUESTS[3:4]))
    assert len(with_them.token_logprobs) == with_them.n_tokens
    assert sum(with_them.token_logprobs) / with_them.n_tokens == pytest.approx(with_them.mean_logprob)
    (without,) = only_drawn(open_tiny(tiny).sample(REQUESTS[3:4]))
    assert without.token_logprobs == ()


def test_no_requests_draw_nothing(tiny: Path) -> None:
    sampler = open_tiny(tiny)
    assert list(sampler.sample([])) == []
    assert list(Batch(sampler._network, sampler._tokenizer, list[Row](), 4, True).run()) == []


def test_the_dtype_is_one_that_models_run_in() -> None:
    assert fast_dtype() in (torch.float32, torch.bfloat16)


def test_a_folder_in_float32_is_drawn_from_in_float32(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a short training changed is less than a step of bfloat16."""
    monkeypatch.setattr(transformers_backend, "fast_dtype", lambda: torch.bfloat16)
    sampler = open_tiny(tiny)
    assert sampler._network.dtype is torch.float32
    half = tiny.with_name("half")
    sampler._network.to(torch.bfloat16).save_pretrained(half)
    sampler._tokenizer.save_pretrained(half)
    assert open_tiny(half)._network.dtype is torch.bfloat16


def test_template_values_reach_the_template_and_other_extra_parameters_are_refused(tiny: Path) -> None:
    sampler = open_tiny(tiny, extra={"chat_template_kwargs": {"enable_thinking": False}})
    assert len(draw_all(sampler, REQUESTS[:1])) == 1
    with pytest.raises(SamplingError, match=r"sampling\.extra\.top_k"):
        open_tiny(tiny, extra={"top_k": 5})
