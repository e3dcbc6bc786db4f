"""The stage `executions`: what programs did in a sandbox."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pairsmith.pipeline.chain.stage import LIMITS, Inputs, Planned, Stage, limits_of, limits_text
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.run.digests import content_digest, digest
from pairsmith.pipeline.run.folder import Shard
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.execution import Execution, Status
from pairsmith.schemas.problem import Problem

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools

_NAME, _VERSION = "executions", 25
FAULTS = f"status.{Status.FAULT}"
"""Count of a shard's programs whose sandbox broke; the next run executes them again."""


def compiled_folder(config: RunConfig) -> Path:
    """Return where compiled programs are kept."""
    return config.run / "cache" / "compiled"


def _run(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    """Return one execution a program.

    A program whose execution was in this shard before, with the same problem and limits, does not run again.
    """
    programs, problems = inputs.rows["programs"], inputs.problems()
    before = [row for rows in inputs.before[_NAME].values() for row in rows if row.status is not Status.FAULT]
    ready: dict[str, Execution] = {row.candidate_id: row for row in before}
    missing: list[Program] = [program for program in programs if program.candidate_id not in ready]
    if missing:
        cache, settings = compiled_folder(config), config.execution
        how = settings.n_runs, settings.limit
        made = execute_programs(missing, problems, tools.pool(), inputs.on_done, cache, *how)
        ready.update({row.candidate_id: row for row in made})
    rows = [ready[program.candidate_id] for program in programs]
    counts = Counter(f"status.{row.status}" for row in rows)
    counts["distinct"] = len({(row.problem_id, row.code) for row in programs if row.extraction is Extraction.OK})
    counts["calls"] = sum(len(row.runs) for row in rows)
    return (Shard(rows, len(programs), {}, counts),)


def _reuse(inputs: Inputs, config: RunConfig) -> dict[str, dict[str, str]]:
    limits, versions = limits_of(config), (str(_VERSION), str(inputs.versions["programs"]))
    return {
        _NAME: {
            problem_id: digest(_NAME, *versions, limits, content_digest([problem], Problem))
            for problem_id, problem in inputs.problems().items()
        }
    }


def _planned(planned: Planned) -> str:
    sandbox = planned.config.sandbox
    return f"at most {planned.n_draws} programs, {sandbox.workers} at once, in {sandbox.backend}"


STAGE = Stage(
    name=_NAME,
    about="runs each distinct program in a sandbox; records values, without judging them",
    record=Execution,
    reads=("problems", "programs"),
    settings=LIMITS,
    version=_VERSION,
    run=_run,
    overlaps=True,
    key_texts=lambda *limits: (limits_text(*limits),),
    reuse=_reuse,
    unit="programs",
    counted=("distinct", "calls"),
    planned=_planned,
)
