"""Seeds, agreement of samples and generated tests, and the cards of the problems made of them."""

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


class ResponseLabel(StrEnum):
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
        group_share: share of its group among all responses, near-duplicates counted with a reduced weight.
        n_tests: tests that were decided on it; n_passed: those of them that it passes.
    """

    candidate_id: str
    problem_id: str
    standing: ResponseLabel
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
    cases: tuple[Case, ...]
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProblemCard:
    """One problem, kept or not.

    Attributes:
        reason: why it was left out, the first rule that it breaks; empty for a kept one.
        seed_id, seed_path, seed_line: the function that it began with.
        license: SPDX name of the seed's licence; empty if unknown.
        concepts_id, instruction_id: the answers of the chain that it was made of, in their steps' tables.
        models: who wrote it, its responses and its tests; sorted.
        difficulty, topic: as drawn.
        n_responses: responses drawn; n_chosen and n_rejected: those that agreement decided.
        posterior: of the likeliest behaviour.
        n_tests: different tests that were written for it; n_cases: accepted ones.
        n_off_signature: tests whose arguments or value are not what the signature says.
        pass_rate: share of the weak draws (else of the responses) that pass the accepted cases, in [0, 1].
        n_mutants: changed solutions that behave otherwise on some input; n_killed: those that the cases detect.
        near: kept problem that it repeats; empty for none.
        contaminated_by: item of a benchmark that it overlaps with; empty for none.
        best_id: the response that is likeliest right; empty for none.
    """

    problem_id: str
    reason: str
    seed_id: str
    seed_path: str
    seed_line: int
    license: str
    concepts_id: str
    instruction_id: str
    models: tuple[str, ...]
    difficulty: str
    topic: str
    n_responses: int = 0
    n_chosen: int = 0
    n_rejected: int = 0
    posterior: float = 0.0
    n_tests: int = 0
    n_cases: int = 0
    n_off_signature: int = 0
    pass_rate: float = 0.0
    n_mutants: int = 0
    n_killed: int = 0
    near: str = ""
    contaminated_by: str = ""
    best_id: str = ""


@dataclass(frozen=True, slots=True)
class Seed:
    """One function with what it needs of its file.

    Attributes:
        seed_id: 32 hex digits over the code.
        name: the function's name.
        code: the function and what it needs, with its documentation; parses alone.
        path: the file, below the folder.
        line: line of the file where the function begins, from 1.
        license: SPDX name; empty if unknown.
        is_typed: whether all parameters and the value have types.
        n_lines: lines of the function that hold code.
        n_tokens: tokens of `code`, comments left out.
    """

    seed_id: str
    name: str
    code: str
    path: str
    line: int
    license: str
    is_typed: bool
    n_lines: int
    n_tokens: int
