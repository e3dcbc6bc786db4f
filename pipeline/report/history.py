"""All that a run knows of one problem, one candidate and one pair, read from the shards of all stages.

`terminal` and the viewer render it. The texts of rows and facts are safe to show.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import pyarrow as pa

from pairsmith.pipeline.chain.state import read_config
from pairsmith.pipeline.chain.table import scan_stage, stage_folder
from pairsmith.pipeline.pairing.beside import is_repair_of, step_folders
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import FolderError
from pairsmith.pipeline.run.safe_text import shown_answer, shown_arguments, shown_expected, shown_text
from pairsmith.schemas.arrow import from_table
from pairsmith.schemas.candidate import Candidate, Program, Syntax
from pairsmith.schemas.execution import Execution
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.problem import Interface, Problem
from pairsmith.schemas.verdict import CandidateCrosscheck, Label, ProblemCrosscheck, Verdict

T = TypeVar("T")
_TEXTS = ("prompt", "chosen", "rejected", "chosen_code", "rejected_code")
PAIR_FACTS = tuple(field.name for field in fields(Pair) if field.name not in _TEXTS)
"""Columns of a pair without its texts, which are in the shards of its problem."""
_ID_DIGITS = 6  # of an id that may be cut short


class NoPairError(PairsmithError):
    """No pair, or more than one, has such an id."""


@dataclass(frozen=True, slots=True)
class CandidateHistory:
    """One candidate with what each stage wrote of it; None where a stage has no row of it."""

    candidate: Candidate
    program: Program | None
    execution: Execution | None
    verdict: Verdict | None
    syntax: Syntax | None
    standing: CandidateCrosscheck | None

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
    candidates: tuple[CandidateHistory, ...]
    beside: tuple[CandidateHistory, ...] = ()  # repairs, and candidates of earlier rounds

    def find(self, candidate_id: str) -> CandidateHistory:
        """Return one of the candidates.

        Raises:
            NoPairError: if there is none of this id: the pairs are of other candidates.
        """
        for entry in (*self.candidates, *self.beside):
            if entry.candidate.candidate_id == candidate_id:
                return entry
        raise NoPairError(
            f"candidate {candidate_id} of {self.problem.problem_id}: not among the run's candidates; "
            "run the build again"
        )


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One displayed case, and whether each program of a pair passed it; None where unknown."""

    number: int
    arguments: str
    expected: str
    chosen: str
    rejected: str
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
            for problem_id in pl.read_parquet(folder.path / name, columns=["problem_id"])["problem_id"]
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
            return from_table(
                pl.scan_parquet(path).filter(problem_id=problem_id).collect().to_arrow(), folder.record
            )
        except (OSError, KeyError, ValueError, pa.ArrowException, pl.exceptions.PolarsError) as error:
            reason = str(error).partition("\n")[0]
            raise FolderError(f"{path}: can't be read ({reason}); run the build again") from None

    def history(self, problem_id: str) -> ProblemHistory:
        """Return all that is known of a problem.

        Raises:
            NoPairError: if the run has no such problem.
        """
        problems: list[Problem] = self.rows("problems", problem_id)
        if not problems:
            raise NoPairError(f"{problem_id}: no such problem in {self.run}")
        standing = next(iter(self.rows("problem_standings", problem_id)), None)
        return ProblemHistory(problems[0], standing, self._known(problem_id), tuple(self._beside(problem_id)))

    def _beside(self, problem_id: str) -> Iterator[CandidateHistory]:
        for reader in map(RunReader, step_folders(self.run)):
            for key in reader.shard_of:
                if is_repair_of(key, problem_id):
                    yield from reader._known(key)
        config = read_config(self.run)
        for run in config.pairs.earlier if config is not None else ():
            yield from RunReader(run)._known(problem_id)

    def _known(self, problem_id: str) -> tuple[CandidateHistory, ...]:
        candidates: list[Candidate] = self.rows("candidates", problem_id)
        of: dict[str, dict[str, Any]] = {
            stage: {row.candidate_id: row for row in self.rows(stage, problem_id)}
            for stage in ("programs", "executions", "verdicts", "syntax", "standings")
        }
        return tuple(
            CandidateHistory(row, *(rows.get(row.candidate_id) for rows in of.values()))
            for row in sorted(candidates, key=lambda row: (row.index, row.candidate_id))
        )

    def pair_facts(self) -> pl.DataFrame:
        """Return all pairs with the columns of `PAIR_FACTS`; none before the run has made some."""
        return scan_stage(self.run, "pairs").select(PAIR_FACTS).collect()


def find_pair(runs: Sequence[Path], pair_id: str) -> tuple[Path, dict[str, Any]]:
    """Return the run that has a pair, and the pair's facts.

    Args:
        pair_id: 32 hex digits, or at least the first six.

    Raises:
        NoPairError: if there is none, or more than one in the first run that has one.
    """
    if len(pair_id) < _ID_DIGITS or not set(pair_id) <= set("0123456789abcdef"):
        raise NoPairError(f"{pair_id}: not a pair id; give its 32 hex digits, or at least the first {_ID_DIGITS}")
    for run in runs:
        rows = scan_stage(run, "pairs").filter(pl.col("pair_id").str.starts_with(pair_id))
        found = rows.select(PAIR_FACTS).head(2).collect()
        if found.height > 1:
            raise NoPairError(f"{pair_id}: several pairs of {run} begin with these digits; give more")
        if found.height:
            return run, found.row(0, named=True)
    if not runs:
        raise NoPairError(f"{pair_id}: `runs` contains no run; give one with --run")
    raise NoPairError(f"{pair_id}: no such pair in {', '.join(map(str, runs))}; name its run with --run")


def case_rows(
    problem: Problem, chosen: CandidateHistory, rejected: CandidateHistory, n_chars: int
) -> list[CaseRow]:
    """Return the cases of a problem with what both programs gave; those that distinguish the two come first.

    Tests without typed cases have their calls in the order made: those of the two programs needn't be alike.
    """
    is_plain = problem.interface is Interface.STDIN
    runs = [entry.execution.runs if entry.execution is not None else () for entry in (chosen, rejected)]
    passed = [
        entry.verdict.passed_cases if entry.verdict is not None and problem.cases else ()
        for entry in (chosen, rejected)
    ]
    rows = []
    for index in range(max(len(problem.cases), *map(len, runs))):
        case = _at(problem.cases, index)
        answers = [shown_answer(_at(side, index), n_chars, is_plain) for side in runs]
        rows.append(
            CaseRow(
                number=index + 1,
                arguments=shown_arguments(case.arguments, n_chars, is_plain) if case else "a call of the tests",
                expected=shown_expected(case, n_chars, is_plain) if case else "",
                chosen=answers[0],
                rejected=answers[1],
                chosen_passed=_at(passed[0], index),
                rejected_passed=_at(passed[1], index),
            )
        )
    return sorted(rows, key=lambda row: row.chosen_passed == row.rejected_passed)


def outcomes_by_test(chosen: CandidateHistory, rejected: CandidateHistory) -> list[tuple[str, str, str]]:
    """Return the test functions that ran on the chosen program: name, and the outcome of both programs."""
    tests = [entry.execution.tests if entry.execution is not None else () for entry in (chosen, rejected)]
    outcomes = {test.name: test.outcome for test in tests[1]}
    return [(shown_text(test.name, 200), test.outcome, outcomes.get(test.name, "not run")) for test in tests[0]]


def candidate_facts(entry: CandidateHistory) -> list[tuple[str, str]]:
    """Return the facts about a candidate besides its texts: name and text of each, one per stage."""
    candidate, program, run, verdict = entry.candidate, entry.program, entry.execution, entry.verdict
    standing, syntax = entry.standing, entry.syntax
    logprob = f", mean log-probability {candidate.mean_logprob:.3f}" if candidate.mean_logprob is not None else ""
    numbers = (
        ("temperature", candidate.temperature),
        ("top_p", candidate.top_p),
        ("seed", candidate.seed),
        ("tokens", candidate.n_tokens),
    )
    known_numbers = ", ".join(f"{name} {value}" for name, value in numbers if value >= 0)  # -1: unknown
    model = f"{candidate.model} {candidate.revision[:12]}"
    facts = [
        (
            "Drawn",
            f"number {candidate.index} by {candidate.backend} from {model}".rstrip()
            + f"; {known_numbers or 'parameters unknown'}, "
            + f"finish reason {candidate.finish_reason or 'unknown'}{logprob}",
        )
    ]
    if program is not None:
        facts.append(("Program", f"{program.extraction}, found as {program.form}"))
    if run is not None:
        flaky = ", but another result in a second run" if run.flaky else ""
        status = f"{run.status} {run.exception}".rstrip() + f" in {run.backend or 'no sandbox'}{flaky}"
        facts.append(("Ran", f"{status}; {run.cpu_s:.3f} s of CPU, {run.peak_memory_mib:.0f} MiB"))
    if verdict is not None:
        why = f", {verdict.cause} {verdict.detail}".rstrip() if verdict.cause else ""
        cases = (
            f"{verdict.n_passed} of {verdict.n_cases} cases passed" if verdict.n_cases else "no case was judged"
        )
        facts.append(("Verdict", f"{verdict.label}{why}; {cases}"))
    if standing is not None:
        agreed = f"{standing.n_agreed} of {standing.n_inputs} inputs agree, support {standing.support:.2f}"
        how = f"{standing.standing} by {standing.method or 'other programs'}, {agreed}"
        facts.append(
            ("Beyond the tests", how if standing.n_inputs else f"{standing.standing}: no further input was tried")
        )
    if syntax is not None:
        repeats = (
            f"; repeats candidate {syntax.duplicate_of[:12]} ({syntax.duplicate_rule})"
            if syntax.duplicate_of
            else ""
        )
        measures = f"{syntax.n_lines} lines, {syntax.n_tokens} tokens, complexity {syntax.cyclomatic}"
        facts.append(("Syntax", f"{measures}; near-duplicate cluster {syntax.cluster[:12]}{repeats}"))
        facts.append(("Tags", " ".join(syntax.tags) or "none"))
    return [(name, shown_text(text, 400)) for name, text in facts]


def count_labels(candidates: Iterable[CandidateHistory]) -> str:
    """Return how many candidates have each label: `3 passed, 1 failed`."""
    counts = Counter(entry.verdict.label for entry in candidates if entry.verdict is not None)
    return ", ".join(f"{counts[label]} {label}" for label in Label if counts[label])


def _at(items: Sequence[T], index: int) -> T | None:
    return items[index] if index < len(items) else None
