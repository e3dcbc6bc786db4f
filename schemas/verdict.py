"""Labels, and why they were given."""

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
