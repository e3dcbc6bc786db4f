"""The configuration of a run: all sections together, and those of budgets, engine and service."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pairsmith.schemas.config.evaluation import EvaluationConfig, GateConfig, RoundsConfig, ScoringConfig
from pairsmith.schemas.config.judging import (
    CrosscheckConfig,
    ExecutionConfig,
    ExtractionConfig,
    ProblemsConfig,
    SandboxConfig,
    SyntaxConfig,
)
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.config.sampling import SamplingConfig, SynthesisConfig
from pairsmith.schemas.config.section import Section
from pairsmith.schemas.config.training import TrainingConfig


class EngineConfig(Section):
    """One machine, or a Ray cluster whose nodes see problems and models at the same paths; the run folder too,
    unless the run is kept in a store.
    """

    kind: Literal["local", "ray"] = Field("local", description="Where the work of shards is done.")
    address: str = Field("", description="Of the cluster: `auto`, `ray://head:10001`; empty starts one here.")
    sampler_gpus: float = Field(1.0, ge=0.0, description="GPUs of a task that samples a shard.")
    judge_cpus: float = Field(
        2.0, gt=0.0, description="Processors of a task that judges and parses a shard; see sandbox.workers."
    )


class PublishConfig(Section):
    """Where dataset and adapter go on the Hub. The token is in huggingface_hub's usual place, never here."""

    dataset: str = Field("", description="Repository of the dataset, such as `me/pairs`; empty publishes none.")
    model: str = Field("", description="Repository of the adapter; empty publishes none.")
    private: bool = Field(True, description="Make new repositories private; existing ones keep their visibility.")
    allowed: tuple[str, ...] = Field(
        (), description="Findings of the secret scan that may be published, by the name that it prints."
    )


class RefreshConfig(Section):
    """What a refresh does with a new version."""

    retrain: bool = Field(False, description="Train and evaluate on each new version before the gate.")


class TimetableConfig(Section):
    """When `pairsmith serve` starts each flow, as cron lines such as `0 3 * * *`; empty: on demand only."""

    build: str = Field("", description="When to build.")
    refresh: str = Field("", description="When to refresh.")
    train: str = Field("", description="When to train.")
    evaluate: str = Field("", description="When to evaluate.")
    study: str = Field("", description="When to study.")
    rounds: str = Field("", description="When to align in rounds.")
    publish: str = Field("", description="When to publish.")
    timezone: str = Field("UTC", description="Name such as `Europe/Berlin`.")


class ServiceConfig(Section):
    """How served runs handle faults of the infrastructure, and how many sample at a time."""

    retries: int = Field(3, ge=0, description="Retries after an infrastructure fault; other errors end a run.")
    timeout_s: float | None = Field(
        None, gt=0.0, description="Seconds until a served run is ended; none for no end."
    )
    samplers: int = Field(
        1, ge=1, description="Served runs that sample at the same time: the limit of the tag `pairsmith-sampler`."
    )
    server_port: int = Field(
        4200,
        ge=1,
        le=65535,
        description="Port on loopback of the Prefect server that serves where PREFECT_API_URL names none.",
    )


_SUFFIXES = {"k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}


def parse_count(given: object) -> object:
    """Return `20M`, `1.5k` or `3_000` as a whole number; anything else as it is, for pydantic to judge."""
    if isinstance(given, str) and (
        found := re.fullmatch(r"([\d_]+(?:\.\d+)?)\s*([kmgb]?)", given.strip().lower())
    ):
        return round(float(found[1].replace("_", "")) * _SUFFIXES.get(found[2], 1))
    return given


Count = Annotated[int, BeforeValidator(parse_count), Field(ge=1)]


class AdaptiveConfig(Section):
    """Draws in waves: more only where a problem has no pair yet. Used when `pairs` or a budget is set."""

    pairs: Count | None = Field(None, description="Stop when there are so many pairs.")
    first_n: int = Field(4, ge=2, description="Draws of a problem in its first wave.")
    step_n: int = Field(4, ge=1, description="Draws that each later wave adds to it.")
    max_n: int = Field(32, ge=2, description="Draws of a problem at most.")


class BudgetConfig(Section):
    """What a run may cost. Samples of the store count as if drawn now, so that a resumed run ends alike."""

    tokens: Count | None = Field(None, description="Drawn tokens; `20M` may be written. Never exceeded.")
    gpu_hours: float | None = Field(None, gt=0.0, description="Hours of sampling, times `prices.devices`.")
    money: float | None = Field(None, gt=0.0, description="In the currency of the prices.")


class PricesConfig(Section):
    """What sampling costs; 0.0 costs nothing."""

    currency: str = Field("USD", description="Written beside sums.")
    prompt_per_million: float = Field(0.0, ge=0.0, description="Price of a million prompt tokens.")
    completion_per_million: float = Field(0.0, ge=0.0, description="Price of a million drawn tokens.")
    device_hour: float = Field(0.0, ge=0.0, description="Price of one device for an hour.")
    devices: int = Field(1, ge=1, description="Devices that sample at the same time.")


def check_folders(given: Any) -> Any:
    """Split an address given as `run` into a store and a folder that has the address's last name.

    Raises:
        ValueError: `run` and `store` name two stores.
    """
    if not isinstance(given, Mapping) or "run" not in given:
        return given
    run = str(given["run"]).strip()
    if "://" not in run:
        return given
    address = run.rstrip("/")
    if given.get("store", address) != address:
        raise ValueError(f"run={address} and store={given['store']} name two stores; give one")
    return {**given, "run": Path("runs") / address.rpartition("/")[2], "store": address}


def check_named(given: Any) -> Any:
    """Return what names a folder; an empty name would be the working directory."""
    if isinstance(given, str) and not given.strip():
        raise ValueError("is empty; name the folder that the run writes into")
    return given


class RunConfig(Section):
    """One run, whole."""

    run: Annotated[Path, BeforeValidator(check_named)] = Field(
        Path("runs/pairsmith"),
        description="Folder that the run writes into. `s3://bucket/mine` is short for `runs/mine`, with that "
        "address as `store`.",
    )
    store: str = Field(
        "",
        description="Folder of S3, Google's store or whatever fsspec knows that the run is kept in, "
        "`s3://bucket/runs/mine`.",
    )
    seed: int = Field(0, description="Seed of sampling and of all random choices.")
    shard_problems: int = Field(16, ge=1, description="Problems per shard; a problem stays in its shard.")
    problems: ProblemsConfig = ProblemsConfig()
    sampling: SamplingConfig = SamplingConfig()
    adaptive: AdaptiveConfig = AdaptiveConfig()
    budget: BudgetConfig = BudgetConfig()
    prices: PricesConfig = PricesConfig()
    engine: EngineConfig = EngineConfig()
    sandbox: SandboxConfig = SandboxConfig()
    execution: ExecutionConfig = ExecutionConfig()
    extraction: ExtractionConfig = ExtractionConfig()
    syntax: SyntaxConfig = SyntaxConfig()
    crosscheck: CrosscheckConfig = CrosscheckConfig()
    pairs: PairsConfig = PairsConfig()
    training: TrainingConfig = TrainingConfig()
    scoring: ScoringConfig = ScoringConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    rounds: RoundsConfig = RoundsConfig()
    gate: GateConfig = GateConfig()
    publish: PublishConfig = PublishConfig()
    refresh: RefreshConfig = RefreshConfig()
    schedule: TimetableConfig = TimetableConfig()
    service: ServiceConfig = ServiceConfig()
    synthesis: SynthesisConfig = SynthesisConfig()

    _check_folders = model_validator(mode="before")(check_folders)

    @model_validator(mode="after")
    def _ask_log_probs(self) -> "RunConfig":
        """Ask for log-probabilities where a policy compares them."""
        if any(policy.name == "likeliest_wrong" for policy in self.pairs.policies):
            sampling = self.sampling.model_copy(update={"log_probs": "always"})
            object.__setattr__(self, "sampling", sampling)  # the model is frozen, and not yet given out
        return self
