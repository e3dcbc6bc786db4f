"""The stages of synthesis over shards: what each reads, what its shards depend on, what it writes.

Each step of the chain is a small chain below `synthesis/`: `problems` holds what is asked, `candidates` what was
answered. `answers` has all that was run of responses and tests, so that other thresholds run nothing again;
`agreements`, `standings`, `drafts` and `judged` are made of it together, a shard of responses at a time. `cards`
and the problem file come last, over all shards, since a problem must be the only one of its kind.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pairsmith.pipeline.chain.stage import limits_of
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.problems.contamination import Benchmarks
from pairsmith.pipeline.problems.wording import parameters_of
from pairsmith.pipeline.run.digests import content_digest, digest, file_digest
from pairsmith.pipeline.run.folder import Shard, StageFolder, shard_name
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.pipeline.synthesis.asking import Asked, signature_in, write_problems
from pairsmith.pipeline.synthesis.estimate import judge_evidence, read_coefficients
from pairsmith.pipeline.synthesis.evidence import (
    N_DERIVED,
    N_INPUTS,
    Response,
    RunPlan,
    plan_runs,
    read_evidence,
    run_plan,
)
from pairsmith.pipeline.synthesis.quality import JudgedProblem, drop_repeated, fitting_tests, judge_problem
from pairsmith.pipeline.synthesis.suites import read_suite
from pairsmith.schemas.candidate import Candidate, Extraction, Program
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.synthesis import ProblemAgreement, ProblemAnswers, ProblemCard, ResponseAgreement, Seed

FOLDER = "synthesis"
PROBLEM_FILE = "problems.jsonl"
RECORDS: Mapping[str, type] = {
    "seeds": Seed, "answers": ProblemAnswers, "agreements": ProblemAgreement, "standings": ResponseAgreement,
    "judged": Problem, "drafts": ProblemCard, "cards": ProblemCard,
}  # fmt: skip
MADE_TOGETHER = ("agreements", "standings", "drafts", "judged")  # the last one marks all of them as written
# Raise it when the code gives other rows for the same input.
VERSION = 5


def synthesis_folder(run: Path) -> Path:
    """Return the folder of a run's synthesis."""
    return run / FOLDER


def open_stage(run: Path, stage: str) -> StageFolder:
    """Return the folder of one of the stages that are no step of the chain."""
    return StageFolder(synthesis_folder(run), stage, RECORDS[stage])


def step_chain(run: Path, step: str) -> Path:
    """Return the chain of one step of prompts."""
    return synthesis_folder(run) / step


def asked_shards(asked: Asked, n_each: int) -> dict[str, tuple[Problem, ...]]:
    """Return what is asked, in shards by id; one empty shard where nothing is."""
    rows = sorted(asked.problems, key=lambda problem: problem.problem_id)
    starts = range(0, max(len(rows), 1), n_each)
    return {shard_name(index): tuple(rows[start : start + n_each]) for index, start in enumerate(starts)}


def asked_key(rows: Sequence[Problem], reasons: Mapping[str, int]) -> str:
    """Return the key of a shard of what is asked."""
    return digest("asked", str(VERSION), content_digest(rows, Problem), repr(sorted(reasons.items())))


def write_asked(chain: Path, name: str, rows: Sequence[Problem], reasons: Mapping[str, int]) -> None:
    """Write a shard of what is asked; the answers of the last step that led to nothing are counted with it."""
    shard = Shard(rows, len(rows) + sum(reasons.values()), reasons, {"asked": len(rows)})
    stage_folder(chain, "problems").write_shard(name, asked_key(rows, reasons), shard)


def cards_key(run: Path, names: Sequence[str], config: RunConfig) -> str:
    """Return the key of the cards of all problems."""
    drafts, judged = open_stage(run, "drafts"), open_stage(run, "judged")
    contents = [part for name in names for part in (drafts.content(name), judged.content(name))]
    return digest("cards", str(VERSION), config.synthesis.quality.model_dump_json(), *contents)


def write_cards(run: Path, names: Sequence[str], config: RunConfig) -> int:
    """Write the cards of all problems and the file of the kept ones; return how many are kept."""
    problems: dict[str, Problem] = {
        row.problem_id: row for name in names for row in open_stage(run, "judged").read(name)
    }
    drafts: list[ProblemCard] = [row for name in names for row in open_stage(run, "drafts").read(name)]
    best = {card.best_id for card in drafts if not card.reason}
    codes = _codes(run, names, problems, best)
    judged = drop_repeated([JudgedProblem(problems[card.problem_id], card) for card in drafts], codes)
    cards = sorted((judgement.card for judgement in judged), key=lambda card: card.problem_id)
    kept = [(judgement.problem, judgement.card) for judgement in judged if not judgement.card.reason]
    n_kept = write_problems(synthesis_folder(run) / PROBLEM_FILE, kept)
    dropped = Counter(card.reason for card in cards if card.reason)
    shard = Shard(cards, len(cards), {}, {"kept": n_kept, **{f"reason.{key}": n for key, n in dropped.items()}})
    open_stage(run, "cards").write_shard(shard_name(0), cards_key(run, names, config), shard)
    return n_kept


def _codes(run: Path, names: Sequence[str], problems: Mapping[str, Problem], wanted: set[str]) -> dict[str, str]:
    return {
        row.candidate_id: extract_program(row, problems[row.problem_id]).code
        for name in names
        for row in answers_of(run, "responses", name)
        if row.candidate_id in wanted
    }


def answers_of(run: Path, step: str, name: str) -> list[Candidate]:
    """Return a shard of a step's answers, by problem and index; none where the step is not asked for."""
    folder = stage_folder(step_chain(run, step), "candidates")
    rows: list[Candidate] = folder.read(name) if folder.manifest() is not None else []
    return sorted(rows, key=lambda row: (row.problem_id, row.index))


_RUN = f'{{"n_inputs":{N_INPUTS},"n_derived":{N_DERIVED}}}'  # what is run; as it was when both were settings


def answers_key(run: Path, name: str, config: RunConfig) -> str:
    """Return the key of a shard of what was run."""
    parts = [content_digest(answers_of(run, step, name), Candidate) for step in ("responses", "tests")]
    problems = stage_folder(step_chain(run, "responses"), "problems").content(name)
    return digest(
        "answers", str(VERSION), *parts, problems, _RUN,
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
        name: shard of the responses' chain.
        pool: opens the sandboxes, with the limits of `schemas.config.beyond_limits`; called if there is work.
    """
    rows: list[ProblemAnswers] = []
    for problem, own in _read_shard(run, name, ("responses", "tests")):
        plan, _, _ = _plan(problem, own, config, Counter())
        rows.append(run_plan(problem, plan, pool()))
        on_done()
    open_stage(run, "answers").write_shard(name, answers_key(run, name, config), Shard(rows, len(rows)))


def _read_shard(run: Path, name: str, steps: Sequence[str]) -> list[tuple[Problem, dict[str, list[Candidate]]]]:
    """Return the problems of a shard of the responses' chain, each with the answers of these steps."""
    problems: list[Problem] = stage_folder(step_chain(run, "responses"), "problems").read(name)
    answers: dict[str, dict[str, list[Candidate]]] = {
        problem.problem_id: {step: [] for step in steps} for problem in problems
    }
    for step in steps:
        for row in answers_of(run, step, name):
            answers[row.problem_id][step].append(row)
    return [(problem, answers[problem.problem_id]) for problem in problems]


def judged_key(run: Path, name: str, stage: str, config: RunConfig) -> str:
    """Return the key of a shard of the stages that are made together."""
    weak = content_digest(answers_of(run, "weak", name), Candidate)
    settings = config.synthesis
    known = read_coefficients(settings.agreement.calibration)
    benchmarks = [file_digest(path) for path in config.syntax.benchmarks]
    return digest(
        stage, answers_key(run, name, config), open_stage(run, "answers").content(name), weak, str(config.seed),
        settings.agreement.model_dump_json(), settings.quality.model_dump_json(), repr(known),
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
        name: shard of the responses' chain.
        cards: by problem, what is known of where it comes from.
        pool: opens the sandboxes where the problems' tests are tried on mutants.
    """
    ran: dict[str, ProblemAnswers] = {row.problem_id: row for row in open_stage(run, "answers").read(name)}
    settings = config.synthesis
    coefficients = read_coefficients(settings.agreement.calibration)
    agreements: list[ProblemAgreement] = []
    standings: list[ResponseAgreement] = []
    judged: list[JudgedProblem] = []
    reasons: Counter[str] = Counter()
    for problem, own in _read_shard(run, name, ("responses", "tests", "weak")):
        plan, programs, n_off = _plan(problem, own, config, reasons)
        evidence = read_evidence(plan, ran[problem.problem_id])
        reasons["response.late_or_broken"] += evidence.n_silent
        agreement, rows = judge_evidence(
            problem, evidence, [row.candidate_id for row in programs], settings.agreement, coefficients
        )
        card = cards[problem.problem_id]
        models = {*card.models, *(row.model for drawn in own.values() for row in drawn)}
        weak = [extract_program(row, problem) for row in own["weak"]]
        done = judge_problem(
            problem, replace(card, models=tuple(sorted(models)), n_off_signature=n_off), agreement, rows,
            {row.candidate_id: _usable_code(row) for row in programs}, list(map(_usable_code, weak)), benchmarks,
            settings.quality, config.seed, pool(),
        )  # fmt: skip
        agreements.append(agreement)
        standings += rows
        judged.append(done)
        on_done()
    labels = Counter(f"standing.{row.standing}" for row in standings)
    dropped = Counter(judgement.card.reason for judgement in judged if judgement.card.reason)
    for stage, shard in (
        ("agreements", Shard(agreements, len(judged), {}, reasons)),
        ("standings", Shard(standings, len(standings), {}, labels)),
        ("drafts", Shard([judgement.card for judgement in judged], len(judged), {}, dropped)),
        ("judged", Shard([judgement.problem for judgement in judged], len(judged), {}, {})),
    ):
        open_stage(run, stage).write_shard(name, judged_key(run, name, stage, config), shard)


def _plan(
    problem: Problem, answers: Mapping[str, Sequence[Candidate]], config: RunConfig, reasons: Counter[str]
) -> tuple[RunPlan, list[Program], int]:
    """Return what is to be run of a problem, all its programs, and how many tests are not about its signature.

    Why answers lead to nothing is counted in `reasons`.
    """
    programs = [extract_program(row, problem) for row in answers["responses"]]
    reasons.update(f"response.{row.extraction}" for row in programs)
    texts = [row.completion for row in answers["tests"]]
    signature = signature_in(problem.prompt)
    read = [read_suite(text, problem.entry_point, "", parameters_of(signature)) for text in texts]
    for suite in read:
        reasons.update({f"test.{reason}": n for reason, n in suite.reasons.items()})
    suites, n_off = fitting_tests([suite.tests for suite in read], signature)
    reasons["test.off_signature"] += n_off
    plan = plan_runs(problem, _responses(programs, config), suites, texts)
    return plan, programs, n_off


def _usable_code(program: Program) -> str:
    return program.code if program.extraction is Extraction.OK else ""


def _responses(programs: Sequence[Program], config: RunConfig) -> list[Response]:
    syntax = {row.candidate_id: row for row in analyse_problem(programs, config.syntax)}
    return [
        Response(row.candidate_id, row.code, syntax[row.candidate_id].cluster, syntax[row.candidate_id].renamed)
        for row in programs
        if row.extraction is Extraction.OK
    ]
