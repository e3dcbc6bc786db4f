"""The questions beyond a problem's tests, and the answers of its reference and of its passed candidates."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pairsmith.pipeline.crosscheck.domain import (
    InputDomain,
    infer_answers,
    infer_domain,
    is_beyond,
    is_inside,
    is_like,
)
from pairsmith.pipeline.crosscheck.inputs import derive_inputs, large_inputs
from pairsmith.pipeline.crosscheck.run import (
    RAISED,
    STOPPING,
    UNKNOWN,
    Ran,
    answer_keys,
    list_asked,
    run_on_inputs,
)
from pairsmith.pipeline.crosscheck.vote import LARGE_SHARE, Consensus, Question, Voter, weigh_voters
from pairsmith.pipeline.judging.equality import MANY_ANSWERS
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.config import CrosscheckConfig
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case, Interface, JudgedBy, Problem
from pairsmith.schemas.values import decode_value

_N_ASKED = 60  # inputs that are taken from a test that runs in a sandbox of its own
_MODEST = 4  # times the largest of the problem's own inputs
_N_PROBES = 3
_PROBE_STOPS = 3  # how often a probe goes on behind an input that stopped it; others less often
_OTHER_STOPS = 1
_N_LATE = 2
_SHORT = 0.3  # of the time for an input; to a far one who has a formula needs none, and a loop needs minutes
_QUICK = 0.1  # of the time that an input may take
_ALL_SLOW = (
    0.5  # of the same: what the reference takes for all inputs that it is slow on; each candidate asks them too
)
_MAX_STOPS, _FEW_STOPS = 8, 3  # of the reference; each costs a third of `crosscheck.wall_s`, or a part of that


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
    """Return what makes a question of a text; beyond the tests' inputs, only a contract requires answers."""
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
    problem: Problem,
    questions: Sequence[Question],
    reading: Case,
    pool: SandboxPool,
    case_wall_s: float,
    own: Sequence[str] = (),
) -> tuple[list[Question], dict[int, Consensus]]:
    """Return the remaining questions, and the reference's answers by index; the contract decides which count.

    Inputs that the reference itself was slow on come behind the others, few of them, and need not be answered in
    time: a program like it may be just too late. Without a contract the largest one that it had no time for stays
    too, without an answer: where others agree on one at once, a program as slow as the reference is doubtful. An
    input whose answer is unlike those to the own ones need not be answered.

    Args:
        questions: inputs, in the order in which they are asked.
        case_wall_s: seconds that one input may take there.
    """
    source = problem.contract or problem.reference
    known = None if problem.contract else _own_domain(problem, own, pool)
    near = [question for question in questions if not question.is_far]
    asked: list[tuple[Question, _TrustedAnswer]] = []
    for part, max_stops, time_share in (
        ([question for question in near if question.is_inside], _MAX_STOPS, 1.0),
        # Of those unlike the own inputs an answer tells little: few are worth a stop, and none much time.
        ([question for question in near if not question.is_inside], _FEW_STOPS, _SHORT),
        ([question for question in questions if question.is_far], _FEW_STOPS, _SHORT),
    ):
        answers = _ask_source(problem, source, part, reading, pool, max_stops, time_share)
        asked += zip(part, answers, strict=True)
    quick, slow, late = [], [], []
    for question, (key, value, wall_s) in asked:
        if known is not None and value and question.is_inside and not is_like(known, question.arguments, value):
            question = replace(question, is_inside=False, is_modest=False, may_be_refused=True)
        if key == UNKNOWN and question.is_inside and question.is_modest and not question.is_large:
            late.append(replace(question, is_slow=True))
        elif key not in (UNKNOWN, RAISED) and wall_s <= _QUICK * case_wall_s:
            quick.append((question, key))
        elif key not in (UNKNOWN, RAISED):
            slow.append((wall_s, replace(question, is_modest=False), key))
    slow.sort(key=lambda row: row[0])
    totals = itertools.accumulate(wall_s for wall_s, _, _ in slow)
    few = [row for row, total_s in zip(slow, totals, strict=True) if total_s <= _ALL_SLOW * case_wall_s]
    answered = [*quick, *((question, key) for _, question, key in few)]
    kept = [question for question, _ in answered]
    kept += late[-1:] if answered and not problem.contract else []  # they go by size
    return kept, {place: Consensus(key, 1.0, is_given=True) for place, (_, key) in enumerate(answered)}


class _TrustedAnswer(NamedTuple):
    """What a trusted program answers to one input: the answer's key and text, and its seconds."""

    key: str
    value: str
    wall_s: float


def _own_domain(problem: Problem, own: Sequence[str], pool: SandboxPool) -> InputDomain | None:
    """Return what the own inputs and the reference's answers to them have in common; None where it has none."""
    (ran,) = run_on_inputs(problem, [problem.reference], own, pool) if own else (Ran((), 0.0),)
    pairs = [(text, answer.value) for text, answer in zip(own, ran.answers, strict=False) if answer.value]
    return infer_answers([text for text, _ in pairs], [value for _, value in pairs]) if pairs else None


def _ask_source(
    problem: Problem,
    source: str,
    questions: Sequence[Question],
    reading: Case,
    pool: SandboxPool,
    max_stops: int,
    time_share: float,
) -> list[_TrustedAnswer]:
    """Return what a trusted program answers, UNKNOWN where it was stopped or not asked.

    An input that stops it costs no other its answer, but time: it goes on behind `max_stops` at most.
    """
    inputs = [question.arguments for question in questions]
    (ran,) = run_on_inputs(problem, [source], inputs, pool, n_stops=max_stops, time_share=time_share)
    if len(ran.answers) != len(inputs):
        return [_TrustedAnswer(UNKNOWN, "", 0.0)] * len(inputs)
    keys = answer_keys(ran, len(inputs), reading)
    return [_TrustedAnswer(key, one.value, one.wall_s) for key, one in zip(keys, ran.answers, strict=True)]


def collect_answers(
    problem: Problem,
    programs: Sequence[PassedProgram],
    questions: Sequence[Question],
    reading: Case,
    pool: SandboxPool,
) -> tuple[list[Question], list[Voter]]:
    """Return the remaining questions, and each program's answers.

    A program answers in one process, first what every right program must answer: what stops it there ends it, and
    what stops it later costs no other input its answer. Without a contract the first few programs show which
    inputs stop many; these are left out for the others. Programs whose sandbox broke have no answers.
    """
    near = [question for question in questions if not (question.is_far or question.is_slow)]
    near.sort(key=lambda question: (question.is_large, not _must_answer(question)))
    codes = [row.program.code for row in programs]
    n_probes = 0 if problem.contract else min(_N_PROBES, len(codes))
    asked = [question.arguments for question in near]
    rows = [(asked, ran) for ran in run_on_inputs(problem, codes[:n_probes], asked, pool, n_stops=_PROBE_STOPS)]
    near = _without_endless(near, [ran for _, ran in rows])
    kept = [question.arguments for question in near]
    n_final = sum(map(_must_answer, near))
    others = run_on_inputs(problem, codes[n_probes:], kept, pool, n_stops=_OTHER_STOPS, n_final=n_final)
    rows += [(kept, ran) for ran in others]
    keys = [dict(zip(texts, answer_keys(ran, len(texts), reading), strict=True)) for texts, ran in rows]
    decisive = {question.arguments for question in near if _must_answer(question) or question.is_large}
    going = [not decisive & _stops(texts, ran) for texts, ran in rows]
    far = _collect_far(
        problem, programs, [question for question in questions if question.is_far], reading, pool, keys, going
    )
    slow = [question for question in questions if question.is_slow]
    if slow:
        left = [place for place, is_going in enumerate(going) if is_going]
        asked = [question.arguments for question in slow]
        ran = run_on_inputs(problem, [codes[place] for place in left], asked, pool, time_share=_QUICK)
        for place, one in zip(left, ran, strict=True):
            keys[place].update(zip(asked, answer_keys(one, len(asked), reading), strict=True))
    stay = [*near, *slow, *far]
    return stay, [
        Voter(
            row.program.candidate_id,
            row.cluster,
            tuple(answers.get(question.arguments, UNKNOWN) for question in stay),
        )
        for row, answers, (_, ran) in zip(programs, keys, rows, strict=True)
        if ran.answers and ran.answers[0].status is not Status.NOT_RUN  # else it was asked nothing
    ]


def _collect_far(
    problem: Problem,
    programs: Sequence[PassedProgram],
    far: Sequence[Question],
    reading: Case,
    pool: SandboxPool,
    keys: Sequence[dict[str, str]],
    going: Sequence[bool],
) -> list[Question]:
    """Add the answers to far inputs to the keys; return those inputs that may count.

    Some programs are asked at a time, until so many have had no time for an input that it can't count any more.
    """
    weights = [*weigh_voters([Voter(row.program.candidate_id, row.cluster, ()) for row in programs]).values()]
    late = dict.fromkeys((question.arguments for question in far), 0.0)
    most = (1.0 - LARGE_SHARE) * sum(weights)
    for place, weight in enumerate(weights):
        if not going[place]:
            late = {text: sum_late + weight for text, sum_late in late.items()}
    left = [place for place, is_going in enumerate(going) if is_going]
    while left:
        inputs = [text for text, sum_late in late.items() if sum_late <= most]
        if not inputs:
            return []
        part, left = left[: pool.n_threads], left[pool.n_threads :]
        sources = [programs[place].program.code for place in part]
        ran = run_on_inputs(problem, sources, inputs, pool, n_stops=len(inputs), time_share=_SHORT)
        for place, one in zip(part, ran, strict=True):
            found = dict(zip(inputs, answer_keys(one, len(inputs), reading), strict=True))
            keys[place].update(found)
            for text, key in found.items():
                late[text] += weights[place] * (key == UNKNOWN)
    return [question for question in far if late[question.arguments] <= most]


def _must_answer(question: Question) -> bool:
    return question.is_inside and question.is_modest and not (question.is_large or question.is_slow)


def _stops(inputs: Sequence[str], ran: Ran) -> set[str]:
    """Return the inputs that stopped a program."""
    return {
        text
        for text, answer in zip(inputs, ran.answers, strict=False)
        if answer.status in STOPPING and answer.status is not Status.NOT_RUN
    }


def _without_endless(questions: Sequence[Question], probes: Sequence[Ran]) -> list[Question]:
    """Return the questions without those that stop a few programs, which would cost the others their time.

    An input like the own ones must stop half of the probes to be left out, another one any of them. A few of those
    that every right program must answer are kept, behind the others; large ones come last and are kept.
    """
    probes = [ran for ran in probes if ran.answers]
    kept: list[Question] = []
    late: list[Question] = []
    for place, question in enumerate(questions):
        n_stopped = sum(ran.answers[place].status in STOPPING for ran in probes)
        is_endless = 2 * n_stopped >= len(probes) if question.is_inside else n_stopped
        if question.is_large or not probes or not is_endless:
            kept.append(question)
        elif _must_answer(question) and len(late) < _N_LATE:
            late.append(question)
    n = sum(not question.is_large for question in kept)
    return [*kept[:n], *late, *kept[n:]]


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
