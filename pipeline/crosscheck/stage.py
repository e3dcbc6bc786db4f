"""The stages beyond the tests: standings of candidates and of problems. One run gives both."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pairsmith.pipeline.chain.stage import LIMITS, Inputs, Stage, limits_of, limits_text, setting_text
from pairsmith.pipeline.crosscheck.problem import crosscheck_problem
from pairsmith.pipeline.crosscheck.questions import PassedProgram
from pairsmith.pipeline.run.digests import content_digest, digest
from pairsmith.pipeline.run.folder import Shard
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import CandidateCrosscheck, Label, ProblemCrosscheck

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools

_STANDINGS, _PROBLEM_STANDINGS = "standings", "problem_standings"
_VERSIONS = {_STANDINGS: 5, _PROBLEM_STANDINGS: 5}
_N_AT_ONCE = 8  # problems
_SETTINGS = ("crosscheck", *LIMITS, "seed")


def _run(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    """Return a shard of standings and one of problem standings."""
    passed = _passed(inputs)
    n_in = sum(map(len, passed.values()))
    settings = config.crosscheck
    kept: dict[str, list[list[Any]]] = {}
    to_check: list[Problem] = []
    for problem in inputs.rows["problems"]:
        before = [inputs.before[stage].get(problem.problem_id) for stage in _VERSIONS]
        if None not in before:  # a killed run may have written one of the two alone
            kept[problem.problem_id] = [part or [] for part in before]
        elif problem.problem_id in passed:
            to_check.append(problem)
    checked: dict[str, tuple[ProblemCrosscheck, list[CandidateCrosscheck]]] = {}
    if to_check and settings.n_inputs:
        pool = tools.beyond_pool()

        def check(problem: Problem) -> tuple[ProblemCrosscheck, list[CandidateCrosscheck]]:
            return crosscheck_problem(problem, passed[problem.problem_id], pool, settings, config.seed)

        # Several at a time: a problem alone has moments in which one program runs, such as its reference.
        with ThreadPoolExecutor(min(pool.n_threads, _N_AT_ONCE), thread_name_prefix="crosscheck") as threads:
            checked = dict(zip((row.problem_id for row in to_check), threads.map(check, to_check), strict=True))
    candidates: list[CandidateCrosscheck] = []
    of_problems: list[ProblemCrosscheck] = []
    for problem in inputs.rows["problems"]:
        if problem.problem_id in kept:
            for made, rows in zip((candidates, of_problems), kept[problem.problem_id], strict=True):
                made += rows  # type: ignore[operator]
            continue
        if problem.problem_id in checked:
            of_problem, found = checked[problem.problem_id]
            candidates += found
            of_problems.append(of_problem)
    counts = Counter(f"standing.{row.standing}" for row in candidates)
    weak = Counter({"weak": sum(row.is_weak for row in of_problems)})
    n_problems = len(inputs.rows["problems"])
    return Shard(candidates, n_in, {}, counts), Shard(of_problems, n_problems, {}, weak)


def _reuse(inputs: Inputs, config: RunConfig) -> dict[str, dict[str, str]]:
    """Return for each stage, by problem, the digest of all that its rows depend on."""
    passed = _passed(inputs)
    settings = (setting_text(config, "crosscheck"), limits_of(config), str(config.seed))
    digests: dict[str, dict[str, str]] = {stage: {} for stage in _VERSIONS}
    for problem in inputs.rows["problems"]:
        own = passed.get(problem.problem_id, ())
        rows = [(row.program.candidate_id, row.cluster) for row in own]
        codes = [row.program.code for row in own]
        parts = (*settings, content_digest([problem], Problem), repr(rows), *codes)
        for stage, version in _VERSIONS.items():
            digests[stage][problem.problem_id] = digest(str(version), *parts)
    return digests


def _passed(inputs: Inputs) -> Mapping[str, Sequence[PassedProgram]]:
    """Return the passed candidates by problem."""
    good = {row.candidate_id: row for row in inputs.rows["verdicts"] if row.label is Label.PASSED}
    clusters = {row.candidate_id: row.cluster for row in inputs.rows["syntax"]}
    programs: Sequence[Program] = inputs.rows["programs"]
    found: dict[str, list[PassedProgram]] = {}
    for program in programs:
        if program.candidate_id in good and program.extraction is Extraction.OK and not program.method_of:
            cluster = clusters.get(program.candidate_id, program.candidate_id)
            judged = program.judged_as(good[program.candidate_id].program_form)
            found.setdefault(program.problem_id, []).append(PassedProgram(judged, cluster))
    return found


def _stage(name: str, **facts: Any) -> Stage:
    return Stage(
        name=name,
        reads=("problems", "programs", "verdicts", "syntax"),
        settings=_SETTINGS,
        key_texts=lambda own, *limits_and_seed: (own, limits_text(*limits_and_seed[:-1]), limits_and_seed[-1]),
        version=_VERSIONS[name],
        **facts,
    )


STAGE = _stage(
    _STANDINGS,
    about="compares passed candidates on inputs derived from the tests': with the reference, else by consensus",
    record=CandidateCrosscheck,
    run=_run,
    beside=(_PROBLEM_STANDINGS,),
    reuse=_reuse,
    unit="candidates",
    counted=("standing.",),
    planned=lambda planned: f"passed ones on at most {planned.config.crosscheck.n_inputs} more inputs per problem",
)
PROBLEMS_STAGE = _stage(
    _PROBLEM_STANDINGS,
    about="problems whose passed candidates disagree; share of mutants that the tests detect",
    record=ProblemCrosscheck,
    made_by=_STANDINGS,
    counted=("weak",),
    planned=lambda planned: (
        f"{planned.n_problems:,} problem{'s' * (planned.n_problems != 1)}, "
        + (f"at most {n} mutants each" if (n := planned.config.crosscheck.n_mutants) else "no mutants")
    ),
)
