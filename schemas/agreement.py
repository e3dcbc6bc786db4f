"""What samples and generated tests say of each other."""

from dataclasses import dataclass
from enum import StrEnum

from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case


@dataclass(frozen=True, slots=True)
class GeneratedTest:
    """One assert that a model wrote.

    Attributes:
        case: the call and what it must give; None where the assert has no such form.
        code: the assert as test code for a tester, where there is no case; empty otherwise.
    """

    case: Case | None
    code: str = ""


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What a program gave to one input: how that ended, the value's text, the type of an exception."""

    status: Status
    value: str
    exception: str


@dataclass(frozen=True, slots=True)
class ProblemAnswers:
    """All that was run of one problem; what is made of it needs no sandbox.

    Attributes:
        inputs: texts of argument lists.
        answers: the different answers.
        rows: an entry a program: the number of its answer to each input.
        passes: an entry a test, in it an entry a program: 1 if it passes, 0 if not, -1 where nothing is known.
    """

    problem_id: str
    inputs: tuple[str, ...]
    answers: tuple[GivenAnswer, ...]
    rows: tuple[tuple[int, ...], ...]
    passes: tuple[tuple[int, ...], ...]


class Standing(StrEnum):
    """What agreement makes of a response."""

    CHOSEN = "chosen"
    REJECTED = "rejected"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class ResponseAgreement:
    """One response in the light of the others and of the tests.

    Attributes:
        posterior: probability that it is right, in [0, 1].
        group: 32 hex digits over its answers to all counted inputs; empty for a response without code.
        group_share: share of its group among all responses, near-duplicates counted as one opinion said often.
        n_tests: tests that were decided on it; n_passed: those of them that it passes.
    """

    candidate_id: str
    problem_id: str
    standing: Standing
    posterior: float
    group: str
    group_share: float
    n_tests: int
    n_passed: int


@dataclass(frozen=True, slots=True)
class ProblemAgreement:
    """One problem: how far its responses and tests agree.

    Attributes:
        n_responses: responses with code; n_programs: different programs; n_groups: different behaviours.
        n_suites: answers that hold tests; n_tests: different tests; n_inputs: inputs that were run.
        n_counted: inputs that count: most programs answer them.
        posterior: of the likeliest behaviour.
        is_dominant: whether one behaviour is likely enough for its responses to be chosen.
        cases: accepted ones: inputs that tests ask for, with what the likeliest behaviours give.
        test_posterior: probability that a test drawn for this problem is right, as estimated.
        inputs: texts of the inputs that count, derived ones among them.
    """

    problem_id: str
    n_responses: int
    n_programs: int
    n_groups: int
    n_suites: int
    n_tests: int
    n_inputs: int
    n_counted: int
    posterior: float
    is_dominant: bool
    test_posterior: float
    cases: tuple[Case, ...]
    inputs: tuple[str, ...]
