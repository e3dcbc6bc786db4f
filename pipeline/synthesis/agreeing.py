"""The stages that hold responses and tests against each other.

`answers` has all that was run, so that other thresholds run nothing again; `agreements`, `standings`, `drafts` and
`judged` are made of it together, a shard of responses at a time.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pairsmith.pipeline.chain.stage import limits_of
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.problems.contamination import Benchmarks
from pairsmith.pipeline.problems.wording import parameters_of
from pairsmith.pipeline.run.digests import content_digest, digest, file_digest
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.pipeline.syntax import analyse_problem
from pairsmith.pipeline.synthesis.agreement import (
    Plan,
    Response,
    judge_evidence,
    plan_runs,
    read_calibration,
    read_evidence,
    read_suite,
    run_plan,
)
from pairsmith.pipeline.synthesis.quality import Judged, fitting_tests, judge_problem
from pairsmith.pipeline.synthesis.stages import VERSION, answers_of, open_stage, step_chain
from pairsmith.pipeline.synthesis.writing import signature_in
from pairsmith.schemas.agreement import ProblemAgreement, ProblemAnswers, ResponseAgreement
from pairsmith.schemas.candidate import Candidate, Extraction, Program
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.problem_card import ProblemCard

_RUN = {"n_inputs", "n_derived"}  # of the agreement's settings: what is run


def answers_key(run: Path, name: str, config: RunConfig) -> str:
    """Return the key of a shard of what was run."""
    parts = [content_digest(answers_of(run, step, name), Candidate) for step in ("responses", "tests")]
    problems = stage_folder(step_chain(run, "responses"), "problems").content(name)
    return digest(
        "answers", str(VERSION), *parts, problems, config.synthesis.agreement.model_dump_json(include=_RUN),
        limits_of(config), config.crosscheck.model_dump_json(include={"cpu_s", "wall_s"}),
    )  # fmt: skip


def write_answers(
    run: Path,
    name: str,
    config: RunConfig,
    pool: Callable[[], SandboxPool],
    on_done: Callable[[], None] = lambda: None,
) -> None:
    """Run the responses and tests of a shard's problems.

    Args:
        run: folder of the run.
        name: shard of the responses' chain.
        config: budgets.
        pool: opens the sandboxes, with the limits of `schemas.config.beyond_limits`; called if there is work.
        on_done: called after each problem.
    """
    problems: list[Problem] = stage_folder(step_chain(run, "responses"), "problems").read(name)
    answers = {step: _by_problem(answers_of(run, step, name)) for step in ("responses", "tests")}
    rows: list[ProblemAnswers] = []
    for problem in problems:
        own = {step: answers[step].get(problem.problem_id, []) for step in answers}
        rows.append(run_plan(problem, _read(problem, own, config).plan, pool()))
        on_done()
    open_stage(run, "answers").write_shard(name, answers_key(run, name, config), Shard(rows, len(problems)))


def judged_key(run: Path, name: str, stage: str, config: RunConfig) -> str:
    """Return the key of a shard of the stages that are made together."""
    weak = content_digest(answers_of(run, "weak", name), Candidate)
    settings = config.synthesis
    known = read_calibration(settings.agreement.calibration)
    benchmarks = [file_digest(path) for path in config.syntax.benchmarks]
    return digest(
        stage, answers_key(run, name, config), open_stage(run, "answers").content(name), weak, str(config.seed),
        settings.agreement.model_dump_json(), settings.quality.model_dump_json(), repr(known.coefficients),
        *benchmarks,
    )  # fmt: skip


def write_judged(
    run: Path,
    name: str,
    config: RunConfig,
    cards: Mapping[str, ProblemCard],
    benchmarks: Benchmarks | None,
    pool: Callable[[], SandboxPool],
    on_done: Callable[[], None] = lambda: None,
) -> None:
    """Hold what the responses and tests of a shard's problems gave against each other, and judge the problems.

    Args:
        run: folder of the run.
        name: shard of the responses' chain.
        config: thresholds.
        cards: by problem, what is known of where it comes from.
        benchmarks: what must not be trained on.
        pool: opens the sandboxes where the problems' tests are tried on mutants.
        on_done: called after each problem.
    """
    problems: list[Problem] = stage_folder(step_chain(run, "responses"), "problems").read(name)
    answers = {step: _by_problem(answers_of(run, step, name)) for step in ("responses", "tests", "weak")}
    ran: dict[str, ProblemAnswers] = {row.problem_id: row for row in open_stage(run, "answers").read(name)}
    agreements: list[ProblemAgreement] = []
    standings: list[ResponseAgreement] = []
    judged: list[Judged] = []
    reasons: Counter[str] = Counter()
    for problem in problems:
        own = {step: answers[step].get(problem.problem_id, []) for step in answers}
        card = _with_models(cards[problem.problem_id], [row for rows in own.values() for row in rows])
        one = _judge(problem, own, ran[problem.problem_id], card, config, benchmarks, pool, reasons)
        agreements.append(one[0])
        standings += one[1]
        judged.append(one[2])
        on_done()
    labels = Counter(f"standing.{row.standing}" for row in standings)
    dropped = Counter(judgement.card.reason for judgement in judged if judgement.card.reason)
    for stage, shard in (
        ("agreements", Shard(agreements, len(problems), {}, reasons)),
        ("standings", Shard(standings, len(standings), {}, labels)),
        ("drafts", Shard([judgement.card for judgement in judged], len(problems), {}, dropped)),
        ("judged", Shard([judgement.problem for judgement in judged], len(problems), {}, {})),
    ):
        open_stage(run, stage).write_shard(name, judged_key(run, name, stage, config), shard)


@dataclass(frozen=True, slots=True)
class _Material:
    """What the answers about one problem hold: programs, what is to be run of them, counts, tests left out."""

    programs: tuple[Program, ...]
    plan: Plan
    reasons: Counter[str]
    n_off_signature: int


def _read(problem: Problem, answers: Mapping[str, Sequence[Candidate]], config: RunConfig) -> _Material:
    programs = tuple(extract_program(row, problem) for row in answers["responses"])
    reasons = Counter(f"response.{row.extraction}" for row in programs)
    texts = [row.completion for row in answers["tests"]]
    signature = signature_in(problem.prompt)
    read = [read_suite(text, problem.entry_point, "", parameters_of(signature)) for text in texts]
    for suite in read:
        reasons.update({f"test.{reason}": n for reason, n in suite.reasons.items()})
    suites, n_off = fitting_tests([suite.tests for suite in read], signature)
    reasons["test.off_signature"] += n_off
    plan = plan_runs(problem, _responses(programs, config), suites, texts, config.synthesis.agreement, signature)
    return _Material(programs, plan, reasons, n_off)


def _judge(
    problem: Problem,
    answers: Mapping[str, Sequence[Candidate]],
    ran: ProblemAnswers,
    card: ProblemCard,
    config: RunConfig,
    benchmarks: Benchmarks | None,
    pool: Callable[[], SandboxPool],
    reasons: Counter[str],
) -> tuple[ProblemAgreement, list[ResponseAgreement], Judged]:
    settings = config.synthesis
    material = _read(problem, answers, config)
    programs = material.programs
    reasons.update(material.reasons)
    evidence = read_evidence(material.plan, ran)
    known = read_calibration(settings.agreement.calibration)
    ids = [row.candidate_id for row in programs]
    agreement, standings = judge_evidence(problem, evidence, ids, settings.agreement, known.coefficients)
    reasons["response.late_or_broken"] += evidence.n_silent
    codes = {row.candidate_id: row.code if row.extraction is Extraction.OK else "" for row in programs}
    weak = [extract_program(row, problem) for row in answers["weak"]]
    done = judge_problem(
        problem,
        replace(card, n_off_signature=material.n_off_signature),
        agreement,
        standings,
        codes,
        [row.code if row.extraction is Extraction.OK else "" for row in weak],
        benchmarks,
        settings.quality,
        config.seed,
        pool(),
    )
    return agreement, standings, done


def _responses(programs: Sequence[Program], config: RunConfig) -> list[Response]:
    syntax = {row.candidate_id: row for row in analyse_problem(programs, config.syntax)}
    return [
        Response(row.candidate_id, row.code, syntax[row.candidate_id].cluster, syntax[row.candidate_id].renamed)
        for row in programs
        if row.extraction is Extraction.OK
    ]


def _with_models(card: ProblemCard, rows: Sequence[Candidate]) -> ProblemCard:
    return replace(card, models=tuple(sorted({*card.models, *(row.model for row in rows)})))


def _by_problem(rows: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = {}
    for row in rows:
        found.setdefault(row.problem_id, []).append(row)
    return found
