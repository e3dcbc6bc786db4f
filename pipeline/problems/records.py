"""What loading problems gives: the problems, those left out with their reason, those not complete yet."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.safe_text import shown_text
from pairsmith.schemas.problem import JudgedBy, Problem

SOURCE_MARK = "="  # no text of a value begins so


class ProblemsError(PairsmithError):
    """Problems can't be loaded: no such file, a missing column, nothing left."""


class DropReason(StrEnum):
    """Why a problem was left out."""

    NOT_JSON = "not_json"
    MISSING_COLUMN = "missing_column"
    BAD_VALUE = "bad_value"
    BAD_TESTS = "bad_tests"
    NO_TESTS = "no_tests"
    DUPLICATE_ID = "duplicate_id"
    REFERENCE_FAILED = "reference_failed"
    MISSING_PACKAGE = "missing_package"
    OTHER_LEVEL = "other_level"
    OTHER_ID = "other_id"
    OVER_LIMIT = "over_limit"


_BY_CHOICE = (DropReason.OTHER_LEVEL, DropReason.OTHER_ID, DropReason.OVER_LIMIT)
_N_NAMED = 10
_LONGEST_MESSAGE = 600  # characters


def _first(lines: list[str]) -> list[str]:
    n_more = len(lines) - _N_NAMED
    return [*lines[:_N_NAMED], f"and {n_more} more"] if n_more > 0 else lines


@dataclass(frozen=True, slots=True)
class DroppedProblem:
    """One problem, or one line of a file, that was left out."""

    where: str  # file and line (`own.jsonl:12`), or the problem's id where the configuration left it out
    reason: str  # a DropReason, or why an answer of synthesis states no problem
    message: str  # one line for a person

    def __post_init__(self) -> None:
        """Keep what a stranger's file brought into the message to one line that any terminal can show."""
        object.__setattr__(self, "message", shown_text(" ".join(self.message.split()), _LONGEST_MESSAGE, 1))

    @property
    def is_fault(self) -> bool:
        """Return whether the problem was asked for; of the starter set nobody asks for a single one."""
        return self.reason not in _BY_CHOICE and not self.where.startswith("starter/")


@dataclass(frozen=True, slots=True)
class PendingProblem:
    """A problem with inputs but without answers: these come from running its reference in a sandbox."""

    problem: Problem  # everything but the cases; `problem.reference` is what to run
    # One text of positional arguments an input (see `schemas.values`), or Python source behind SOURCE_MARK that a
    # sandbox has to evaluate first: `[i for i in range(100)]`.
    arguments: tuple[str, ...]
    atol: float  # absolute tolerance that the file asks for; 0.0 for none
    # How an answer is compared: with the reference's value as it is, or both as sets.
    rule: Literal["value", "set"] = "value"

    @property
    def problem_id(self) -> str:
        """Return the problem's id."""
        return self.problem.problem_id


@dataclass(frozen=True, slots=True)
class Found:
    """What a loader made of one file, line or row."""

    where: str  # file and line, for messages
    outcome: Problem | PendingProblem | DroppedProblem  # the problem, complete or not, or why there is none
    reason: str = ""  # why the tests are not cases; empty where they are
    requires: tuple[str, ...] = ()  # packages that it says it needs, as `sandbox.packages` names them

    @property
    def problem(self) -> Problem:
        """Return the problem, complete or not; there must be one."""
        assert not isinstance(self.outcome, DroppedProblem)
        return self.outcome.problem if isinstance(self.outcome, PendingProblem) else self.outcome


@dataclass(frozen=True, slots=True)
class LoadedProblems:
    """Problems to work on."""

    problems: tuple[Problem, ...]  # complete ones, sorted by id
    pending: tuple[PendingProblem, ...] = ()  # those that `evalplus.with_expected` completes, sorted by id
    dropped: tuple[DroppedProblem, ...] = ()  # those left out, in the order of the source
    not_cases: tuple[Found, ...] = ()  # those whose tests did not all become cases, with the reason; sorted by id

    def every(self) -> list[Problem]:
        """Return all problems, complete or not."""
        return [*self.problems, *(row.problem for row in self.pending)]

    def only(self, keeps: Callable[[str], bool]) -> "LoadedProblems":
        """Return the same without problems that are not kept."""
        return replace(
            self,
            problems=tuple(row for row in self.problems if keeps(row.problem_id)),
            pending=tuple(row for row in self.pending if keeps(row.problem_id)),
        )

    def dropped_by_reason(self) -> Mapping[str, int]:
        """Return how many were left out, by reason."""
        return dict(sorted(Counter(str(drop.reason) for drop in self.dropped).items()))

    def faults(self) -> list[str]:
        """Return a line for each of the first broken rows and problems that nothing can judge."""
        broken = [f"left out: {drop.where}: {drop.message}" for drop in self.dropped if drop.is_fault]
        unjudged = [
            f"nothing can judge {row.problem.problem_id}: {row.reason}"
            for row in self.not_cases
            if row.problem.judged_by is JudgedBy.NOTHING
        ]
        return [*_first(broken), *_first(unjudged)]
