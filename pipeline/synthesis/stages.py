"""The stages of synthesis over shards: what each reads, what its shards depend on, what it writes.

Each step of the chain is a small chain below `synthesis/`: `problems` holds what is asked, `candidates` what was
answered. What is made of responses and tests follows (`pipeline.synthesis.agreeing`); `cards` and the problem file
come last, over all shards, since a problem must be the only one of its kind.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.run.digests import content_digest, digest
from pairsmith.pipeline.run.folder import Shard, StageFolder, shard_name
from pairsmith.pipeline.synthesis.asking import Asked
from pairsmith.pipeline.synthesis.quality import Judged, drop_repeated
from pairsmith.pipeline.synthesis.writing import write_problems
from pairsmith.schemas.agreement import ProblemAgreement, ProblemAnswers, ResponseAgreement
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.problem_card import ProblemCard
from pairsmith.schemas.seed import Seed

FOLDER = "synthesis"
PROBLEM_FILE = "problems.jsonl"
RECORDS: Mapping[str, type] = {
    "seeds": Seed,
    "answers": ProblemAnswers,
    "agreements": ProblemAgreement,
    "standings": ResponseAgreement,
    "judged": Problem,
    "drafts": ProblemCard,
    "cards": ProblemCard,
}
MADE_TOGETHER = ("agreements", "standings", "drafts", "judged")  # the last one marks all of them as written
# Raise it when the code gives other rows for the same input.
VERSION = 4


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
    judged = drop_repeated(
        [Judged(problems[card.problem_id], card) for card in drafts],
        codes,
    )
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
