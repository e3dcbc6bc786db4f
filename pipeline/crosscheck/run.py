"""Runs programs on inputs with unknown answers, and makes their answers comparable.

Unlike `pipeline.execution.runner`, which makes labels and reruns borderline failures, a program that is late on an
input has given no answer to it; `problem` decides what follows from that.
"""

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from pairsmith.pipeline.execution.suites import arguments_asked
from pairsmith.pipeline.judging.tolerance import DIGITS, TOLERANT_DIGITS
from pairsmith.pipeline.judging.values import loosen, view_value
from pairsmith.pipeline.sandbox import Answer, Bench, Job, SandboxFaultError, SandboxPool
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case, Problem
from pairsmith.schemas.values import Array, Cycle, Lazy, Opaque, Record, decode_value

UNKNOWN = ""
"""The program gave no answer that could be compared: out of time, memory or depth, or nothing comparable."""
RAISED = "raised"
"""The program refused the input, whatever the exception's type."""

_NO_ANSWER = (Status.TIMEOUT, Status.MEMORY, Status.OUTPUT_LIMIT, Status.NOT_RUN, Status.FAULT)
_MAX_KEPT = 2_000  # characters
_LITTLE = 0.5  # of the time that one input may take
_LATE = Answer(Status.TIMEOUT, "", "", 0.0)
STOPPING = frozenset({*_NO_ANSWER, Status.EXITED, Status.FORGED})
"""Statuses of a call after which a program answers nothing more."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one program did: an answer an input, none where the sandbox broke; and its CPU seconds in all."""

    answers: tuple[Answer, ...]
    cpu_s: float


def run_on_inputs(
    problem: Problem,
    sources: Sequence[str],
    inputs: Sequence[str],
    pool: SandboxPool,
    n_stops: int = 0,
    n_final: int = 0,
    time_share: float = 1.0,
) -> list[Ran]:
    """Return what each program does on each input, in the programs' order.

    Args:
        problem: gives setup and entry point; its cases are ignored.
        pool: where they run; its workers set the concurrency.
        n_stops: how often a program continues after an input that stops it, in a fresh process.
        n_final: inputs, the first ones, behind which it does not.
        time_share: of the time that the pool allows one input.

    Raises:
        SandboxError: if the sandbox stays broken.
    """
    limit_s = time_share * pool.case_wall_s
    lower = () if time_share == 1.0 else (("case_wall_s", limit_s),)

    def run(source: str) -> Ran:
        job = Job(problem.setup, source, problem.entry_point, tuple(inputs), lower=lower)
        try:
            return pool.run(lambda bench: _run(bench, job, n_stops, n_final, limit_s))
        except SandboxFaultError:
            return Ran((), 0.0)

    with ThreadPoolExecutor(max(min(pool.n_threads, len(sources)), 1), thread_name_prefix="truth") as threads:
        return list(threads.map(run, sources))


def _run(bench: Bench, job: Job, n_stops: int, n_final: int, limit_s: float) -> Ran:
    """Run a program; where it is stopped, again from that input on if it had little time, else behind it.

    What is as hopeless as the inputs that stopped it (see `_is_hopeless`) is not asked, and late.
    """
    answers: dict[int, Answer] = {}
    left = list(range(len(job.inputs)))
    stopped: list[list[Any]] = []
    going: list[list[Any]] = []
    all_cpu_s = 0.0
    while left:
        part, ending = bench.candidate.run(replace(job, inputs=tuple(job.inputs[place] for place in left)))
        all_cpu_s += ending.cpu_s
        answers.update(zip(left, part, strict=True))
        n_asked = next((place for place, answer in enumerate(part) if answer.status is Status.NOT_RUN), len(part))
        if n_asked in (0, len(part)) or left[n_asked - 1] < n_final or not n_stops:
            break
        n_stops -= 1
        going += [decode_value(job.inputs[place]) for place in left[: n_asked - 1]]
        last = part[n_asked - 1]  # those before it may have had most of the time
        if n_asked > 1 and last.status is Status.TIMEOUT and last.wall_s < _LITTLE * limit_s:
            left = left[n_asked - 1 :]
            continue
        stopped.append(decode_value(job.inputs[left[n_asked - 1]]))
        behind, left = left[n_asked:], []
        for place in behind:
            if _is_hopeless(decode_value(job.inputs[place]), stopped, going):
                answers[place] = _LATE
            else:
                left.append(place)
    return Ran(tuple(answers[place] for place in sorted(answers)), all_cpu_s)


def _is_hopeless(arguments: list[Any], stopped: Sequence[list[Any]], going: Sequence[list[Any]]) -> bool:
    """Return whether an input is like two that stopped a program, and none like them went well.

    It is like one with the same argument in some place, and like one in which nothing but the whole number in that
    place is another one, nearer to zero.
    """
    for place, value in enumerate(arguments):
        twice = sum(others[place : place + 1] == [value] for others in stopped) > 1
        if twice and not any(others[place : place + 1] == [value] for others in going):
            return True
        smaller = [others for others in stopped if _is_larger(arguments, others, place)]
        if sum(not any(_is_larger(well, others, place) for well in going) for others in smaller) > 1:
            return True
    return False


def _is_larger(arguments: list[Any], others: list[Any], place: int) -> bool:
    """Return whether arguments are some others, but for one whole number, which is farther from zero."""
    if len(arguments) != len(others):
        return False
    one, other = arguments[place], others[place]
    is_larger = type(one) is type(other) is int and (one > other > 0 or one < other < 0)
    return is_larger and [*others[:place], one, *others[place + 1 :]] == arguments


def list_asked(problem: Problem, source: str, n: int, pool: SandboxPool) -> tuple[str, ...]:
    """Return the first n different argument lists that a problem's test code asks of a program.

    Args:
        source: a program that passes, so that the test gets to its end.

    Returns:
        Nothing if the sandbox broke.
    """

    def listen(bench: Bench) -> dict[str, None]:
        asked: dict[str, None] = {}
        entries: dict[int, list[Any]] = {}

        def ask(request: str) -> Answer:
            arguments = arguments_asked(request, entries)
            if arguments and len(asked) < n:
                asked[arguments] = None
            return bench.candidate.call(request, is_message=True)

        job = Job(problem.setup, source, problem.entry_point, mode="module")
        if bench.candidate.begin(job) is Status.OK:
            tests = Job(problem.setup, problem.test_code, problem.entry_point, mode="function")
            bench.tester.run_tester(tests, ask)
        bench.candidate.end()
        return asked

    try:
        return tuple(pool.run(listen))
    except SandboxFaultError:
        return ()


def reading_of(cases: Sequence[Case]) -> Case:
    """Return how a problem's tests read answers: their own case where all read alike, plain equality elsewhere."""
    ways = {(case.compare, case.view) for case in cases}
    tolerant = max((case.atol for case in cases), default=0.0)
    if len(ways) != 1:
        views = {view for _, view in ways}
        return Case(
            "[]", "null", "approx" if tolerant else "equal", tolerant, views.pop() if len(views) == 1 else ""
        )
    ((compare, view),) = ways
    return Case("[]", "null", compare, tolerant, view)


def answer_key(answer: Answer, reading: Case) -> str:
    """Return a text that is equal for equal answers; UNKNOWN or RAISED where there is none.

    Numbers are compared as Python does (True == 1 == 1.0), floats by nine significant digits, or by six where
    the tests allow a tolerance. Sets and dicts have no order.

    Args:
        reading: how the problem's tests read an answer (see `reading_of`).
    """
    if answer.status in _NO_ANSWER:
        return UNKNOWN
    if answer.status is not Status.OK:
        return UNKNOWN if answer.exception == "RecursionError" else RAISED
    if len(answer.value) > _MAX_KEPT:
        return _value_key.__wrapped__(answer.value, reading)
    return _value_key(answer.value, reading)


@functools.lru_cache(4096)  # most programs of a problem give the same answers
def _value_key(text: str, reading: Case) -> str:
    try:
        value = loosen(view_value(decode_value(text), reading.view), reading.compare)
        if reading.compare in ("truthy", "falsy"):
            return f"truth {bool(value)}"
        return _form(value, TOLERANT_DIGITS if reading.atol else DIGITS)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return RAISED  # a view that this value has not: the test would have raised


def answer_keys(ran: Ran, n: int, reading: Case) -> tuple[str, ...]:
    """Return one key an input; all UNKNOWN where the sandbox broke."""
    if len(ran.answers) != n:
        return (UNKNOWN,) * n
    return tuple(answer_key(answer, reading) for answer in ran.answers)


def _form(value: Any, digits: int) -> str:
    if value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, (bool, int)):
        return _number(int(value), digits)
    if isinstance(value, float):
        return _number(value, digits)
    if isinstance(value, complex):
        return f"complex({_number(value.real, digits)},{_number(value.imag, digits)})"
    if isinstance(value, Opaque):
        raise ValueError("an opaque value equals nothing")
    if isinstance(value, Record):
        parts = [part if value.is_tuple else (name, part) for name, part in value.fields]
        return ("" if value.is_tuple else value.name) + _form(tuple(parts), digits)
    if isinstance(value, Lazy):
        return f"{value.kind}{_form(list(value.items), digits)}"
    if isinstance(value, Array):
        return f"array{value.shape}{_form(list(value.items), digits)}"
    if isinstance(value, Cycle):
        return f"cycle{value.levels}"
    if isinstance(value, dict):
        pairs = sorted(f"{_form(key, digits)}:{_form(part, digits)}" for key, part in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, (set, frozenset)):
        return "{" + ",".join(sorted(_form(part, digits) for part in value)) + "}."
    if isinstance(value, (list, tuple)):
        inner = ",".join(_form(part, digits) for part in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return repr(value)


def _number(value: int | float, digits: int) -> str:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return repr(value)
        if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        return f"{round(value, digits):.{digits}g}"
    return str(value) if abs(value) < 2**53 else hex(value)
