"""The stages of synthesis over shards: what each reads, what its shards depend on, what it writes.

Each step of the chain is a small chain below `synthesis/`: `problems` holds what is asked, `candidates` what was
answered. `agreements`, `standings` and `judged` are made together, a shard of responses at a time; `cards` and the
problem file come last, over all shards, since a problem must be the only one of its kind.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.agreement import Response, gather_evidence, judge_evidence, read_calibration, read_suite
from pipeline.decontamination import Benchmarks
from pipeline.extraction import extract_program
from pipeline.folder import Shard, StageFolder, content_digest, digest, file_digest, shard_name
from pipeline.problems.wording import parameters_of
from pipeline.sandbox import SandboxPool
from pipeline.stages import limits_of, stage_folder
from pipeline.syntax import analyse_problem
from pipeline.synthesis.asking import Asked
from pipeline.synthesis.quality import Judged, drop_repeated, fitting_tests, judge_problem
from pipeline.synthesis.writing import signature_in, write_problems
from schemas.agreement import ProblemAgreement, ResponseAgreement
from schemas.candidate import Candidate, Extraction, Program
from schemas.config import RunConfig
from schemas.problem import Problem
from schemas.problem_card import ProblemCard
from schemas.seed import Seed

FOLDER = "synthesis"
PROBLEM_FILE = "problems.jsonl"
RECORDS: Mapping[str, type] = {
    "seeds": Seed,
    "agreements": ProblemAgreement,
    "standings": ResponseAgreement,
    "judged": Problem,
    "drafts": ProblemCard,
    "cards": ProblemCard,
}
MADE_TOGETHER = ("agreements", "standings", "drafts", "judged")  # the last one says that all are there
# Raise it when the code gives other rows for the same input.
_VERSION = 1


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
    return digest("asked", str(_VERSION), content_digest(rows, Problem), repr(sorted(reasons.items())))


def write_asked(chain: Path, name: str, rows: Sequence[Problem], reasons: Mapping[str, int]) -> None:
    """Write a shard of what is asked; the answers of the last step that led to nothing are counted with it."""
    shard = Shard(rows, len(rows) + sum(reasons.values()), reasons, {"asked": len(rows)})
    stage_folder(chain, "problems").write_shard(name, asked_key(rows, reasons), shard)


def judged_key(run: Path, name: str, stage: str, config: RunConfig) -> str:
    """Return the key of a shard of the stages that are made together."""
    responses = step_chain(run, "responses")
    parts = [content_digest(_answers(run, step, name), Candidate) for step in ("responses", "tests", "weak")]
    settings = config.synthesis
    known = read_calibration(settings.agreement.calibration)
    benchmarks = [file_digest(path) for path in config.syntax.benchmarks]
    return digest(
        stage, str(_VERSION), *parts, stage_folder(responses, "problems").content(name), str(config.seed),
        settings.agreement.model_dump_json(), settings.quality.model_dump_json(), limits_of(config),
        config.truth.model_dump_json(include={"cpu_s", "wall_s"}), repr(known.coefficients), *benchmarks,
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
    """Hold the responses and tests of a shard's problems against each other, and judge the problems.

    Args:
        run: folder of the run.
        name: shard of the responses' chain.
        config: thresholds and budgets.
        cards: by problem, what is known of where it comes from.
        benchmarks: what must not be trained on.
        pool: opens the sandboxes, with the limits of `schemas.config.beyond_limits`; called if there is work.
        on_done: called after each problem.
    """
    problems: list[Problem] = stage_folder(step_chain(run, "responses"), "problems").read(name)
    answers = {step: _by_problem(_answers(run, step, name)) for step in ("responses", "tests", "weak")}
    agreements: list[ProblemAgreement] = []
    standings: list[ResponseAgreement] = []
    judged: list[Judged] = []
    reasons: Counter[str] = Counter()
    for problem in problems:
        own = {step: answers[step].get(problem.problem_id, []) for step in answers}
        card = _with_models(cards[problem.problem_id], [row for rows in own.values() for row in rows])
        one = _judge(problem, own, card, config, benchmarks, pool, reasons)
        agreements.append(one[0])
        standings += one[1]
        judged.append(one[2])
        on_done()
    labels = Counter(f"standing.{row.standing}" for row in standings)
    dropped = Counter(one.card.reason for one in judged if one.card.reason)
    for stage, shard in (
        ("agreements", Shard(agreements, len(problems), {}, reasons)),
        ("standings", Shard(standings, len(standings), {}, labels)),
        ("drafts", Shard([one.card for one in judged], len(problems), {}, dropped)),
        ("judged", Shard([one.problem for one in judged], len(problems), {}, {})),
    ):
        open_stage(run, stage).write_shard(name, judged_key(run, name, stage, config), shard)


def _judge(
    problem: Problem,
    answers: Mapping[str, Sequence[Candidate]],
    card: ProblemCard,
    config: RunConfig,
    benchmarks: Benchmarks | None,
    pool: Callable[[], SandboxPool],
    reasons: Counter[str],
) -> tuple[ProblemAgreement, list[ResponseAgreement], Judged]:
    settings = config.synthesis
    programs = [extract_program(row, problem) for row in answers["responses"]]
    reasons.update(f"response.{row.extraction}" for row in programs)
    texts = [row.completion for row in answers["tests"]]
    signature = signature_in(problem.prompt)
    read = [read_suite(text, problem.entry_point, "", parameters_of(signature)) for text in texts]
    for one in read:
        reasons.update({f"test.{reason}": n for reason, n in one.reasons.items()})
    suites, n_off = fitting_tests([one.tests for one in read], signature)
    reasons["test.off_signature"] += n_off
    evidence = gather_evidence(
        problem, _responses(programs, config), suites, texts, settings.agreement, pool(), signature
    )
    known = read_calibration(settings.agreement.calibration)
    ids = [row.candidate_id for row in programs]
    agreement, standings = judge_evidence(problem, evidence, ids, settings.agreement, known.coefficients)
    reasons["response.late_or_broken"] += evidence.n_silent
    codes = {row.candidate_id: row.code if row.extraction is Extraction.OK else "" for row in programs}
    weak = [extract_program(row, problem) for row in answers["weak"]]
    done = judge_problem(
        problem,
        replace(card, n_off_signature=n_off),
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


def cards_key(run: Path, names: Sequence[str], config: RunConfig) -> str:
    """Return the key of the cards of all problems."""
    drafts, judged = open_stage(run, "drafts"), open_stage(run, "judged")
    contents = [part for name in names for part in (drafts.content(name), judged.content(name))]
    return digest("cards", str(_VERSION), config.synthesis.quality.model_dump_json(), *contents)


def write_cards(run: Path, names: Sequence[str], config: RunConfig) -> int:
    """Write the cards of all problems and the file of the kept ones; return how many are kept."""
    problems: dict[str, Problem] = {
        row.problem_id: row for name in names for row in open_stage(run, "judged").read(name)
    }
    drafts: list[ProblemCard] = [row for name in names for row in open_stage(run, "drafts").read(name)]
    best = {card.best_id for card in drafts if not card.reason}
    codes = _codes(run, names, problems, best)
    judged = drop_repeated(
        [Judged(problems[card.problem_id], card) for card in drafts],
        codes,
        config.synthesis.quality.near_threshold,
    )
    cards = sorted((one.card for one in judged), key=lambda card: card.problem_id)
    kept = [(one.problem, one.card) for one in judged if not one.card.reason]
    n_kept = write_problems(synthesis_folder(run) / PROBLEM_FILE, kept)
    dropped = Counter(card.reason for card in cards if card.reason)
    shard = Shard(cards, len(cards), {}, {"kept": n_kept, **{f"reason.{key}": n for key, n in dropped.items()}})
    open_stage(run, "cards").write_shard(shard_name(0), cards_key(run, names, config), shard)
    return n_kept


def _codes(run: Path, names: Sequence[str], problems: Mapping[str, Problem], wanted: set[str]) -> dict[str, str]:
    return {
        row.candidate_id: extract_program(row, problems[row.problem_id]).code
        for name in names
        for row in _answers(run, "responses", name)
        if row.candidate_id in wanted
    }


def _answers(run: Path, step: str, name: str) -> list[Candidate]:
    """Return a shard of a step's answers, by problem and index; none where the step is not asked for."""
    folder = stage_folder(step_chain(run, step), "candidates")
    rows: list[Candidate] = folder.read(name) if folder.manifest() is not None else []
    return sorted(rows, key=lambda row: (row.problem_id, row.index))


def _by_problem(rows: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = {}
    for row in rows:
        found.setdefault(row.problem_id, []).append(row)
    return found
