"""The configuration of a run: all sections together, and those of prices, engine and service."""

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

    kind: Literal["local", "ray"] = Field("local", description="Where shards are processed.")
    address: str = Field("", description="Of the cluster: `auto`, `ray://head:10001`; empty starts one here.")
    sampler_gpus: float = Field(1.0, ge=0.0, description="GPUs of a task that samples a shard.")


class PublishConfig(Section):
    """Repositories of dataset and adapter on the Hub. The token comes from huggingface_hub's usual place."""

    dataset: str = Field("", description="Repository of the dataset, such as `me/pairs`; empty: not published.")
    model: str = Field("", description="Repository of the adapter; empty: not published.")
    private: bool = Field(True, description="Make new repositories private; existing ones keep their visibility.")
    allowed: tuple[str, ...] = Field(
        (), description="Allowed findings of the secret scan, by the name that it prints."
    )


class RefreshConfig(Section):
    """Settings of refreshing."""

    retrain: bool = Field(False, description="Train and evaluate on each new version before the gate.")


class TimetableConfig(Section):
    """When `pairsmith serve` starts a refresh."""

    refresh: str = Field("", description="Cron line such as `0 3 * * *`; empty: on demand only.")
    timezone: str = Field("UTC", description="Name such as `Europe/Berlin`.")


class ServiceConfig(Section):
    """Retries and time limit of served runs."""

    retries: int = Field(3, ge=0, description="Retries after an infrastructure fault; other errors end a run.")
    timeout_s: float | None = Field(
        None, gt=0.0, description="Seconds until a served run is ended; none for no end."
    )


class PricesConfig(Section):
    """Prices of sampling, for forecasts; 0.0: free."""

    prompt_per_million: float = Field(0.0, ge=0.0, description="Price of a million prompt tokens.")
    completion_per_million: float = Field(0.0, ge=0.0, description="Price of a million sampled tokens.")


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
    """The whole run."""

    run: Annotated[Path, BeforeValidator(check_named)] = Field(
        Path("runs/pairsmith"),
        description="Folder that the run writes into. `s3://bucket/mine` is short for `runs/mine`, with that "
        "address as `store`.",
    )
    store: str = Field(
        "",
        description="Folder in S3, Google's store or another store of fsspec in which the run is kept, "
        "`s3://bucket/runs/mine`.",
    )
    seed: int = Field(0, description="Seed of sampling and of all random choices.")
    shard_problems: int = Field(16, ge=1, description="Problems per shard; a problem stays in its shard.")
    problems: ProblemsConfig = ProblemsConfig()
    sampling: SamplingConfig = SamplingConfig()
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
