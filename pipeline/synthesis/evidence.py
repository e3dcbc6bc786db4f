"""What there is to judge one problem by: responses, tests, inputs, what came of each with each, and behaviours."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from pairsmith.pipeline.crosscheck.inputs import derive_inputs
from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN, answer_key, reading_of
from pairsmith.pipeline.sandbox import Answer, SandboxPool
from pairsmith.pipeline.synthesis.suites import asked_inputs, find_calls, run_matrix, run_tests
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.synthesis import GeneratedTest, ProblemAnswers

_VALID = 0.5  # share of the weight that must answer an input with a value for it to count
N_INPUTS = 100  # of a problem that its generated tests ask for: the commonest
N_DERIVED = 40  # inputs derived from these: they tell programs apart where all tests ask for the same
MAX_INPUTS = N_INPUTS + N_DERIVED
_MAX_TESTS = 10  # of one answer, the first: later ones repeat
_N_CODE_TESTS = 20  # of a problem, the commonest that are no case but code: each is a sandbox of its own


@dataclass(frozen=True, slots=True)
class Response:
    """One response: its program, its near-duplicate cluster, and what programs of one behaviour surely share."""

    response_id: str
    code: str
    cluster: str
    renamed: str


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What is to be run of one problem.

    Attributes:
        responses: those that are run as code.
        sources: the different programs; program_of: an entry a response: the number of its program.
        inputs: texts of argument lists, those of the tests and derived ones.
        n_asked: how many of the inputs the tests ask for: the first ones.
        tests: the different tests, in a fixed order.
        suites: an entry a suite (one answer of the tester's): numbers of its tests, in its order.
    """

    responses: tuple[Response, ...]
    sources: tuple[str, ...]
    program_of: tuple[int, ...]
    inputs: tuple[str, ...]
    n_asked: int
    tests: tuple[GeneratedTest, ...]
    suites: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class AgreementEvidence(RunPlan):
    """Everything that was seen of one problem.

    Attributes:
        ran: what the programs answered.
        keys: an entry a different program: its answer to each input (see `pipeline.crosscheck.run`).
        passes: an entry a test: whether each program passes; None where nothing is known.
    """

    ran: ProblemAnswers
    keys: tuple[tuple[str, ...], ...]
    passes: tuple[tuple[bool | None, ...], ...]

    @property
    def n_silent(self) -> int:
        """Return how many programs answered no input with a value: late, broken, or refusing all."""
        return sum(all(key in (RAISED, UNKNOWN) for key in keys) for keys in self.keys) if self.inputs else 0


def plan_runs(
    problem: Problem,
    responses: Sequence[Response],
    suites: Sequence[Sequence[GeneratedTest]],
    texts: Sequence[str],
) -> RunPlan:
    """Return what has to be run.

    Args:
        responses: with code, of this problem.
        suites: the tests of each answer.
        texts: what the tester wrote: calls in it are inputs even where the test is broken.
    """
    kept = [list(suite)[:_MAX_TESTS] for suite in suites]
    counts = Counter(test for suite in kept for test in suite)
    code_tests = [test for test, _ in counts.most_common() if test.case is None][:_N_CODE_TESTS]
    tests = [test for test in counts if test.case is not None] + code_tests
    number_of = {test: number for number, test in enumerate(tests)}
    own, derived = _inputs(problem, counts, texts)
    codes: dict[str, str] = {}
    for response in responses:
        codes.setdefault(response.renamed or response.code, response.code)
    places = {key: place for place, key in enumerate(codes)}
    return RunPlan(
        responses=tuple(responses),
        sources=tuple(codes.values()),
        program_of=tuple(places[response.renamed or response.code] for response in responses),
        inputs=(*sorted(own, key=len), *derived),
        n_asked=len(own),
        tests=tuple(tests),
        suites=tuple(tuple(number_of[test] for test in suite if test in number_of) for suite in kept),
    )


def _inputs(
    problem: Problem, counts: Counter[GeneratedTest], texts: Sequence[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Return the inputs that tests ask for, the commonest, and derived ones."""
    asked = Counter(
        text for test, n in counts.items() for text in asked_inputs(test, problem.entry_point) for _ in range(n)
    )
    spare = Counter(text for written in texts for text in find_calls(written, problem.entry_point))
    own = [text for text, _ in asked.most_common(N_INPUTS)]
    own += [text for text, _ in spare.most_common() if text not in asked][: N_INPUTS - len(own)]
    return own, derive_inputs(own, N_DERIVED, f"0:{problem.problem_id}") if own else ()


def run_plan(problem: Problem, plan: RunPlan, pool: SandboxPool) -> ProblemAnswers:
    """Run every different program on every input, and every test on the answers.

    Raises:
        SandboxError: if the sandbox can't be restarted.
    """
    matrix = run_matrix(problem, plan.sources, plan.inputs, pool)
    passes = run_tests(problem, plan.tests, matrix, pool)
    known = (tuple(-1 if outcome is None else int(outcome) for outcome in row) for row in passes)
    return replace(matrix, passes=tuple(known))


def read_evidence(plan: RunPlan, ran: ProblemAnswers) -> AgreementEvidence:
    """Return what was seen of a problem: what was to be run, and what came of it.

    Raises:
        ValueError: if something else was run.
    """
    sizes = (ran.inputs, len(ran.rows), len(ran.passes))
    if sizes != (plan.inputs, len(plan.sources), len(plan.tests)):
        raise ValueError(f"{ran.problem_id}: these answers are of other programs, inputs or tests")
    reading = reading_of([test.case for test in plan.tests if test.case is not None])
    table = [answer_key(Answer(given.status, given.value, given.exception, 0.0), reading) for given in ran.answers]
    return AgreementEvidence(
        **{part.name: getattr(plan, part.name) for part in fields(plan)},
        ran=ran,
        keys=tuple(tuple(table[number] for number in row) for row in ran.rows),
        passes=tuple(tuple(None if outcome < 0 else bool(outcome) for outcome in row) for row in ran.passes),
    )


@dataclass(frozen=True, slots=True)
class Group:
    """Responses of one behaviour.

    Attributes:
        keys: their answers to the inputs that count.
        programs: numbers of their programs.
        weight: the sum of the square roots of their clusters' sizes.
    """

    keys: tuple[str, ...]
    programs: tuple[int, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Behaviours:
    """All groups of a problem, the heaviest first; `counted` has the places of the inputs that count."""

    counted: tuple[int, ...]
    groups: tuple[Group, ...]

    @property
    def weight(self) -> float:
        """Return the weight of all groups."""
        return sum(group.weight for group in self.groups)


def find_behaviours(evidence: AgreementEvidence) -> Behaviours:
    """Return the groups of a problem's responses: programs that give the same answers to all inputs that count.

    Near-duplicates are one opinion repeated: a cluster of n responses within a group counts sqrt(n), as Chen et
    al. 2022 (CodeT, arXiv:2207.10397, section 2.3) weight equal programs, and as `pipeline.crosscheck.vote` does.

    An input counts if half of the weight of those that were run answers it with a value; where none does, all
    count.
    """
    sizes = Counter(response.cluster for response in evidence.responses)
    weights: defaultdict[int, float] = defaultdict(float)
    for response, program in zip(evidence.responses, evidence.program_of, strict=True):
        weights[program] += 1 / math.sqrt(sizes[response.cluster])
    total = sum(weights.values())
    answered = [
        sum(
            weight for program, weight in weights.items() if evidence.keys[program][place] not in (RAISED, UNKNOWN)
        )
        for place in range(len(evidence.inputs))
    ]
    counted = tuple(place for place, weight in enumerate(answered) if weight >= _VALID * total)
    counted = counted or tuple(range(len(evidence.inputs)))
    members: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    clusters: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for response, program in zip(evidence.responses, evidence.program_of, strict=True):
        keys = tuple(evidence.keys[program][place] for place in counted)
        members[keys].add(program)
        clusters[keys][response.cluster] += 1
    groups = [
        Group(keys, tuple(sorted(programs)), sum(math.sqrt(n) for n in clusters[keys].values()))
        for keys, programs in members.items()
    ]
    return Behaviours(counted, tuple(sorted(groups, key=lambda group: (-group.weight, group.keys))))
