"""Runs every program on every input, and every test on the answers that programs gave.

Programs meet inputs only. A test of the form `f(...) == value` is compared outside; test code runs in a sandbox of
its own, once for each different set of answers to what it asks, with the answers played back: no program is in
reach.
"""

import ast
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pairsmith.pipeline.crosscheck.run import run_on_inputs
from pairsmith.pipeline.execution.suites import run_tests as run_suite
from pairsmith.pipeline.judging.equality import matches
from pairsmith.pipeline.problems.convert.constants import NotConvertibleError, Scope, constant
from pairsmith.pipeline.sandbox import Answer, Job, SandboxFaultError, SandboxPool
from pairsmith.schemas.agreement import GeneratedTest
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import JudgedBy, Problem
from pairsmith.schemas.values import ValueTooLargeError, encode_arguments

_N_PROBES = 8
_ROUNDS = 4
_ENDLESS = 0.25  # of the probes
_UNASKED = "UnaskedError"
# Stands in the place of a program: gives the answers that a program gave.
_PLAYER = """
import builtins
from pairsmith.schemas.values import decode_value, encode_arguments
class {unasked}(Exception): pass
known = {table!r}
def {name}(*arguments):
    exception, value = known.get(encode_arguments(arguments), ("{unasked}", ""))
    if exception == "{unasked}":
        raise {unasked}
    if exception:
        raise getattr(builtins, exception, None) or type(exception, (Exception,), {{}})
    return decode_value(value)
"""


@dataclass(frozen=True, slots=True)
class Matrix:
    """What programs answered.

    Attributes:
        inputs: texts of argument lists.
        answers: the different answers; the seconds of each are not kept.
        rows: an entry a program: the number of its answer to each input.
    """

    inputs: tuple[str, ...]
    answers: tuple[Answer, ...]
    rows: tuple[tuple[int, ...], ...]


def run_matrix(problem: Problem, sources: Sequence[str], inputs: Sequence[str], pool: SandboxPool) -> Matrix:
    """Return what each program answers to each input.

    A program is called on all inputs in one process. What ends it costs it the inputs behind; so those that end
    many of a few probes come last.

    Args:
        problem: gives setup and entry point; its cases are not looked at.
        sources: whole programs, each once.
        inputs: texts of argument lists, the cheap ones first.
        pool: where they run.

    Raises:
        SandboxError: if the sandbox stays broken. One fault gives answers with status `fault`.
    """
    probes = sources[:: max(len(sources) // _N_PROBES, 1)][:_N_PROBES]
    late = _late_inputs(problem, probes, inputs, pool) if len(sources) > 1 else []
    order = [place for place in range(len(inputs)) if place not in set(late)] + late
    table: dict[Answer, int] = {}
    rows = []
    for ran in run_on_inputs(problem, sources, [inputs[place] for place in order], pool):
        answers = [Answer(Status.FAULT, "", "", 0.0)] * len(inputs)
        for place, answer in zip(order, ran.answers, strict=False):
            answers[place] = replace(answer, wall_s=0.0)
        rows.append(tuple(table.setdefault(answer, len(table)) for answer in answers))
    return Matrix(tuple(inputs), tuple(table), tuple(rows))


def _late_inputs(problem: Problem, probes: Sequence[str], inputs: Sequence[str], pool: SandboxPool) -> list[int]:
    """Return the places of inputs that end at least two, and a quarter, of the probes; sorted."""
    kept, late = list(range(len(inputs))), list[int]()
    for _ in range(_ROUNDS):
        ran = run_on_inputs(problem, probes, [inputs[place] for place in kept], pool)
        stops = Counter(row.n_answered for row in ran if row.answers and row.n_answered < len(kept))
        found = {kept[stop] for stop, n in stops.items() if n >= max(2, _ENDLESS * len(probes))}
        if not found:
            return sorted(late)
        late += found
        kept = [place for place in kept if place not in found]
    return sorted([*late, *(place for place in kept if place > min(late))])  # there is no end of them


def asked_inputs(test: GeneratedTest, entry_point: str) -> tuple[str, ...]:
    """Return the argument lists that a test asks for, as far as they are constants."""
    if test.case is not None:
        return (test.case.arguments,)
    return called_with(test.code, entry_point)


def called_with(code: str, entry_point: str) -> tuple[str, ...]:
    """Return the argument lists of the calls of a function in some Python code, as far as they are constants."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    scope = Scope(frozenset({entry_point}))
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name == entry_point:
                try:
                    found[encode_arguments([constant(part, scope) for part in args])] = None
                except (NotConvertibleError, ValueTooLargeError):
                    continue
    return tuple(found)


def run_tests(
    problem: Problem, tests: Sequence[GeneratedTest], matrix: Matrix, pool: SandboxPool
) -> list[tuple[bool | None, ...]]:
    """Return whether each program passes each test: an entry a test, in it an entry a program.

    None where nothing is known: the input was not run, the sandbox or the test itself broke.

    Args:
        problem: gives setup and entry point.
        tests: of this problem.
        matrix: what the programs answered.
        pool: where test code runs.
    """
    places = {text: place for place, text in enumerate(matrix.inputs)}
    with ThreadPoolExecutor(pool.n_threads, thread_name_prefix="tests") as threads:
        return list(threads.map(lambda test: _run_test(problem, test, matrix, places, pool), tests))


def _run_test(
    problem: Problem, test: GeneratedTest, matrix: Matrix, places: dict[str, int], pool: SandboxPool
) -> tuple[bool | None, ...]:
    if test.case is not None:
        place = places.get(test.case.arguments)
        if place is None:
            return (None,) * len(matrix.rows)
        verdicts = {
            number: _passes(test, matrix.answers[number]) for number in {row[place] for row in matrix.rows}
        }
        return tuple(verdicts[row[place]] for row in matrix.rows)
    asked = [places[text] for text in asked_inputs(test, problem.entry_point) if text in places]
    verdicts_by_answers: dict[tuple[int, ...], bool | None] = {}
    for row in matrix.rows:
        key = tuple(row[place] for place in asked)
        if key not in verdicts_by_answers:
            known = {matrix.inputs[place]: matrix.answers[row[place]] for place in asked}
            verdicts_by_answers[key] = _play_back(problem, test, known, pool) if asked else None
    return tuple(verdicts_by_answers[tuple(row[place] for place in asked)] for row in matrix.rows)


def _passes(test: GeneratedTest, answer: Answer) -> bool | None:
    assert test.case is not None
    if answer.status is Status.FAULT:
        return None
    return matches(test.case, CaseRun(answer.status, answer.value, "", answer.exception, 0.0))


def _play_back(problem: Problem, test: GeneratedTest, known: dict[str, Answer], pool: SandboxPool) -> bool | None:
    """Return whether test code passes with these answers to what it asks."""
    table = {arguments: [answer.exception, answer.value] for arguments, answer in known.items()}
    player = Job(problem.setup, _PLAYER.format(table=table, name=problem.entry_point, unasked=_UNASKED), "")
    tests = replace(problem, test_code=test.code, judged_by=JudgedBy.TESTER)
    try:
        run = pool.run(lambda bench: run_suite(player, tests, bench.candidate, bench.tester))
    except SandboxFaultError:
        return None
    if any(call.exception == _UNASKED for call in run.calls):
        return None
    return {"passed": True, "failed": False}.get(run.tester)
