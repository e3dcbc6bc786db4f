"""Candidates joined with all that is known of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pipeline.pairing.answers import answer_of, asked_of, is_verbatim
from pipeline.pairing.reasons import Drop, PairingError
from schemas.candidate import Candidate, Extraction, Program
from schemas.problem import JudgedBy, Problem
from schemas.syntax import Syntax
from schemas.verdict import Cause, Label, Verdict

Row = TypeVar("Row", Candidate, Program, Verdict, Syntax)
TRIVIAL = frozenset({Cause.NO_CODE, Cause.SYNTAX_ERROR, Cause.MISSING_ENTRY_POINT})


@dataclass(frozen=True, slots=True)
class Entry:
    """One candidate of a problem, decided or not.

    Attributes:
        syntax: None where the answer holds no code.
        asked: the user message.
        answer: the assistant's answer; empty where there is none.
        share: share of the problem's cases passed, in [0, 1]; 0 for a failed one under a tester, which says
            only yes or no.
    """

    candidate: Candidate
    program: Program
    verdict: Verdict
    syntax: Syntax | None
    asked: str
    answer: str
    share: float

    @property
    def id(self) -> str:
        """Return the candidate's id."""
        return self.candidate.candidate_id

    @property
    def passed(self) -> bool:
        """Return whether the candidate solves its problem."""
        return self.verdict.label is Label.PASSED

    @property
    def is_trivial(self) -> bool:
        """Return whether the answer has no runnable code."""
        return self.verdict.cause in TRIVIAL

    @property
    def fingerprint(self) -> str:
        """Return what is equal for programs that differ by formatting or names only."""
        if self.syntax is None:
            return "no code"
        return self.syntax.renamed or self.syntax.exact or self.id

    @property
    def cluster(self) -> str:
        """Return the near-duplicate cluster."""
        if self.syntax is None:
            return "no code"
        return self.syntax.cluster or self.id

    @property
    def behaviour(self) -> str:
        """Return what is equal for programs that did the same; the cause where none ran."""
        return self.verdict.signature or str(self.verdict.cause)


def index_rows(rows: Iterable[Row], kind: str) -> dict[str, Row]:
    """Return rows by candidate id.

    Raises:
        PairingError: if two rows have the same candidate id.
    """
    found: dict[str, Row] = {}
    for row in rows:
        if found.setdefault(row.candidate_id, row) is not row:
            raise PairingError(
                f"candidate {row.candidate_id}: two rows in {kind}; were the shards of two runs mixed?"
            )
    return found


def join_entry(
    problem: Problem,
    candidate: Candidate,
    programs: Mapping[str, Program],
    verdicts: Mapping[str, Verdict],
    syntax: Mapping[str, Syntax],
) -> Entry | Drop:
    """Return the entry of one candidate, or why there is none.

    Raises:
        PairingError: if a row of another table gives the candidate to another problem.
    """
    key = candidate.candidate_id
    program, verdict, tree = programs.get(key), verdicts.get(key), syntax.get(key)
    for row in (program, verdict, tree):
        if row is not None and row.problem_id != candidate.problem_id:
            kind = type(row).__name__.lower()
            raise PairingError(
                f"candidate {key}: drawn for {candidate.problem_id}, but its {kind} is of {row.problem_id}; "
                "were the shards of two runs mixed?"
            )
    if program is None or verdict is None:
        return Drop.INCOMPLETE
    if verdict.label is Label.UNDECIDED:
        return Drop.UNDECIDED
    has_code = program.extraction is not Extraction.NO_CODE
    if (has_code and tree is None) or (verdict.label is Label.PASSED and program.extraction != Extraction.OK):
        return Drop.INCOMPLETE
    return Entry(
        candidate=candidate,
        program=program,
        verdict=verdict,
        syntax=tree if has_code else None,
        asked=asked_of(candidate, problem),
        answer=answer_of(candidate, program),
        share=_share(problem, verdict),
    )


def same_form(one: Entry, other: Entry) -> bool:
    """Return whether both were asked the same and answer in the same form, so that only the code differs."""
    return one.asked == other.asked and is_verbatim(one.candidate) == is_verbatim(other.candidate)


def _share(problem: Problem, verdict: Verdict) -> float:
    if verdict.label is Label.PASSED:
        return 1.0
    if problem.judged_by is JudgedBy.TESTER or verdict.n_cases <= 0:
        return 0.0
    return min(1.0, verdict.n_passed / verdict.n_cases)
