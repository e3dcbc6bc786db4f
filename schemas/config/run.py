"""The configuration of a run, whole: its sections and their defaults."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from pairsmith.schemas.config.budget import AdaptiveConfig, BudgetConfig, PricesConfig
from pairsmith.schemas.config.engine import EngineConfig
from pairsmith.schemas.config.evaluation import EvaluationConfig, GateConfig, ScoringConfig
from pairsmith.schemas.config.extraction import ExtractionConfig
from pairsmith.schemas.config.judging import CrosscheckConfig, ExecutionConfig, SandboxConfig, SyntaxConfig
from pairsmith.schemas.config.pairs import JudgeConfig, PairsConfig
from pairsmith.schemas.config.problems import ProblemsConfig
from pairsmith.schemas.config.sampling import OverlapConfig, SamplingConfig
from pairsmith.schemas.config.section import Section
from pairsmith.schemas.config.service import PublishConfig, RefreshConfig, ServiceConfig, TimetableConfig
from pairsmith.schemas.config.synthesis import SynthesisConfig
from pairsmith.schemas.config.training import TrainingConfig


def check_folders(given: Any) -> Any:
    """Split an address given as `run` into a store and a folder that has the address's last name.

    Raises:
        ValueError: `run` is empty, or `run` and `store` name two stores.
    """
    if not isinstance(given, Mapping) or "run" not in given:
        return given
    run = str(given["run"]).strip()
    if not run:
        raise ValueError("run is empty; name the folder that the run writes into")
    if "://" not in run:
        return given
    address = run.rstrip("/")
    if given.get("store", address) != address:
        raise ValueError(f"run={address} and store={given['store']} name two stores; give one")
    return {**given, "run": Path("runs") / address.rpartition("/")[2], "store": address}


class RunConfig(Section):
    """One run, whole."""

    run: Path = Field(
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
    overlap: OverlapConfig = OverlapConfig()
    engine: EngineConfig = EngineConfig()
    sandbox: SandboxConfig = SandboxConfig()
    execution: ExecutionConfig = ExecutionConfig()
    extraction: ExtractionConfig = ExtractionConfig()
    syntax: SyntaxConfig = SyntaxConfig()
    crosscheck: CrosscheckConfig = CrosscheckConfig()
    pairs: PairsConfig = PairsConfig()
    judge: JudgeConfig = JudgeConfig()
    training: TrainingConfig = TrainingConfig()
    scoring: ScoringConfig = ScoringConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    gate: GateConfig = GateConfig()
    publish: PublishConfig = PublishConfig()
    refresh: RefreshConfig = RefreshConfig()
    schedule: TimetableConfig = TimetableConfig()
    service: ServiceConfig = ServiceConfig()
    synthesis: SynthesisConfig = SynthesisConfig()

    _check_folders = model_validator(mode="before")(check_folders)
