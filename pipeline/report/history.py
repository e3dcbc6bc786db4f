"""All that a run knows of one problem, one candidate and one pair, read from the shards of all stages."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import FolderError
from pairsmith.schemas.arrow import from_table
from pairsmith.schemas.candidate import Candidate, Program
from pairsmith.schemas.crosscheck import CandidateCrosscheck, ProblemCrosscheck, Timing
from pairsmith.schemas.execution import CaseRun, Execution
from pairsmith.schemas.judgement import Judgement
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.problem import Case, Problem
from pairsmith.schemas.syntax import Syntax
from pairsmith.schemas.verdict import Verdict

T = TypeVar("T")
_TEXTS = ("prompt", "chosen", "rejected", "chosen_code", "rejected_code")
PAIR_FACTS = tuple(field.name for field in fields(Pair) if field.name not in _TEXTS)
"""Columns of a pair without its texts, which stand in the shards of its problem."""
_ID_DIGITS = 6  # of an id that may be cut short


class NoPairError(PairsmithError):
    """No pair, or more than one, has such an id."""


@dataclass(frozen=True, slots=True)
class Known:
    """One candidate with what each stage wrote of it; None where a stage has no row of it."""

    candidate: Candidate
    program: Program | None
    execution: Execution | None
    verdict: Verdict | None
    syntax: Syntax | None
    standing: CandidateCrosscheck | None
    timing: Timing | None

    @property
    def code(self) -> str:
        """Return the program as it was judged; the raw completion where no code was found."""
        form = self.verdict.program_form if self.verdict is not None else ""
        return (self.program.judged_as(form).code if self.program is not None else "") or self.candidate.completion


@dataclass(frozen=True, slots=True)
class ProblemHistory:
    """One problem with all of its candidates, in the order of their draws."""

    problem: Problem
    standing: ProblemCrosscheck | None
    candidates: tuple[Known, ...]

    def find(self, candidate_id: str) -> Known:
        """Return one of the candidates.

        Raises:
            NoPairError: if there is none of this id: the pairs are of other candidates.
        """
        for known in self.candidates:
            if known.candidate.candidate_id == candidate_id:
                return known
        raise NoPairError(
            f"candidate {candidate_id} of {self.problem.problem_id}: not among the run's candidates; build again"
        )


@dataclass(frozen=True, slots=True)
class CaseAnswers:
    """One case, and what the two programs of a pair gave; None where one was not run on it."""

    number: int
    case: Case | None
    chosen: CaseRun | None
    rejected: CaseRun | None
    chosen_passed: bool | None
    rejected_passed: bool | None


class RunReader:
    """Reads single problems out of a run's shards: every stage has them in a shard of the same name."""

    def __init__(self, run: Path) -> None:
        """Name a run; nothing is read yet."""
        self.run = run

    @functools.cached_property
    def shard_of(self) -> dict[str, str]:
        """Return each problem's shard."""
        folder = stage_folder(self.run, "problems")
        return {
            problem_id: name
            for name in folder.shard_names()
            for problem_id in pq.read_table(folder.path / name, columns=["problem_id"])["problem_id"].to_pylist()
        }

    def rows(self, stage: str, problem_id: str) -> list[Any]:
        """Return the rows of one problem in one stage; none where the stage has none of it.

        Raises:
            FolderError: if the shard can't be read.
        """
        folder = stage_folder(self.run, stage)
        path = folder.path / self.shard_of.get(problem_id, "none")
        if not path.is_file():
            return []
        try:
            table = pq.read_table(path, filters=[("problem_id", "==", problem_id)])
            return from_table(table, folder.record)
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            reason = str(error).partition("\n")[0]
            raise FolderError(f"{path}: can't be read ({reason}); build again") from None

    def history(self, problem_id: str) -> ProblemHistory:
        """Return all that is known of a problem.

        Raises:
            NoPairError: if the run has no such problem.
        """
        problems: list[Problem] = self.rows("problems", problem_id)
        if not problems:
            raise NoPairError(f"{problem_id}: no such problem in {self.run}")
        candidates: list[Candidate] = self.rows("candidates", problem_id)
        of: dict[str, dict[str, Any]] = {
            stage: {row.candidate_id: row for row in self.rows(stage, problem_id)}
            for stage in ("programs", "executions", "verdicts", "syntax", "standings", "timings")
        }
        known = [
            Known(
                one,
                *(of[stage].get(one.candidate_id) for stage in ("programs", "executions", "verdicts")),
                *(of[stage].get(one.candidate_id) for stage in ("syntax", "standings", "timings")),
            )
            for one in sorted(candidates, key=lambda row: (row.index, row.candidate_id))
        ]
        standing = next(iter(self.rows("problem_standings", problem_id)), None)
        return ProblemHistory(problems[0], standing, tuple(known))

    def pair_facts(self) -> pl.DataFrame:
        """Return all pairs with the columns of `PAIR_FACTS`.

        Raises:
            NoPairError: if the run has no pairs.
        """
        folder = stage_folder(self.run, "pairs")
        files = [folder.path / name for name in folder.shard_names()]
        if not files:
            raise NoPairError(f"{self.run}: no pairs there; `pairsmith build` makes them")
        return pl.scan_parquet(files, glob=False).select(PAIR_FACTS).collect()

    def judgements(self, pair_id: str) -> list[Judgement]:
        """Return what a language model said of a pair."""
        folder = stage_folder(self.run, "judgements")
        return [
            row
            for name in folder.shard_names()
            for row in from_table(
                pq.read_table(folder.path / name, filters=[("pair_id", "==", pair_id)]), Judgement
            )
        ]


def find_pair(runs: Sequence[Path], pair_id: str) -> tuple[Path, dict[str, Any]]:
    """Return the run that has a pair, and the pair's facts.

    Args:
        runs: where to look, in this order.
        pair_id: 32 hex digits, or at least the first six.

    Raises:
        NoPairError: if there is none, or more than one in the first run that has one.
    """
    if len(pair_id) < _ID_DIGITS or not set(pair_id) <= set("0123456789abcdef"):
        raise NoPairError(f"{pair_id}: no pair id; give its 32 hex digits, or at least the first {_ID_DIGITS}")
    for run in runs:
        folder = stage_folder(run, "pairs")
        files = [folder.path / name for name in folder.shard_names()]
        if not files:
            continue
        rows = pl.scan_parquet(files, glob=False).filter(pl.col("pair_id").str.starts_with(pair_id))
        found = rows.select(PAIR_FACTS).head(2).collect()
        if found.height > 1:
            raise NoPairError(f"{pair_id}: several pairs of {run} begin so; give more digits")
        if found.height:
            return run, found.row(0, named=True)
    if not runs:
        raise NoPairError(f"{pair_id}: there is no run in `runs` to look in; name one with --run")
    raise NoPairError(f"{pair_id}: no such pair in {', '.join(map(str, runs))}; name its run with --run")


def answers_by_case(problem: Problem, chosen: Known, rejected: Known) -> list[CaseAnswers]:
    """Return the cases of a problem with what both programs gave.

    Tests without typed cases have their calls in the order made: those of the two programs needn't be alike.
    """
    sides = [
        (_runs(one), one.verdict.passed_cases if one.verdict is not None else ()) for one in (chosen, rejected)
    ]
    n = max(len(problem.cases), *(len(runs) for runs, _ in sides))
    has_cases = bool(problem.cases)

    def at(items: Sequence[T], index: int) -> T | None:
        return items[index] if index < len(items) else None

    return [
        CaseAnswers(
            index + 1,
            at(problem.cases, index),
            at(sides[0][0], index),
            at(sides[1][0], index),
            at(sides[0][1], index) if has_cases else None,
            at(sides[1][1], index) if has_cases else None,
        )
        for index in range(n)
    ]


def telling_first(answers: Iterable[CaseAnswers]) -> list[CaseAnswers]:
    """Return the cases that tell the two apart before the others, each in their order."""
    return sorted(answers, key=lambda one: one.chosen_passed == one.rejected_passed)


def _runs(known: Known) -> tuple[CaseRun, ...]:
    return known.execution.runs if known.execution is not None else ()
