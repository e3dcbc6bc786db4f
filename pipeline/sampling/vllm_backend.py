"""Sampling with vLLM in this process."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pipeline.sampling.errors import SamplingError
from pipeline.sampling.models import ResolvedModel
from pipeline.sampling.opening import make_opening
from pipeline.sampling.protocol import ClosingSampler, Drawn, Opening, Request
from pipeline.sampling.transformers_backend import choose_template
from schemas.config import SamplingConfig
from schemas.problem import Problem

_CPU_MEMORY_SHARE = 0.4  # vLLM's default of 0.9 refuses to start on a machine that does anything else
_AUTO_FIT = -1  # a full 128k context would not fit small machines; vLLM takes what its cache holds


class VllmSampler(ClosingSampler):
    """A vLLM engine in this process, started once.

    On a CPU the engine dies of per-request seeds in large batches ("CPU Generator does not use offset"), so
    there the engine alone is seeded: draws carry the seed -1 and aren't repeatable one by one.
    """

    backend = "vllm"

    def __init__(
        self,
        config: SamplingConfig,
        model: ResolvedModel,
        seed: int,
        say: Callable[[str], None],
        vllm: Any = None,
    ) -> None:
        """Start the engine.

        Args:
            config: `template` is used.
            model: what to load.
            seed: seed of the engine.
            say: takes a line for the user.
            vllm: the module; None imports it.

        Raises:
            SamplingError: if the engine doesn't start.
        """
        self._vllm = vllm or _import_vllm()
        self._say = say
        self.model, self.revision = model.name, model.revision
        self.on_cpu = bool(self._vllm.platforms.current_platform.is_cpu())
        try:
            self._engine = self._vllm.LLM(**self._settings(model, seed))
            tokenizer = self._engine.get_tokenizer()
        except Exception as error:  # vLLM raises whatever broke
            raise SamplingError(
                f"{model.name}: vLLM doesn't start ({_first_line(error)}); set sampling.backend=transformers"
            ) from error
        self._lora = self._lora_request(model)
        has_chat = getattr(tokenizer, "chat_template", None) is not None
        self.template = choose_template(config.template, has_chat, model.name, say)

    def opening(self, problem: Problem, index: int) -> Opening | None:
        """Return the chat message, or the code to continue for a base model."""
        return make_opening(problem, self.template)

    def sample(self, requests: Sequence[Request]) -> Iterator[Drawn]:
        """Draw completions, all submitted at once: equal prompts share their prefix in the engine.

        Raises:
            SamplingError: if the engine dies.
        """
        for template in ("chat", "continuation"):
            group = [request for request in requests if request.opening.template == template]
            if not group:
                continue
            for request, output in zip(group, self._run(template, group), strict=True):
                yield self._drawn(request, output)

    def close(self) -> None:
        """Stop the engine."""
        engine, self._engine = self._engine, None
        core = getattr(getattr(engine, "llm_engine", None), "engine_core", None)
        if core is not None:
            core.shutdown()

    def _run(self, template: str, group: Sequence[Request]) -> Any:
        if self._engine is None:
            raise SamplingError(f"{self.model}: the sampler is closed")
        settings = [self._parameters(request) for request in group]
        options = {"use_tqdm": False, "lora_request": self._lora}
        try:
            if template == "chat":
                messages = [[{"role": "user", "content": request.opening.text}] for request in group]
                return self._engine.chat(messages, settings, **options)
            return self._engine.generate([request.opening.text for request in group], settings, **options)
        except Exception as error:
            raise SamplingError(f"{self.model}: vLLM's engine failed ({_first_line(error)})") from error

    def _parameters(self, request: Request) -> Any:
        return self._vllm.SamplingParams(
            n=1,
            temperature=request.temperature,
            top_p=request.top_p,
            max_tokens=request.max_tokens,
            stop=list(request.stop) or None,
            logprobs=0,  # of the drawn token alone
            seed=None if self.on_cpu else request.seed,
        )

    def _drawn(self, request: Request, output: Any) -> Drawn:
        first = output.outputs[0]
        n = len(first.token_ids)
        known = first.cumulative_logprob is not None and n > 0
        return Drawn(
            request=request,
            completion=first.text,
            n_prompt_tokens=len(output.prompt_token_ids),
            n_tokens=n,
            finish_reason=first.finish_reason if first.finish_reason in ("stop", "length") else "",
            mean_logprob=first.cumulative_logprob / n if known else None,
            seed=-1 if self.on_cpu else request.seed,
        )

    def _settings(self, model: ResolvedModel, seed: int) -> dict[str, Any]:
        settings: dict[str, Any] = {"model": model.source, "seed": seed % 2**31, "max_model_len": _AUTO_FIT}
        if model.hub_revision:
            settings["revision"] = model.hub_revision
        if self.on_cpu:
            settings |= {
                "dtype": "bfloat16",
                "enforce_eager": True,
                "gpu_memory_utilization": _CPU_MEMORY_SHARE,
            }
        if model.adapter is not None:
            settings |= {"enable_lora": True, "max_lora_rank": _lora_rank(model)}
        return settings

    def _lora_request(self, model: ResolvedModel) -> Any:
        if model.adapter is None:
            return None
        return self._vllm.lora.request.LoRARequest("adapter", 1, str(model.adapter.resolve()))


def _lora_rank(model: ResolvedModel) -> int:
    """Return the adapter's rank, rounded up to one that vLLM takes."""
    import json

    assert model.adapter is not None
    text = (model.adapter / "adapter_config.json").read_text(encoding="utf-8")
    rank = int(json.loads(text).get("r", 16))
    return next((size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= rank), rank)


def _import_vllm() -> Any:
    try:
        import vllm
        import vllm.lora.request
        import vllm.platforms
    except ImportError as error:
        raise SamplingError(
            f"vLLM isn't installed here ({error}); set sampling.backend=transformers, or serve it and set openai"
        ) from error
    return vllm


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
