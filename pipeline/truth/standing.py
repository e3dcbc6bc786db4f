"""Holds a problem's passed candidates against more inputs than its tests have."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.sandbox import SandboxPool
from pipeline.truth.answers import RAISED, UNKNOWN, answer_keys, reading_of
from pipeline.truth.domain import infer_domain, is_inside
from pipeline.truth.inputs import derive_inputs, is_modest, large_inputs
from pipeline.truth.mutants import Adequacy, measure_adequacy
from pipeline.truth.problems import sum_up
from pipeline.truth.running import list_asked, run_on_inputs
from pipeline.truth.voting import (
    Consensus,
    Question,
    Voter,
    disagreements,
    find_consensus,
    weigh_voters,
)
from schemas.candidate import Program
from schemas.problem import Case, Interface, JudgedBy, Problem
from schemas.standing import CandidateStanding, ProblemStanding, Standing
from schemas.truth_config import TruthConfig

_N_ASKED = 60  # inputs that are taken from a test that runs in a sandbox of its own
_N_PROBES = 3
_PROBE_ROUNDS = 3
_N_LATE = 2


@dataclass(frozen=True, slots=True)
class Passed:
    """A passed candidate: its program, and its near-duplicate cluster."""

    program: Program
    cluster: str


@dataclass(frozen=True, slots=True)
class Stood:
    """What was found of one problem."""

    problem: ProblemStanding
    candidates: tuple[CandidateStanding, ...]


def hold_problem(
    problem: Problem, passed: Sequence[Passed], pool: SandboxPool, config: TruthConfig, seed: int
) -> Stood:
    """Return the standing of a problem's passed candidates, one row each, and of the problem.

    The reference decides where there is one; else the consensus, if there are enough different programs.

    Args:
        problem: the problem; with a contract, a reference, or neither.
        passed: candidates that passed its tests.
        pool: where everything runs; expected values never enter it, since nobody knows them.
        config: budgets and thresholds.
        seed: of derived inputs and mutants.

    Raises:
        SandboxError: if the sandbox stays broken.
    """
    own = _own_inputs(problem, passed, pool)
    questions = _ask(problem, own, config, seed)
    programs = _different(passed, config.n_programs)
    reading = reading_of(problem.cases)
    truth: Mapping[int, Consensus] = {}
    method = ""
    if questions and problem.reference:
        questions, truth = _ask_reference(problem, own, questions, reading, pool)
        method = "reference"
        if not problem.contract and programs:
            asked = {question.arguments: truth[place] for place, question in enumerate(questions)}
            questions = _drop_endless(problem, programs, questions, pool)
            truth = {place: asked[question.arguments] for place, question in enumerate(questions)}
    elif questions and len(programs) >= config.min_programs:
        questions = _drop_endless(problem, programs, questions, pool)
        method = "consensus"
    voters = _answers(problem, programs, questions, reading, pool) if method else []
    if method == "consensus":
        truth = find_consensus(voters, questions, config)
    elif method == "reference":
        truth = _believed(truth, voters, questions, config, bool(problem.contract))
    if not truth:
        method = ""
    rows = _stand(passed, voters, questions, truth, method, config)
    adequacy = _adequacy(problem, rows, passed, questions, own, pool, config, seed)
    return Stood(sum_up(problem, questions, voters, truth, method, adequacy), tuple(rows))


def _own_inputs(problem: Problem, passed: Sequence[Passed], pool: SandboxPool) -> tuple[str, ...]:
    """Return the inputs of the problem's tests; those of test code are what it asks of a passed program."""
    if problem.interface is not Interface.FUNCTION or problem.language != "python" or not passed:
        return ()
    if problem.judged_by is JudgedBy.TESTER:
        return list_asked(problem, passed[0].program.code, _N_ASKED, pool)
    return tuple(dict.fromkeys(case.arguments for case in problem.cases))


def _ask(problem: Problem, own: Sequence[str], config: TruthConfig, seed: int) -> list[Question]:
    """Return derived inputs: those like the problem's own first, then by size."""
    if not own or not config.n_inputs:
        return []
    derived = derive_inputs(own, config.n_inputs, f"{seed}:{problem.problem_id}")
    known = infer_domain(own)
    questions = [Question(text, is_inside(known, text), is_modest(own, text)) for text in derived]
    return sorted(questions, key=lambda question: not question.is_inside)  # stable: by size within each


def _different(passed: Sequence[Passed], n: int) -> list[Passed]:
    """Return one candidate a different program, at most n, clusters in turns so that none is left out."""
    programs = {
        one.program.code: one for one in sorted(passed, key=lambda one: one.program.candidate_id, reverse=True)
    }
    turns: dict[str, int] = {}
    ordered = []
    for one in sorted(programs.values(), key=lambda one: one.program.candidate_id):
        turns[one.cluster] = turns.get(one.cluster, 0) + 1
        ordered.append((turns[one.cluster], one.program.candidate_id, one))
    return [one for _, _, one in sorted(ordered, key=lambda row: row[:2])][:n]


def _ask_reference(
    problem: Problem, own: Sequence[str], questions: Sequence[Question], reading: Case, pool: SandboxPool
) -> tuple[list[Question], dict[int, Consensus]]:
    """Return the questions that the reference answers, with its answers; the contract says which are allowed.

    Large inputs come to them: the reference tells which of these a good solution answers in time.
    """
    known = infer_domain(own)
    large = [Question(text, is_inside(known, text), True) for text in large_inputs(own)]
    asked = [*questions, *large]
    source = problem.contract or problem.reference
    keys = _source_keys(problem, source, asked, reading, pool)
    kept = [(question, key) for question, key in zip(asked, keys, strict=True) if key not in (UNKNOWN, RAISED)]
    return [question for question, _ in kept], {place: Consensus(key, 1.0) for place, (_, key) in enumerate(kept)}


def _source_keys(
    problem: Problem, source: str, questions: Sequence[Question], reading: Case, pool: SandboxPool
) -> list[str]:
    """Return a trusted program's answers; one input that stops it costs no other its answer."""
    keys: list[str] = []
    while len(keys) < len(questions):
        left = [question.arguments for question in questions[len(keys) :]]
        (ran,) = run_on_inputs(problem, [source], left, pool)
        if not ran.answers:
            return [UNKNOWN] * len(questions)
        keys += [*answer_keys(ran, len(left), reading)[: ran.n_answered], UNKNOWN][: len(left)]
    return keys


def _drop_endless(
    problem: Problem, programs: Sequence[Passed], questions: Sequence[Question], pool: SandboxPool
) -> list[Question]:
    """Return the questions without those that stop a few programs: each would cost all the ones after it.

    An input like the own ones must stop half of the probes to be left out, another one any of them. Those that
    whoever is right must answer are kept, at the end.
    """
    probes = [one.program.code for one in programs[:_N_PROBES]]
    parts: list[Question] = []
    late: list[Question] = []
    for is_inside_part in (True, False):
        kept = [question for question in questions if question.is_inside is is_inside_part]
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
    return parts + late


def _first_stop(
    problem: Problem, probes: Sequence[str], questions: Sequence[Question], by_half: bool, pool: SandboxPool
) -> int:
    """Return the place of the first question that stops half of the probes, or any; their number if none does."""
    if not questions:
        return 0
    ran = run_on_inputs(problem, probes, [question.arguments for question in questions], pool)
    stops = sorted(row.n_answered for row in ran if row.answers)
    return stops[len(stops) // 2 if by_half else 0] if stops else len(questions)


def _answers(
    problem: Problem, programs: Sequence[Passed], questions: Sequence[Question], reading: Case, pool: SandboxPool
) -> list[Voter]:
    """Return what each program answers. Inputs unlike the own ones are run apart: what they stop is not lost."""
    codes = [one.program.code for one in programs]
    keys: list[dict[str, str]] = [{} for _ in programs]
    for is_inside_part in (True, False):
        inputs = [question.arguments for question in questions if question.is_inside is is_inside_part]
        if not inputs:
            continue
        for told, ran in zip(keys, run_on_inputs(problem, codes, inputs, pool), strict=True):
            told.update(zip(inputs, answer_keys(ran, len(inputs), reading), strict=True))
    return [
        Voter(one.program.candidate_id, one.cluster, tuple(told[question.arguments] for question in questions))
        for one, told in zip(programs, keys, strict=True)
    ]


def _believed(
    truth: Mapping[int, Consensus],
    voters: Sequence[Voter],
    questions: Sequence[Question],
    config: TruthConfig,
    has_contract: bool,
) -> dict[int, Consensus]:
    """Return the reference's answers that count.

    Without a contract nobody says whether an input unlike the own ones must be answered so: there most candidates
    must agree with the reference.
    """
    if has_contract:
        return dict(truth)
    weights = weigh_voters(voters)
    believed = {}
    for place, answer in truth.items():
        agreed = sum(weights[voter.program_id] for voter in voters if voter.keys[place] == answer.key)
        told = sum(weights[voter.program_id] for voter in voters if voter.keys[place] != UNKNOWN)
        if questions[place].is_inside or (told and agreed >= config.min_share_outside * told):
            believed[place] = answer
    return believed


def _stand(
    passed: Sequence[Passed],
    voters: Sequence[Voter],
    questions: Sequence[Question],
    truth: Mapping[int, Consensus],
    method: str,
    config: TruthConfig,
) -> list[CandidateStanding]:
    of_code = {one.program.candidate_id: one.program.code for one in passed}
    by_code = {of_code[voter.program_id]: voter for voter in voters}
    weights = weigh_voters(voters)
    groups: dict[tuple[str, ...], float] = {}
    for voter in voters:
        groups[voter.keys] = groups.get(voter.keys, 0.0) + weights[voter.program_id]
    total = sum(groups.values())
    rows = []
    for one in passed:
        told = by_code.get(one.program.code)
        key = (one.program.candidate_id, one.program.problem_id)
        if told is None or not method or all(answer == UNKNOWN for answer in told.keys):
            rows.append(CandidateStanding(*key, Standing.UNCHECKED, "", 0, 0, "", 0.0))
            continue
        against = disagreements(told.keys, truth, questions)
        standing = _standing(against, truth, questions, method, config)
        group = hashlib.sha256("\0".join(told.keys).encode()).hexdigest()[:32]
        n_agreed, support = len(truth) - len(against), groups[told.keys] / total
        rows.append(CandidateStanding(*key, standing, method, len(truth), n_agreed, group, support))
    return rows


def _standing(
    against: Sequence[int],
    truth: Mapping[int, Consensus],
    questions: Sequence[Question],
    method: str,
    config: TruthConfig,
) -> Standing:
    if not against:
        return Standing.CONFIRMED
    if method == "reference":
        return Standing.REFUTED
    clear = [
        place
        for place in against
        if truth[place].key != UNKNOWN and questions[place].is_inside and truth[place].share >= config.clear_share
    ]
    return Standing.OUTVOTED if clear else Standing.DOUBTFUL


def _adequacy(
    problem: Problem,
    rows: Sequence[CandidateStanding],
    passed: Sequence[Passed],
    questions: Sequence[Question],
    own: Sequence[str],
    pool: SandboxPool,
    config: TruthConfig,
    seed: int,
) -> Adequacy:
    """Return how many mutants of the reference, or of a confirmed candidate, the problem's own tests kill."""
    confirmed = {row.candidate_id for row in rows if row.standing is Standing.CONFIRMED}
    codes = sorted(one.program.code for one in passed if one.program.candidate_id in confirmed)
    source = problem.reference or (codes[0] if codes else "")
    if (
        not source
        or not config.n_mutants
        or problem.language != "python"
        or problem.interface is not Interface.FUNCTION
    ):
        return Adequacy(0, 0)
    inputs = [question.arguments for question in questions if question.is_inside]
    return measure_adequacy(problem, source, [*own, *inputs], config.n_mutants, seed, pool)
