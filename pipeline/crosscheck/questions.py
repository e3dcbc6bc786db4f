"""The questions beyond a problem's tests, and the answers of its reference and of its passed candidates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pairsmith.pipeline.crosscheck.domain import infer_domain, is_beyond, is_inside
from pairsmith.pipeline.crosscheck.inputs import derive_inputs, large_inputs
from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN, answer_keys, list_asked, run_on_inputs
from pairsmith.pipeline.crosscheck.vote import Consensus, Question, Voter
from pairsmith.pipeline.judging.equality import MANY_ANSWERS
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.config import CrosscheckConfig
from pairsmith.schemas.problem import Case, Interface, JudgedBy, Problem
from pairsmith.schemas.values import decode_value

_N_ASKED = 60  # inputs that are taken from a test that runs in a sandbox of its own
_MODEST = 4  # times the largest of the problem's own inputs
_N_PROBES = 3
_PROBE_ROUNDS = 3
_N_LATE = 2
_QUICK = 0.1  # of the time that an input may take
_MAX_STOPS = 12  # of the reference: each costs a third of `crosscheck.wall_s`


@dataclass(frozen=True, slots=True)
class PassedProgram:
    """A passed candidate: its program, and its near-duplicate cluster."""

    program: Program
    cluster: str


def own_inputs(problem: Problem, passed: Sequence[PassedProgram], pool: SandboxPool) -> tuple[str, ...]:
    """Return the inputs of the problem's tests; those of test code are what it asks of a passed program."""
    if problem.interface is not Interface.FUNCTION or problem.language != "python" or not passed:
        return ()
    if any(case.compare in MANY_ANSWERS for case in problem.cases):
        return ()  # programs that differ may all be right
    if problem.judged_by is JudgedBy.TESTER:
        return list_asked(problem, passed[0].program.code, _N_ASKED, pool)
    return tuple(dict.fromkeys(case.arguments for case in problem.cases))


def derive_questions(problem: Problem, own: Sequence[str], config: CrosscheckConfig, seed: int) -> list[Question]:
    """Return derived inputs: those like the problem's own first, then by size."""
    if not own or not config.n_inputs:
        return []
    derived = derive_inputs(own, config.n_inputs, f"{seed}:{problem.problem_id}")
    ask, largest = _asking(problem, own), largest_of(own)
    questions = [ask(text, is_modest(largest, text)) for text in derived]
    return sorted(questions, key=lambda question: not question.is_inside)  # stable: by size within each


def large_questions(problem: Problem, own: Sequence[str]) -> list[Question]:
    """Return inputs far beyond the own ones; a trusted program shows which must be answered in time."""
    ask = _asking(problem, own)
    large, far = large_inputs(own)
    return [
        *(replace(ask(text, True), is_large=True) for text in large),
        *(replace(ask(text, True), is_large=True, is_far=True) for text in far),
    ]


def _asking(problem: Problem, own: Sequence[str]) -> Callable[[str, bool], Question]:
    """Return what makes a question of a text; beyond the own inputs only a contract says what must be answered."""
    known = infer_domain(own)
    has_contract = bool(problem.contract)

    def ask(text: str, modest: bool) -> Question:
        inside = is_inside(known, text)
        return Question(
            arguments=text,
            is_inside=inside,
            is_modest=modest and (inside or has_contract),
            may_be_refused=not has_contract and (not inside or is_beyond(known, text)),
        )

    return ask


def ask_reference(
    problem: Problem, questions: Sequence[Question], reading: Case, pool: SandboxPool, case_wall_s: float
) -> tuple[list[Question], dict[int, Consensus]]:
    """Return the questions that stay, and the reference's answers by their place; the contract says which count.

    Inputs that the reference itself was slow on come behind the others, and need not be answered in time: a
    program like it may be just too late. Without a contract a few that it had no time for stay too, the last and
    without an answer: faster programs may tell.

    Args:
        problem: with a reference.
        questions: inputs, in the order in which they are asked.
        reading: how answers are read.
        pool: where the reference runs.
        case_wall_s: seconds that one input may take there.
    """
    asked = _ask_source(problem, problem.contract or problem.reference, questions, reading, pool)
    quick, slow, late = [], [], []
    for question, (key, wall_s) in zip(questions, asked, strict=True):
        if key == UNKNOWN and question.is_inside and question.is_modest and not question.is_large:
            late.append(question)
        elif key not in (UNKNOWN, RAISED) and wall_s <= _QUICK * case_wall_s:
            quick.append((question, key))
        elif key not in (UNKNOWN, RAISED):
            slow.append((replace(question, is_modest=False), key))
    answered = [*quick, *slow]
    kept = [question for question, _ in answered]
    kept += late[:_N_LATE] if answered and not problem.contract else []
    return kept, {place: Consensus(key, 1.0, is_given=True) for place, (_, key) in enumerate(answered)}


def _ask_source(
    problem: Problem, source: str, questions: Sequence[Question], reading: Case, pool: SandboxPool
) -> list[tuple[str, float]]:
    """Return a trusted program's answers and their seconds, UNKNOWN where it was stopped or not asked.

    An input that stops it costs no other its answer, but time. So inputs like those that stopped it before are not
    asked, and after a dozen none is.
    """
    found = [(UNKNOWN, 0.0)] * len(questions)
    left = list(range(len(questions)))
    stopped: list[list[Any]] = []
    going: list[list[Any]] = []
    while left and len(stopped) < _MAX_STOPS:
        (ran,) = run_on_inputs(problem, [source], [questions[place].arguments for place in left], pool)
        keys = answer_keys(ran, len(left), reading)[: ran.n_answered]
        for place, key, answer in zip(left, keys, ran.answers, strict=False):
            found[place] = key, answer.wall_s
            going.append(decode_value(questions[place].arguments))
        if not ran.answers or ran.n_answered == len(left):
            break
        stopped.append(decode_value(questions[left[ran.n_answered]].arguments))
        left = [place for place in left[ran.n_answered + 1 :] if not _is_like(questions[place], stopped, going)]
    return found


def _is_like(question: Question, stopped: Sequence[list[Any]], going: Sequence[list[Any]]) -> bool:
    """Return whether an argument stopped the program twice in its place, and never went well there."""
    for place, value in enumerate(decode_value(question.arguments)):
        twice = sum(arguments[place : place + 1] == [value] for arguments in stopped) > 1
        if twice and not any(arguments[place : place + 1] == [value] for arguments in going):
            return True
    return False


def drop_endless(
    problem: Problem, programs: Sequence[PassedProgram], questions: Sequence[Question], pool: SandboxPool
) -> list[Question]:
    """Return the questions without those that stop a few programs: each would cost all the ones after it.

    An input like the own ones must stop half of the probes to be left out, another one any of them. Those that
    whoever is right must answer are kept, behind the others; large ones come last, and stay.
    """
    probes = [row.program.code for row in programs[:_N_PROBES]]
    parts: list[Question] = []
    late: list[Question] = []
    for is_inside_part in (True, False):
        kept = [
            question for question in questions if question.is_inside is is_inside_part and not question.is_large
        ]
        for _ in range(_PROBE_ROUNDS):
            stop = _first_stop(problem, probes, kept, is_inside_part, pool)
            if stop >= len(kept):
                break
            if kept[stop].is_inside and kept[stop].is_modest and len(late) < _N_LATE:
                late.append(kept[stop])
            kept = kept[:stop] + kept[stop + 1 :]
        else:
            kept = kept[: _first_stop(problem, probes, kept, is_inside_part, pool)]
        parts += kept
    return [*parts, *late, *(question for question in questions if question.is_large)]


def _first_stop(
    problem: Problem, probes: Sequence[str], questions: Sequence[Question], by_half: bool, pool: SandboxPool
) -> int:
    """Return the place of the first question that stops half of the probes, or any; their number if none does."""
    if not questions:
        return 0
    ran = run_on_inputs(problem, probes, [question.arguments for question in questions], pool)
    stops = sorted(row.n_answered for row in ran if row.answers)
    return stops[len(stops) // 2 if by_half else 0] if stops else len(questions)


def collect_answers(
    problem: Problem,
    programs: Sequence[PassedProgram],
    questions: Sequence[Question],
    reading: Case,
    pool: SandboxPool,
) -> list[Voter]:
    """Return what each program answers. Inputs unlike the own ones are run apart: what they stop is not lost."""
    codes = [row.program.code for row in programs]
    keys: list[dict[str, str]] = [{} for _ in programs]
    for is_inside_part in (True, False):
        inputs = [question.arguments for question in questions if question.is_inside is is_inside_part]
        if not inputs:
            continue
        for key, ran in zip(keys, run_on_inputs(problem, codes, inputs, pool), strict=True):
            key.update(zip(inputs, answer_keys(ran, len(inputs), reading), strict=True))
    return [
        Voter(row.program.candidate_id, row.cluster, tuple(key[question.arguments] for question in questions))
        for row, key in zip(programs, keys, strict=True)
    ]


def largest_of(own: Sequence[str]) -> tuple[float, int]:
    """Return the largest absolute number anywhere in these argument lists, and the largest length of any part."""
    extents = [_extent(decode_value(text)) for text in own]
    return max((1.0, *(n for n, _ in extents))), max((1, *(length for _, length in extents)))


def is_modest(largest: tuple[float, int], text: str) -> bool:
    """Return whether numbers and lengths are at most a few times the largest ones (see `largest_of`)."""
    n, parts = _extent(decode_value(text))
    return n <= _MODEST * largest[0] and parts <= _MODEST * largest[1]


def _extent(value: Any) -> tuple[float, int]:
    """Return the largest absolute number in a value, and the largest length of a text or container."""
    if isinstance(value, (int, float)):
        return (abs(value) if value - value == 0 else 0.0), 0
    if isinstance(value, str):
        return 0.0, len(value)
    if not isinstance(value, (list, tuple, set, frozenset, dict)):
        return 0.0, 0
    parts = [*value, *value.values()] if isinstance(value, dict) else list(value)
    extents = [_extent(part) for part in parts]
    return max((n for n, _ in extents), default=0.0), max(len(value), *(n for _, n in extents), 0)
