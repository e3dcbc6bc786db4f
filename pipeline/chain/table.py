"""The stages in their order. This table alone knows them all; what else a stage is is in its own value."""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from pairsmith.pipeline.chain.stage import Stage
from pairsmith.pipeline.crosscheck import stage as crosscheck
from pairsmith.pipeline.evaluation import stage as evaluation
from pairsmith.pipeline.execution import stage as execution
from pairsmith.pipeline.extraction import stage as extraction
from pairsmith.pipeline.judging import stage as judging
from pairsmith.pipeline.pairing import stage as pairing
from pairsmith.pipeline.problems import stage as problems
from pairsmith.pipeline.run.folder import StageFolder
from pairsmith.pipeline.sampling import stage as sampling
from pairsmith.pipeline.syntax import stage as syntax
from pairsmith.pipeline.training import run as training
from pairsmith.schemas.arrow import arrow_schema

STAGES: tuple[Stage, ...] = (
    problems.STAGE,
    sampling.STAGE,
    extraction.STAGE,
    execution.STAGE,
    judging.STAGE,
    syntax.STAGE,
    crosscheck.STAGE,
    crosscheck.PROBLEMS_STAGE,
    pairing.STAGE,
    training.STAGE,
    evaluation.STAGE,
)


def find_stage(name: str, stages: Sequence[Stage] | None = None) -> Stage:
    """Return a stage by its name, of this table or of another one."""
    return {stage.name: stage for stage in (STAGES if stages is None else stages)}[name]


def stored_stages() -> tuple[str, ...]:
    """Return the names of the stages that have a folder of shards."""
    return tuple(stage.name for stage in STAGES if stage.record is not None)


def shard_stages() -> tuple[Stage, ...]:
    """Return the stages whose shards are those of the problems, each made of the shards of the same name."""
    return tuple(stage for stage in STAGES if stage.record and not stage.whole)


def stage_folder(run_dir: Path, name: str) -> StageFolder:
    """Return the folder of a stage of a run."""
    record = find_stage(name).record
    assert record is not None, f"{name} has no shards"
    return StageFolder(run_dir, name, record)


def scan_stage(run_dir: Path, name: str) -> pl.LazyFrame:
    """Return the rows of a stage of a run; none where it has no shards."""
    folder = stage_folder(run_dir, name)
    files = [folder.path / shard for shard in folder.shard_names()]
    empty = arrow_schema(folder.record).empty_table()
    return pl.scan_parquet(files, glob=False) if files else pl.LazyFrame(empty)


def versions_of(stage: Stage) -> dict[str, str]:
    """Return the versions of pairsmith and of the packages that shape a stage's rows."""
    versions = {"pairsmith": importlib.metadata.version("pairsmith"), "stage": str(stage.version)}
    for package in ("pyarrow", *stage.packages):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
