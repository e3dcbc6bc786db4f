"""The configuration of the machines that a run works on."""

from typing import Literal

from pydantic import Field

from pairsmith.schemas.config.section import Section


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
