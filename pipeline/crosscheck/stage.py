"""The stages of the crosscheck over shards: standings of candidates and of problems, and timings.

One piece of work gives all three; each is a stage of its own, with its own rows and manifest.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pairsmith.pipeline.chain.stages import limits_of, shard_key, stage_folder, versions_of
from pairsmith.pipeline.crosscheck.problem import crosscheck_problem
from pairsmith.pipeline.crosscheck.questions import PassedProgram
from pairsmith.pipeline.crosscheck.timing import time_problem
from pairsmith.pipeline.run.digests import content_digest, digest
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.crosscheck import CandidateCrosscheck, CrosscheckResult, ProblemCrosscheck, Timing
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.syntax import Syntax
from pairsmith.schemas.verdict import Label, Verdict

STAGES = ("standings", "problem_standings", "timings")
_SOURCES = ("problems", "programs", "verdicts", "syntax")


def truth_key(chain: Path, name: str, stage: str, config: RunConfig) -> str:
    """Return the key of a shard of one of the three stages."""
    settings = (config.crosscheck.model_dump_json(), limits_of(config), str(config.seed))
    return shard_key(chain, name, stage, _SOURCES, *settings)


def write_truth(chain: Path, name: str, config: RunConfig, pool: Callable[[], SandboxPool]) -> None:
    """Write a shard of each of the three stages; that of standings, which says that all are done, comes last.

    Args:
        pool: opens the sandboxes, with the limits of `schemas.config.beyond_limits`; called if there is work.
    """
    problems: list[Problem] = stage_folder(chain, "problems").read(name)
    passed = _passed(chain, name)
    n_in = sum(map(len, passed.values()))
    reuse = _reuse(problems, passed, config)
    known = {stage: stage_folder(chain, stage).reusable_by_problem(name, reuse[stage]) for stage in STAGES}
    candidates: list[CandidateCrosscheck] = []
    of_problems: list[ProblemCrosscheck] = []
    timings: list[Timing] = []
    for problem in problems:
        rows = passed.get(problem.problem_id, [])
        if all(problem.problem_id in known[stage] for stage in STAGES):  # a killed run may have written one alone
            candidates += known["standings"][problem.problem_id]
            of_problems += known["problem_standings"][problem.problem_id]
            timings += known["timings"][problem.problem_id]
            continue
        if rows and config.crosscheck.n_inputs:
            of_problem, found = crosscheck_problem(problem, rows, pool(), config.crosscheck, config.seed)
            candidates += found
            of_problems.append(of_problem)
        if rows and config.crosscheck.n_timed_runs:
            doubted = {row.candidate_id for row in candidates if row.standing is not CrosscheckResult.CONFIRMED}
            programs = {row.program.code: row.program for row in rows if row.program.candidate_id not in doubted}
            timings += time_problem(problem, list(programs.values()), pool(), config.crosscheck.n_timed_runs)
    counts = Counter(f"standing.{row.standing}" for row in candidates)
    weak = Counter({"weak": sum(row.is_weak for row in of_problems)})
    for stage, shard in (
        ("timings", Shard(timings, n_in)),
        ("problem_standings", Shard(of_problems, len(problems), {}, weak)),
        ("standings", Shard(candidates, n_in, {}, counts)),
    ):
        shard = replace(shard, reuse=reuse[stage])
        stage_folder(chain, stage).write_shard(name, truth_key(chain, name, stage, config), shard)


def _reuse(
    problems: Sequence[Problem], passed: Mapping[str, Sequence[PassedProgram]], config: RunConfig
) -> dict[str, dict[str, str]]:
    """Return for each stage, by problem, the digest of all that its rows hang on."""
    settings = (config.crosscheck.model_dump_json(), limits_of(config), str(config.seed))
    digests: dict[str, dict[str, str]] = {stage: {} for stage in STAGES}
    for problem in problems:
        rows = [(row.program.candidate_id, row.cluster) for row in passed.get(problem.problem_id, ())]
        codes = [row.program.code for row in passed.get(problem.problem_id, ())]
        parts = (*settings, content_digest([problem], Problem), repr(rows), *codes)
        for stage in STAGES:
            digests[stage][problem.problem_id] = digest(versions_of(stage)["stage"], *parts)
    return digests


def _passed(chain: Path, name: str) -> dict[str, list[PassedProgram]]:
    """Return the passed candidates by problem."""
    verdicts: list[Verdict] = stage_folder(chain, "verdicts").read(name)
    syntax: list[Syntax] = stage_folder(chain, "syntax").read(name)
    programs: list[Program] = stage_folder(chain, "programs").read(name)
    good = {row.candidate_id for row in verdicts if row.label is Label.PASSED}
    clusters = {row.candidate_id: row.cluster for row in syntax}
    found: dict[str, list[PassedProgram]] = {}
    for program in programs:
        if program.candidate_id in good and program.extraction is Extraction.OK:
            cluster = clusters.get(program.candidate_id, program.candidate_id)
            found.setdefault(program.problem_id, []).append(PassedProgram(program, cluster))
    return found
