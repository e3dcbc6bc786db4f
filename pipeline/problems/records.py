"""What loading problems gives: the problems, those left out with their reason, those not complete yet."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pairsmith.pipeline.run.errors import PairsmithError
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
    OTHER_LEVEL = "other_level"
    OTHER_ID = "other_id"
    OVER_LIMIT = "over_limit"


_BY_CHOICE = (DropReason.OTHER_LEVEL, DropReason.OTHER_ID, DropReason.OVER_LIMIT)
_N_NAMED = 10


def _first(lines: list[str]) -> list[str]:
    n_more = len(lines) - _N_NAMED
    return [*lines[:_N_NAMED], f"and {n_more} more"] if n_more > 0 else lines


@dataclass(frozen=True, slots=True)
class DroppedProblem:
    """One problem, or one line of a file, that was left out.

    Attributes:
        where: file and line (`own.jsonl:12`), or the problem's id where the configuration left it out.
        message: one line for a person.
    """

    where: str
    reason: DropReason
    message: str


@dataclass(frozen=True, slots=True)
class PendingProblem:
    """A problem whose file holds inputs but no answers: they come from running its reference in a sandbox.

    Attributes:
        problem: everything but the cases; `problem.reference` is what to run.
        arguments: one text of positional arguments an input (see `schemas.values`), or Python source behind
            SOURCE_MARK that a sandbox has to evaluate first: `[i for i in range(100)]`.
        atol: absolute tolerance that the file asks for; 0.0 for none.
        rule: how an answer is compared: with the reference's value as it is, or both as sets.
    """

    problem: Problem
    arguments: tuple[str, ...]
    atol: float
    rule: Literal["value", "set"] = "value"


@dataclass(frozen=True, slots=True)
class NotCases:
    """A problem whose tests did not all become cases, and why."""

    problem_id: str
    judged_by: JudgedBy
    reason: str


@dataclass(frozen=True, slots=True)
class LoadedProblems:
    """Problems to work on.

    Attributes:
        problems: complete ones, sorted by id.
        pending: those that `evalplus.with_expected` completes, sorted by id.
        dropped: those left out, in the order of the source.
        not_cases: which problems go to the tester or to nothing, and why; sorted by id.
    """

    problems: tuple[Problem, ...]
    pending: tuple[PendingProblem, ...] = ()
    dropped: tuple[DroppedProblem, ...] = ()
    not_cases: tuple[NotCases, ...] = ()

    def dropped_by_reason(self) -> Mapping[str, int]:
        """Return how many were left out, by reason."""
        return dict(sorted(Counter(str(drop.reason) for drop in self.dropped).items()))

    def faults(self) -> list[str]:
        """Return a line for each of the first broken rows and problems that nothing can judge."""
        broken = [
            f"left out: {drop.where}: {drop.message}" for drop in self.dropped if drop.reason not in _BY_CHOICE
        ]
        unjudged = [
            f"nothing can judge {row.problem_id}: {row.reason}"
            for row in self.not_cases
            if row.judged_by is JudgedBy.NOTHING
        ]
        return [*_first(broken), *_first(unjudged)]

    def by_way(self) -> Mapping[str, int]:
        """Return how many are judged each way; pending ones will be judged by cases."""
        ways = Counter(str(problem.judged_by) for problem in self.problems)
        ways[JudgedBy.CASES] += len(self.pending)
        return {way: ways[way] for way in JudgedBy}


@dataclass(frozen=True, slots=True)
class Found:
    """What a loader made of one file, line or row.

    Attributes:
        where: file and line, for messages.
        outcome: the problem, complete or not, or why there is none.
        reason: why the tests are not cases; empty where they are.
    """

    where: str
    outcome: Problem | PendingProblem | DroppedProblem
    reason: str = field(default="")
