"""Sampling with transformers, on a CPU or a GPU: the embedded default."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from pairsmith.pipeline.run.errors import first_line
from pairsmith.pipeline.run.folder import read_tree
from pairsmith.pipeline.sampling.generating import Batch, Row
from pairsmith.pipeline.sampling.models import ResolvedModel, report_no_chat
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Opening, Request, Sampler, SamplingError, Trouble
from pairsmith.schemas.config.sampling import SamplingConfig

MOST_CONTEXT = 2048  # tokens counted on, since the cache holds room for all of them, `batch_size` times


class TransformersSampler(Sampler):
    """A model of transformers. The same requests, batch size and machine give the same bytes.

    A draw's noise belongs to its request alone, so its batch mates matter only by the rounding of its logits.
    Of SmolLM2's completions drawn with two batch sizes, 0 of 64 differed in float32 and 72 of 256 in bfloat16.
    """

    backend = "transformers"

    def __init__(
        self,
        config: SamplingConfig,
        model: ResolvedModel,
        report: Callable[[str], None],
        stop_at_code: bool = True,
    ) -> None:
        """Load a model.

        Args:
            stop_at_code: end chat answers behind the first closed code block that defines the entry point.
        """
        self.model, self.revision = model.name, model.revision
        self._batch_size, self._stop_at_code, self._report = config.batch_size, stop_at_code, report
        self._network, self._tokenizer = _load(model)
        self.revision = self.revision or str(getattr(self._network.config, "_commit_hash", None) or "")
        has_template = getattr(self._tokenizer, "chat_template", None) is not None
        self.has_chat = has_template or report_no_chat(model.name, config, report)
        text_config = self._network.config.get_text_config(decoder=True)
        self._context: int | None = getattr(text_config, "max_position_embeddings", None)
        self._token_logprobs = config.token_logprobs
        unknown = config.extra.keys() - {"chat_template_kwargs"}
        if unknown:
            raise SamplingError(
                f"sampling.extra.{min(unknown)}: the transformers backend accepts only chat_template_kwargs; "
                "set sampling.backend to vllm or openai"
            )
        self._template_values: dict[str, Any] = config.extra.get("chat_template_kwargs", {})

    def context(self) -> int | None:
        """Return the model's context, at most `MOST_CONTEXT`."""
        return min(self._context or MOST_CONTEXT, MOST_CONTEXT)

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        """Draw completions, as they are finished; a prompt too long for the model's context is a failure."""
        if self._network is None:
            raise SamplingError(f"{self.model}: the sampler is closed")
        limit = self._context
        failures: list[Failure] = []

        def rows() -> Iterator[Row]:
            for request in requests:
                row = Row(request, self._tokens(request.opening))
                needed = len(row.prompt) + request.max_tokens
                if limit is None or needed <= limit:
                    yield row
                else:
                    reason = f"{needed} tokens of prompt and completion, but the context has {limit}"
                    failures.append(Failure(request, Trouble.TOO_LONG, reason))

        batch = Batch(
            self._network, self._tokenizer, rows(), self._batch_size, self._stop_at_code, self._token_logprobs
        )
        for drawn in batch.run():
            yield drawn
            yield from drain(failures)
        yield from drain(failures)

    def tokens_of(self, opening: Opening, completion: str) -> tuple[tuple[int, ...], int]:
        """Return the token ids of a prompt with its completion, and how many of them are the prompt's."""
        prompt = self._tokens(opening)
        return (*prompt, *self._tokenizer(completion, add_special_tokens=False)["input_ids"]), len(prompt)

    def log_prob(self, tokens: tuple[int, ...], n_prompt: int) -> float:
        """Return the natural-log probability of all tokens behind the prompt, at temperature 1."""
        ids = torch.tensor([tokens], device=self._network.device)
        with torch.inference_mode():
            logits = self._network(ids).logits[0, n_prompt - 1 : -1].float()
        return float(logits.log_softmax(-1).gather(1, ids[0, n_prompt:, None]).sum())

    def close(self) -> None:
        """Let go of the weights."""
        self._network = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _tokens(self, opening: Opening) -> tuple[int, ...]:
        if opening.template == "continuation":
            return tuple(self._tokenizer(opening.text)["input_ids"])
        return tuple(
            self._tokenizer.apply_chat_template(
                opening.messages(),
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                **self._template_values,
            )["input_ids"]
        )


def drain(failures: list[Failure]) -> Iterator[Failure]:
    """Take failures out of a list, first to last."""
    while failures:
        yield failures.pop(0)


def fast_dtype() -> torch.dtype:
    """Return bfloat16 where the processor multiplies it, else float32.

    SmolLM2 with 64 rows on 2 idle cores with AVX512-BF16: 821 tokens/s in bfloat16, 355 in float32.
    """
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    can: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.6 lacks it
    return torch.bfloat16 if can.get("avx512_bf16") or can.get("amx_bf16") else torch.float32


def _is_float32(folder: Path) -> bool:
    """Return whether a folder's weights are float32, as training writes them.

    In bfloat16 most of a short training would be rounded away: of 12 steps of SFT with a LoRA on SmolLM2, 16% of
    the weights still differed from the start's, and their change had a cosine of 0.57 with what was trained.
    """
    settings = read_tree(folder / "config.json")  # of a Hub name or a broken folder nothing
    return "float32" in (settings.get("dtype"), settings.get("torch_dtype"))


def _load(model: ResolvedModel) -> tuple[Any, Any]:
    """Return the network, on its device and in evaluation mode, and the tokenizer."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.float32 if _is_float32(Path(model.source)) else fast_dtype()
    logging.disable_progress_bar()
    try:
        local = Path(model.source).is_dir()
        source = {"revision": model.hub_revision} if not local and model.hub_revision else {}
        own = model.adapter is not None and (model.adapter / "tokenizer_config.json").is_file()
        # Training gives a base model a chat template, and saves it with the adapter.
        tokenizer = (
            AutoTokenizer.from_pretrained(model.adapter, local_files_only=True)
            if own
            else AutoTokenizer.from_pretrained(model.source, local_files_only=local, **source)
        )
        network = AutoModelForCausalLM.from_pretrained(
            model.source, dtype=dtype, local_files_only=local, attn_implementation="sdpa", **source
        )
        if model.adapter is not None:
            network = _with_adapter(network, model.adapter, merge=dtype is torch.float32)
    except Exception as error:  # OSError, ValueError, SafetensorError, ...: whatever is wrong with the files
        raise SamplingError(
            f"{model.name}: can't be loaded ({first_line(error)}); check sampling.model"
        ) from error
    finally:
        logging.enable_progress_bar()
    return network.to(device).eval(), tokenizer


def _with_adapter(network: Any, adapter: Path, merge: bool) -> Any:
    """Return a network with its adapter.

    Merged only in float32: in bfloat16 the sum would round most of a short training's change away.
    """
    from peft import PeftModel

    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5 by an old name.
        warnings.filterwarnings("ignore", r"`(is_)?gradient_checkpointing` is deprecated", FutureWarning)
        wrapped = PeftModel.from_pretrained(network, str(adapter))
    return wrapped.merge_and_unload() if merge else wrapped
