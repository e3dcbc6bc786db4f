"""Labels by the tests and why they were given; crosschecks beyond the tests."""

from dataclasses import dataclass
from enum import StrEnum


class Label(StrEnum):
    """Whether a candidate solves its problem. `undecided` never becomes a preference."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"


class Cause(StrEnum):
    """Why a candidate got its label."""

    NONE = ""
    WRONG_VALUE = "wrong_value"
    EXCEPTION = "exception"
    EXITED = "exited"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT_LIMIT = "output_limit"
    FORGED = "forged"
    MISSING_ENTRY_POINT = "missing_entry_point"
    SYNTAX_ERROR = "syntax_error"
    COMPILE_ERROR = "compile_error"
    NO_CODE = "no_code"
    NO_ANSWER = "no_answer"
    AMBIGUOUS_ANSWER = "ambiguous_answer"
    TEST_FAILED = "test_failed"
    FLAKY = "flaky"
    SANDBOX_FAULT = "sandbox_fault"
    NO_CASES = "no_cases"
    CHECKER_BROKEN = "checker_broken"
    SUSPECT_TEST = "suspect_test"
    OWN_EQUALITY = "own_equality"
    MISSING_PACKAGE = "missing_package"
    UNKNOWN_SIGNATURE = "unknown_signature"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The label of one candidate.

    Attributes:
        label: passed, failed or undecided.
        cause: cause of the first case that did not pass; empty for `passed`.
        detail: exception type, or a line for a person; empty for none.
        n_cases: cases that were to be judged.
        n_passed: cases that passed, 0 <= n_passed <= n_cases.
        passed_cases: one entry a case, in order.
        signature: behaviour signature, from the execution.
        program_form, load_error: what was judged, from the execution.
        n_blocks: different blocks of the answer that were judged.
    """

    candidate_id: str
    problem_id: str
    label: Label
    cause: Cause
    detail: str
    n_cases: int
    n_passed: int
    passed_cases: tuple[bool, ...]
    signature: str
    program_form: str = ""
    load_error: str = ""
    n_blocks: int = 1


class CrosscheckResult(StrEnum):
    """What a crosscheck found of a candidate that passed the tests."""

    CONFIRMED = "confirmed"
    """It agrees with the reference, or with the consensus."""
    DOUBTFUL = "doubtful"
    """It disagrees with an unclear consensus, so its label is unknown."""
    OUTVOTED = "outvoted"
    """It disagrees with a clear consensus."""
    REFUTED = "refuted"
    """It disagrees with the reference, or breaks where the reference answers."""
    UNCHECKED = "unchecked"
    """There was no further input, the budget was spent, or the sandbox broke."""


@dataclass(frozen=True, slots=True)
class CandidateCrosscheck:
    """The crosscheck of one passed candidate.

    Attributes:
        standing: the result.
        method: what decided: reference, consensus, or empty for nothing.
        n_inputs: derived inputs that counted.
        n_agreed: those on which it gave the answer of the reference or of the consensus.
        group: 32 hex digits over its answers to the derived inputs: equal digits, equal behaviour on all of them.
        support: share of the votes behind its group's answers, in [0, 1]; 1 under a reference that agrees.
    """

    candidate_id: str
    problem_id: str
    standing: CrosscheckResult
    method: str
    n_inputs: int
    n_agreed: int
    group: str
    support: float


@dataclass(frozen=True, slots=True)
class ProblemCrosscheck:
    """The crosscheck of one problem: how its passed candidates and mutants of a right solution fare.

    Attributes:
        n_derived: inputs derived from the problem's own.
        n_counted: those that were in the contract, or on which enough candidates agreed.
        method: reference, consensus, or empty where neither could be had.
        n_passed: candidates that passed the tests and were run on the derived inputs.
        n_groups: behaviours among these.
        top_support: share of the votes for the commonest behaviour, in [0, 1].
        is_weak: whether candidates that pass the tests disagree: the tests let a wrong one through.
        splitting_inputs: up to three derived inputs that they disagree on, as texts of argument lists.
        n_mutants: mutants of a right solution that behave differently from it on some known input.
        n_killed: those that fail the problem's own tests; n_killed / n_mutants is the tests' adequacy.
    """

    problem_id: str
    n_derived: int
    n_counted: int
    method: str
    n_passed: int
    n_groups: int
    top_support: float
    is_weak: bool
    splitting_inputs: tuple[str, ...]
    n_mutants: int
    n_killed: int
