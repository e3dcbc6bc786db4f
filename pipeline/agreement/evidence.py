"""What there is to judge one problem by: responses, tests, inputs, and what came of each with each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.agreement.guessing import guess_inputs
from pipeline.agreement.reading import find_calls
from pipeline.agreement.running import Matrix, asked_inputs, run_matrix, run_tests
from pipeline.sandbox import SandboxPool
from pipeline.truth.answers import RAISED, UNKNOWN, answer_key, reading_of
from pipeline.truth.inputs import derive_inputs
from schemas.agreement import GeneratedTest
from schemas.agreement_config import AgreementConfig
from schemas.problem import Problem

_FEW = 10  # inputs: fewer tell programs apart badly, and the types of the signature give more


@dataclass(frozen=True, slots=True)
class Response:
    """One response: its program, its near-duplicate cluster, and what programs of one behaviour surely share."""

    response_id: str
    code: str
    cluster: str
    renamed: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was seen of one problem.

    Attributes:
        responses: those whose code was run.
        program_of: an entry a response: the row of `keys` that is its program's.
        inputs: texts of argument lists, those of the tests and derived ones.
        n_asked: how many of the inputs the tests ask for: the first ones.
        keys: an entry a different program: its answer to each input (see `pipeline.truth.answers`).
        tests: the different tests, in a fixed order.
        said: an entry a suite (one answer of the tester's): numbers of its tests, in its order.
        passes: an entry a test: whether each program passes; None where nothing is known.
        matrix: the answers themselves.
    """

    responses: tuple[Response, ...]
    program_of: tuple[int, ...]
    inputs: tuple[str, ...]
    n_asked: int
    keys: tuple[tuple[str, ...], ...]
    tests: tuple[GeneratedTest, ...]
    said: tuple[tuple[int, ...], ...]
    passes: tuple[tuple[bool | None, ...], ...]
    matrix: Matrix

    @property
    def n_silent(self) -> int:
        """Return how many programs answered no input with a value: late, broken, or refusing all."""
        return sum(all(key in (RAISED, UNKNOWN) for key in keys) for keys in self.keys) if self.inputs else 0


def gather_evidence(
    problem: Problem,
    responses: Sequence[Response],
    suites: Sequence[Sequence[GeneratedTest]],
    texts: Sequence[str],
    config: AgreementConfig,
    pool: SandboxPool,
    signature: str = "",
) -> Evidence:
    """Run every different program on every input, and every test on the answers.

    Args:
        problem: gives setup and entry point; its own cases, if any, are not looked at.
        responses: with code, of this problem.
        suites: the tests of each answer.
        texts: what the tester wrote: calls in it are inputs even where the test is broken.
        config: budgets.
        pool: where everything runs.
        signature: gives inputs where the tests give few; empty where it isn't known.

    Raises:
        SandboxError: if the sandbox stays broken.
    """
    said = [list(suite)[: config.max_tests] for suite in suites]
    counts = Counter(test for suite in said for test in suite)
    code_tests = [test for test, _ in counts.most_common() if test.case is None][: config.n_code_tests]
    tests = [test for test in counts if test.case is not None] + code_tests
    number_of = {test: number for number, test in enumerate(tests)}
    asked = Counter(
        text for test, n in counts.items() for text in asked_inputs(test, problem.entry_point) for _ in range(n)
    )
    spare = Counter(text for written in texts for text in find_calls(written, problem.entry_point))
    own = [text for text, _ in asked.most_common(config.n_inputs)]
    own += [text for text, _ in spare.most_common() if text not in asked][: config.n_inputs - len(own)]
    seed = f"{config.seed}:{problem.problem_id}"
    derived = derive_inputs(own, config.n_derived, seed) if own and config.n_derived else ()
    if len(own) + len(derived) < _FEW and signature:
        derived = tuple(
            dict.fromkeys((*derived, *(one for one in guess_inputs(signature, seed) if one not in own)))
        )
    inputs = [*sorted(own, key=len), *derived]
    codes: dict[str, str] = {}
    for response in responses:
        codes.setdefault(response.renamed or response.code, response.code)
    places = {key: place for place, key in enumerate(codes)}
    matrix = run_matrix(problem, list(codes.values()), inputs, pool)
    reading = reading_of([test.case for test in tests if test.case is not None])
    keys = {answer: answer_key(answer, reading) for answer in matrix.answers}
    table = [keys[answer] for answer in matrix.answers]
    return Evidence(
        responses=tuple(responses),
        program_of=tuple(places[response.renamed or response.code] for response in responses),
        inputs=tuple(inputs),
        n_asked=len(own),
        keys=tuple(tuple(table[number] for number in row) for row in matrix.rows),
        tests=tuple(tests),
        said=tuple(tuple(number_of[test] for test in suite if test in number_of) for suite in said),
        passes=tuple(run_tests(problem, tests, matrix, pool)),
        matrix=matrix,
    )
