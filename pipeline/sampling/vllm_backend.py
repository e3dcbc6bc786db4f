"""Sampling with vLLM in this process."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pairsmith.pipeline.sampling.models import ResolvedModel, has_chat_template
from pairsmith.pipeline.sampling.protocol import (
    ClosingSampler,
    Drawn,
    Failure,
    Request,
    SamplingError,
    ServerDownError,
    Trouble,
    group_requests,
)
from pairsmith.schemas.config.sampling import LEAVE_OUT, SamplingConfig

_CPU_MEMORY_SHARE = 0.4  # vLLM's default of 0.9 refuses to start on a machine that does anything else
_AUTO_FIT = -1  # a full 128k context would not fit small machines; vLLM takes what its cache holds
_CPU_CONTEXT = 4096  # on a CPU, where prompts are read whole (see below)
_OPEN = 1024  # completions in the engine's hands: more than any machine decodes at once


class VllmSampler(ClosingSampler):
    """A vLLM engine in this process, started once.

    Requests enter the engine as it has room, so that its batch is full from the first to the last, and leave it
    one by one. Those of one prompt are one request with `n`.

    On a CPU, vLLM 0.32 dies of requests with seeds when a batch of prompts exceeds what it reads at once ("CPU
    Generator does not use offset": it winds back the generator of a prompt that was read in part). There
    prompts are read whole, and draws keep their seeds.
    """

    backend = "vllm"

    def __init__(
        self,
        config: SamplingConfig,
        model: ResolvedModel,
        seed: int,
        report: Callable[[str], None],
        vllm: Any = None,
    ) -> None:
        """Start the engine.

        Args:
            config: `vllm`, `n_per_request`, `token_logprobs` and `templates` are used.
            model: what to load.
            seed: seed of the engine.
            report: takes a line for the user.
            vllm: the module; None imports it.

        Raises:
            SamplingError: if the engine doesn't start.
        """
        self._vllm = vllm or _import_vllm()
        self._config = config
        self.model, self.revision = model.name, model.revision
        on_cpu = bool(self._vllm.platforms.current_platform.is_cpu())
        try:
            self._engine = self._vllm.LLM(**engine_settings(config, model, seed, on_cpu))
            tokenizer = self._engine.get_tokenizer()
        except Exception as error:  # vLLM raises whatever broke
            raise SamplingError(
                f"{model.name}: vLLM doesn't start ({_first_line(error)}); set sampling.backend=transformers"
            ) from error
        self._lora = self._lora_request(model)
        self.has_chat = has_chat_template(tokenizer, model.name, config, report)

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        """Draw completions, as they are finished.

        A request that the engine refuses (a prompt too long) is a failure, and the others go on.

        Raises:
            SamplingError: if the engine dies. What was yielded before holds.
        """
        if self._engine is None:
            raise SamplingError(f"{self.model}: the sampler is closed")
        groups = group_requests(requests, lambda: self._config.n_per_request)
        under_way: dict[str, tuple[tuple[Request, ...], float]] = {}
        n_open, is_more = 0, True
        try:
            while True:
                while is_more and n_open < _OPEN:
                    group = next(groups, None)
                    if group is None:
                        is_more = False
                        break
                    try:
                        under_way[self._submit(group)] = group, time.monotonic()
                        n_open += len(group)
                    except (ValueError, TypeError) as error:
                        yield from _refused(group, error)
                if not under_way:
                    return
                for output in self._step():
                    group, sent_at = under_way.pop(str(output.request_id))
                    n_open -= len(group)
                    yield from self._drawn(group, output, time.monotonic() - sent_at)
        finally:
            if under_way and self._engine is not None:
                self._abort(list(under_way))

    def close(self) -> None:
        """Stop the engine."""
        engine, self._engine = self._engine, None
        core = getattr(getattr(engine, "llm_engine", None), "engine_core", None)
        if core is not None:
            core.shutdown()

    def _submit(self, group: Sequence[Request]) -> str:
        """Put requests of one prompt into the engine's queue; return its name for them.

        Raises:
            ValueError: if the engine refuses them.
        """
        first = group[0]
        extra: dict[str, Any] = json.loads(first.extra or "{}")
        template_values = extra.pop("chat_template_kwargs", None)
        left_out = {
            name: None for name, value in extra.items() if name in ("seed", "logprobs") and value == LEAVE_OUT
        }
        parameters = self._vllm.SamplingParams(
            n=len(group),
            temperature=first.temperature,
            top_p=first.top_p,
            max_tokens=first.max_tokens,
            stop=list(first.stop) or None,
            output_kind=self._vllm.sampling_params.RequestOutputKind.FINAL_ONLY,
            # Log-probabilities of the drawn token alone; the i-th completion gets seed + i, as draws are seeded.
            **{"logprobs": 0, "seed": first.seed, **extra, **left_out},
        )
        options: dict[str, Any] = {"use_tqdm": False, "lora_request": self._lora}
        with self._in_one_line(ValueError, TypeError):
            if first.opening.template == "chat":
                if template_values is not None:
                    options["chat_template_kwargs"] = template_values
                names = self._engine.enqueue_chat([first.opening.messages()], parameters, **options)
            else:
                names = self._engine.enqueue([first.opening.text], parameters, **options)
        return str(names[0]).partition("-")[0]  # behind it stands what makes it unique inside the engine

    def _step(self) -> list[Any]:
        """Let the engine work until something is finished."""
        finished: list[Any] = []
        with self._in_one_line():
            while not finished and self._engine.llm_engine.has_unfinished_requests():
                finished = [output for output in self._engine.llm_engine.step() if output.finished]
        if not finished:
            raise ServerDownError(f"{self.model}: vLLM's engine lost requests; run again")
        return finished

    def _abort(self, names: list[str]) -> None:
        try:
            self._engine.llm_engine.abort_request(names)
        except Exception:  # a dead engine has nothing to abort
            return

    def _drawn(self, group: Sequence[Request], output: Any, wall_s: float) -> Iterator[Drawn | Failure]:
        by_index = {completion.index: completion for completion in output.outputs}
        for place, request in enumerate(group):
            one = by_index.get(place)
            if one is None:
                yield Failure(request, Trouble.MISSING, "the engine gave fewer completions than asked for")
                continue
            n = len(one.token_ids)
            known = one.cumulative_logprob is not None and n > 0
            yield Drawn(
                request=request,
                completion=one.text,
                n_prompt_tokens=len(output.prompt_token_ids),
                n_tokens=n,
                finish_reason=one.finish_reason if one.finish_reason in ("stop", "length") else "",
                mean_logprob=one.cumulative_logprob / n if known else None,
                seed=request.seed if '"seed":"none"' not in request.extra else -1,
                token_logprobs=_token_logprobs(one) if self._config.token_logprobs else (),
                wall_s=wall_s,
            )

    def _in_one_line(self, *let_through: type[Exception]) -> "_InOneLine":
        return _InOneLine(self.model, let_through)

    def _lora_request(self, model: ResolvedModel) -> Any:
        if model.adapter is None:
            return None
        return self._vllm.lora.request.LoRARequest("adapter", 1, str(model.adapter.resolve()))


class _InOneLine:
    """Turns whatever vLLM raises into one line."""

    def __init__(self, model: str, let_through: tuple[type[Exception], ...]) -> None:
        self._model, self._let_through = model, let_through

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, self._let_through):
            raise ServerDownError(f"{self._model}: vLLM's engine failed ({_first_line(error)})") from error


def engine_settings(config: SamplingConfig, model: ResolvedModel, seed: int, on_cpu: bool) -> dict[str, Any]:
    """Return the settings of an engine, by the names of `vllm.LLM`'s arguments; the server's options follow them.

    On a CPU prompts are read whole, so that seeds work.
    """
    context = config.vllm.engine.get("max_model_len", _CPU_CONTEXT if on_cpu else _AUTO_FIT)
    settings: dict[str, Any] = {"model": model.source, "seed": seed % 2**31, "max_model_len": context}
    if model.hub_revision:
        settings["revision"] = model.hub_revision
    settings |= config.vllm.engine
    if on_cpu:
        settings = {
            "dtype": "bfloat16",
            "enforce_eager": True,
            "gpu_memory_utilization": _CPU_MEMORY_SHARE,
            "enable_chunked_prefill": False,
            "max_num_batched_tokens": context,
            **settings,
        }
    if model.adapter is not None:
        settings |= {"enable_lora": True, "max_lora_rank": _lora_rank(model)}
    return settings


def _refused(group: Sequence[Request], error: Exception) -> Iterator[Failure]:
    reason = _first_line(error)
    words = ("longer than", "maximum model length", "max_model_len", "context length")
    trouble = Trouble.TOO_LONG if any(word in reason for word in words) else Trouble.ENGINE
    return (Failure(request, trouble, reason) for request in group)


def _token_logprobs(one: Any) -> tuple[float, ...]:
    """Return the log-probability of each drawn token; vLLM lists a dictionary a place, by token."""
    pairs = zip(one.token_ids, one.logprobs or (), strict=False)
    return tuple(float(places[token].logprob) for token, places in pairs)


def _lora_rank(model: ResolvedModel) -> int:
    """Return the adapter's rank, rounded up to one that vLLM takes."""
    assert model.adapter is not None
    text = (model.adapter / "adapter_config.json").read_text(encoding="utf-8")
    rank = int(json.loads(text).get("r", 16))
    return next((size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= rank), rank)


def _import_vllm() -> Any:
    try:
        import vllm
        import vllm.lora.request
        import vllm.platforms
        import vllm.sampling_params
    except ImportError as error:
        raise SamplingError(
            f"vLLM isn't installed beside pairsmith ({error}); set sampling.backend=vllm-server, which runs it in "
            "an environment of its own"
        ) from error
    return vllm


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
