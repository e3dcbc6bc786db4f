"""Shards of executions and of verdicts: what programs did, and whether that was right."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from pairsmith.pipeline.chain.stages.common import NO_MATTER, VERSIONS, problems_of, shard_key, stage_folder
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.run.digests import content_digest, digest
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.execution import Execution, Status
from pairsmith.schemas.problem import Problem


def forget_faults(chain: Path) -> None:
    """Remove the shards of executions in which a sandbox broke, so that they are made again."""
    folder = stage_folder(chain, "executions")
    for name in folder.shard_names():
        if folder.counts(name).get("status.fault"):
            (folder.path / name).unlink()


def executions_key(chain: Path, name: str, config: RunConfig) -> str:
    """Return the key of a shard of executions."""
    return shard_key(chain, name, "executions", ("problems", "programs"), limits_of(config))


def write_executions(
    chain: Path,
    name: str,
    config: RunConfig,
    pool: SandboxPool,
    on_done: Callable[[int], None] = lambda n: None,
    known: Mapping[str, Execution] | None = None,
) -> Path:
    """Write a shard of executions, one a program.

    Programs don't run again whose execution is in `known`, by candidate, or was in this shard before with the same
    problems and limits.
    """
    folder = stage_folder(chain, "executions")
    programs: list[Program] = stage_folder(chain, "programs").read(name)
    ready = {**reusable_executions(chain, name, config), **(known or {})}
    missing = [program for program in programs if program.candidate_id not in ready]
    problems, cache = problems_of(chain, name), compiled_folder(config)
    n_runs, again = config.execution.n_runs, config.execution.rerun_timeouts
    made = execute_programs(missing, problems, pool, on_done, cache, n_runs, again) if missing else []
    ready.update({row.candidate_id: row for row in made})
    rows = [ready[program.candidate_id] for program in programs]
    counts = Counter(f"status.{row.status}" for row in rows)
    runnable = {(row.problem_id, row.code) for row in programs if row.extraction is Extraction.OK}
    counts["distinct"] = len(runnable)
    counts["calls"] = sum(len(row.runs) for row in rows)
    shard = Shard(rows, len(programs), {}, counts, _reuse_of_executions(chain, name, config))
    return folder.write_shard(name, executions_key(chain, name, config), shard)


def compiled_folder(config: RunConfig) -> Path:
    """Return where compiled programs are kept."""
    return config.run / "cache" / "compiled"


def reusable_executions(chain: Path, name: str, config: RunConfig) -> dict[str, Execution]:
    """Return by candidate the executions of a shard's earlier state: same problem, limits and code of ours."""
    wanted = _reuse_of_executions(chain, name, config)
    known: dict[str, list[Execution]] = stage_folder(chain, "executions").reusable_by_problem(name, wanted)
    return {row.candidate_id: row for rows in known.values() for row in rows if row.status is not Status.FAULT}


def _reuse_of_executions(chain: Path, name: str, config: RunConfig) -> dict[str, str]:
    versions = (str(VERSIONS["executions"]), str(VERSIONS["programs"]))
    return {
        problem.problem_id: digest("executions", *versions, limits_of(config), content_digest([problem], Problem))
        for problem in stage_folder(chain, "problems").read(name)
    }


def limits_of(config: RunConfig) -> str:
    """Return what decides how a program ends in a sandbox, as text."""
    execution = config.execution
    limits = config.sandbox.model_dump_json(exclude=NO_MATTER["sandbox"])
    return f"{limits} {execution.n_runs} runs, {execution.rerun_timeouts} timeouts again"


def verdicts_key(chain: Path, name: str, config: RunConfig) -> str:
    """Return the key of a shard of verdicts."""
    return shard_key(chain, name, "verdicts", ("problems", "executions"))


def write_verdicts(chain: Path, name: str, config: RunConfig) -> Path:
    """Write a shard of verdicts, one an execution."""
    problems = problems_of(chain, name)
    executions: list[Execution] = stage_folder(chain, "executions").read(name)
    rows = [judge(problems[execution.problem_id], execution) for execution in executions]
    counts = Counter(f"label.{row.label}" for row in rows)
    counts += Counter(f"cause.{row.cause}" for row in rows if row.cause)
    shard = Shard(rows, len(executions), {}, counts)
    return stage_folder(chain, "verdicts").write_shard(name, verdicts_key(chain, name, config), shard)
