"""The stages of synthesis, a table of their own, run by the same chain as all others.

Each step of prompts is a chain below `synthesis/`: `problems` holds what is asked, `candidates` the answers. The
stages here read both, a shard of responses at a time. `answers` has all that was run of responses and tests, so
that other thresholds run nothing again; one run makes `agreements`, `standings`, `drafts` and `judged` of it.
`cards` come last, over all shards, since a problem must be the only one of its kind.
"""

import functools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairsmith.pipeline.chain.stage import LIMITS, Inputs, Stage, file_digest_or_name
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.problems.contamination import Benchmarks, read_benchmarks
from pairsmith.pipeline.problems.wording import parameters_of
from pairsmith.pipeline.run.digests import content_digest
from pairsmith.pipeline.run.folder import Shard, StageFolder, shard_name
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.pipeline.synthesis.asking import signature_in, write_problems
from pairsmith.pipeline.synthesis.estimate import judge_evidence, read_coefficients
from pairsmith.pipeline.synthesis.evidence import Response, RunPlan, plan_runs, read_evidence, run_plan
from pairsmith.pipeline.synthesis.quality import JudgedProblem, drop_repeated, fitting_tests, judge_problem
from pairsmith.pipeline.synthesis.seeds import Collected
from pairsmith.pipeline.synthesis.suites import read_suite
from pairsmith.schemas.candidate import Candidate, Extraction, Program
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.synthesis import ProblemAgreement, ProblemAnswers, ProblemCard, ResponseAgreement, Seed

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools

FOLDER = "synthesis"
PROBLEM_FILE = "problems.jsonl"
_ASKED, _RESPONSES, _TESTS = "responses/problems", "responses/candidates", "tests/candidates"
_VERSION = 7  # 7: seeds of Python alone
Origins = Mapping[str, ProblemCard]
"""By problem, what is known of where it comes from."""


def synthesis_folder(run: Path) -> Path:
    """Return the folder of a run's synthesis."""
    return run / FOLDER


def step_chain(run: Path, step: str) -> Path:
    """Return the chain of one step of prompts."""
    return synthesis_folder(run) / step


def open_stage(run: Path, name: str) -> StageFolder:
    """Return the folder of one of the stages that are no step of prompts."""
    (record,) = (stage.record for stage in STAGES if stage.name == name)
    assert record is not None
    return StageFolder(synthesis_folder(run), name, record)


def write_problem_file(run: Path) -> Path:
    """Write the problems that are kept into one file, and return it.

    Raises:
        FolderError: if the file can't be written.
    """
    problems = {row.problem_id: row for row in open_stage(run, "judged").read_all()}
    kept = [card for card in open_stage(run, "cards").read_all() if not card.reason]
    path = synthesis_folder(run) / PROBLEM_FILE
    write_problems(path, [(problems[card.problem_id], card) for card in kept])
    return path


def _run_seeds(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    found: Collected = inputs.source
    return (Shard(found.seeds, found.n_functions, found.reasons, {"files": found.n_files}),)


def _run_answers(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    rows = []
    for problem, responses, tests in _answered(inputs):
        plan, _, _ = _plan(problem, responses, tests, config, Counter())
        rows.append(run_plan(problem, plan, tools.beyond_pool()))
    return (Shard(rows, len(rows)),)


def _run_judged(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    origins: Origins = inputs.source
    ran: dict[str, ProblemAnswers] = {row.problem_id: row for row in inputs.rows["answers"]}
    settings = config.synthesis
    coefficients = read_coefficients()
    agreements: list[ProblemAgreement] = []
    standings: list[ResponseAgreement] = []
    judged: list[JudgedProblem] = []
    reasons: Counter[str] = Counter()
    for problem, responses, tests in _answered(inputs):
        plan, programs, n_off = _plan(problem, responses, tests, config, reasons)
        evidence = read_evidence(plan, ran[problem.problem_id])
        reasons["response.late_or_broken"] += evidence.n_silent
        agreement, rows = judge_evidence(
            problem, evidence, [row.candidate_id for row in programs], settings.agreement, coefficients
        )
        card = origins[problem.problem_id]
        models = {*card.models, *(row.model for row in (*responses, *tests))}
        done = judge_problem(
            problem, replace(card, models=tuple(sorted(models)), n_off_signature=n_off), agreement, rows,
            {row.candidate_id: row.code if row.extraction is Extraction.OK else "" for row in programs},
            _benchmarks(config.syntax.benchmarks), config.seed, tools.beyond_pool(),
        )  # fmt: skip
        agreements.append(agreement)
        standings += rows
        judged.append(done)
    labels = Counter(f"standing.{row.standing}" for row in standings)
    dropped = Counter(judgement.card.reason for judgement in judged if judgement.card.reason)
    return (
        Shard(agreements, len(judged), {}, reasons),
        Shard(standings, len(standings), {}, labels),
        Shard([judgement.card for judgement in judged], len(judged), {}, dropped),
        Shard([judgement.problem for judgement in judged], len(judged)),
    )


def _make_cards(files: Mapping[str, list[Path]], run_dir: Path, config: RunConfig, key: str) -> dict[str, Shard]:
    """Return the cards of all problems; a problem that repeats a kept one is left out."""
    drafts, judged, responses = (
        [row for path in files[stage] for row in StageFolder(run_dir, stage, record).read(path.name)]
        for stage, record in (("drafts", ProblemCard), ("judged", Problem), (_RESPONSES, Candidate))
    )
    problems = {row.problem_id: row for row in judged}
    best = {card.best_id for card in drafts if not card.reason}
    codes = {
        row.candidate_id: extract_program(row, problems[row.problem_id]).code
        for row in responses
        if row.candidate_id in best
    }
    rows = drop_repeated([JudgedProblem(problems[card.problem_id], card) for card in drafts], codes)
    cards = sorted((row.card for row in rows), key=lambda card: card.problem_id)
    dropped = Counter(card.reason for card in cards if card.reason)
    counts = {"kept": len(cards) - dropped.total(), **{f"reason.{reason}": n for reason, n in dropped.items()}}
    return {shard_name(0): Shard(cards, len(cards), {}, counts)}


def _answered(inputs: Inputs) -> Iterator[tuple[Problem, list[Candidate], list[Candidate]]]:
    """Give the problems of a shard, each with its responses and its tests in the order of their draws."""
    found: dict[str, defaultdict[str, list[Candidate]]] = {}
    for step in (_RESPONSES, _TESTS):
        found[step] = defaultdict(list)
        for row in sorted(inputs.rows[step], key=lambda row: row.index):
            found[step][row.problem_id].append(row)
    for problem in inputs.rows[_ASKED]:
        yield problem, found[_RESPONSES][problem.problem_id], found[_TESTS][problem.problem_id]


def _plan(
    problem: Problem,
    responses: Sequence[Candidate],
    tests: Sequence[Candidate],
    config: RunConfig,
    reasons: Counter[str],
) -> tuple[RunPlan, list[Program], int]:
    """Return what is to be run of a problem, all its programs, and how many tests are not about its signature.

    Why answers lead to nothing is counted in `reasons`.
    """
    programs = [extract_program(row, problem) for row in responses]
    reasons.update(f"response.{row.extraction}" for row in programs)
    texts = [row.completion for row in tests]
    signature = signature_in(problem.prompt)
    read = [read_suite(text, problem.entry_point, "", parameters_of(signature)) for text in texts]
    for suite in read:
        reasons.update({f"test.{reason}": n for reason, n in suite.reasons.items()})
    suites, n_off = fitting_tests([suite.tests for suite in read], signature)
    reasons["test.off_signature"] += n_off
    syntax = {row.candidate_id: row for row in analyse_problem(programs, config.syntax)}
    usable = [
        Response(row.candidate_id, row.code, syntax[row.candidate_id].cluster, syntax[row.candidate_id].renamed)
        for row in programs
        if row.extraction is Extraction.OK
    ]
    return plan_runs(problem, usable, suites, texts), programs, n_off


@functools.cache
def _benchmarks(paths: tuple[Path, ...]) -> Benchmarks | None:
    return read_benchmarks(paths) if paths else None


def _judged_stage(name: str, record: type, **facts: Any) -> Stage:
    return Stage(
        name=name,
        about="what responses and tests say of each other, and the problems that are kept",
        record=record,
        reads=(_ASKED, _RESPONSES, _TESTS, "answers"),
        settings=(
            "synthesis.agreement", "seed", *LIMITS, "crosscheck.cpu_s", "crosscheck.wall_s",
        ),
        version=_VERSION,
        contents=_origin_digests,
        external=lambda config: [
            repr(read_coefficients()),
            *map(file_digest_or_name, config.syntax.benchmarks),
        ],
        packages=("tree-sitter", "tree-sitter-python"),
        unit="problems",
        **facts,
    )  # fmt: skip


def _origin_digests(origins: Origins) -> list[str]:
    return [content_digest(list(origins.values()), ProblemCard)]


STAGES: tuple[Stage, ...] = (
    Stage(
        name="seeds",
        about="documented Python functions of the user's code",
        record=Seed,
        settings=("synthesis.seeds",),
        version=_VERSION,
        contents=lambda found: [repr(seed) for seed in found.seeds],
        run=_run_seeds,
        packages=("tree-sitter", "tree-sitter-python"),
        unit="functions",
    ),
    # What the chains of the steps make, for those that read it here.
    Stage(name=_ASKED, about="tasks that were stated", record=Problem),
    Stage(name=_RESPONSES, about="programs for them", record=Candidate),
    Stage(name=_TESTS, about="tests of them", record=Candidate),
    Stage(
        name="answers",
        about="runs all responses and tests of a problem on all inputs",
        record=ProblemAnswers,
        reads=(_ASKED, _RESPONSES, _TESTS),
        settings=(*LIMITS, "crosscheck.cpu_s", "crosscheck.wall_s"),
        version=6,
        run=_run_answers,
        unit="problems",
    ),
    _judged_stage("agreements", ProblemAgreement, run=_run_judged, beside=("standings", "drafts", "judged")),
    _judged_stage("standings", ResponseAgreement, made_by="agreements"),
    _judged_stage("drafts", ProblemCard, made_by="agreements"),
    _judged_stage("judged", Problem, made_by="agreements"),
    Stage(
        name="cards",
        about="problems with where they come from, those that repeat another left out",
        record=ProblemCard,
        reads=("drafts", "judged", _RESPONSES),
        version=_VERSION,
        whole=_make_cards,
        unit="problems",
    ),
)
