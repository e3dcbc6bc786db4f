"""Holds a problem's passed candidates against more inputs than its tests have."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pairsmith.pipeline.crosscheck.answers import UNKNOWN, reading_of
from pairsmith.pipeline.crosscheck.asking import (
    Passed,
    ask_reference,
    collect_answers,
    derive_questions,
    drop_endless,
    large_questions,
    own_inputs,
)
from pairsmith.pipeline.crosscheck.mutants import Adequacy, measure_adequacy
from pairsmith.pipeline.crosscheck.problems import sum_up
from pairsmith.pipeline.crosscheck.voting import (
    LARGE_SHARE,
    Consensus,
    Question,
    Voter,
    disagreements,
    find_consensus,
    weigh_voters,
)
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.config import CrosscheckConfig
from pairsmith.schemas.problem import Interface, Problem
from pairsmith.schemas.standing import CandidateStanding, ProblemStanding, Standing


@dataclass(frozen=True, slots=True)
class Stood:
    """What was found of one problem."""

    problem: ProblemStanding
    candidates: tuple[CandidateStanding, ...]


def hold_problem(
    problem: Problem, passed: Sequence[Passed], pool: SandboxPool, config: CrosscheckConfig, seed: int
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
    own = own_inputs(problem, passed, pool)
    questions = derive_questions(problem, own, config, seed)
    programs = _different(passed, config.n_programs)
    reading = reading_of(problem.cases)
    told: Mapping[int, Consensus] = {}
    method = ""
    questions += large_questions(problem, own) if questions else []
    if questions and problem.reference:
        questions, told = ask_reference(problem, questions, reading, pool, config.wall_s / 3)
        method = "reference"
    elif questions and len(programs) >= config.min_programs:
        method = "consensus"
    if method and not problem.contract and programs:
        questions, told = _without_endless(problem, programs, questions, told, pool)
    voters = collect_answers(problem, programs, questions, reading, pool) if method else []
    truth = _truth(told, voters, questions, config, bool(problem.contract)) if voters else told
    if not truth:
        method = ""
    rows = _stand(passed, voters, questions, truth, method, config)
    adequacy = _adequacy(problem, rows, passed, questions, own, pool, config, seed)
    return Stood(sum_up(problem, questions, voters, truth, method, adequacy), tuple(rows))


def _without_endless(
    problem: Problem,
    programs: Sequence[Passed],
    questions: Sequence[Question],
    told: Mapping[int, Consensus],
    pool: SandboxPool,
) -> tuple[list[Question], dict[int, Consensus]]:
    answers = {questions[place].arguments: answer for place, answer in told.items()}
    kept = drop_endless(problem, programs, questions, pool)
    return kept, {place: answers[one.arguments] for place, one in enumerate(kept) if one.arguments in answers}


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


def _truth(
    told: Mapping[int, Consensus],
    voters: Sequence[Voter],
    questions: Sequence[Question],
    config: CrosscheckConfig,
    has_contract: bool,
) -> dict[int, Consensus]:
    """Return the answers that count: the reference's, and the consensus on what it had no answer to.

    Without a contract nobody says whether an input unlike the own ones must be answered so: there most candidates
    must agree with the reference. A far input counts where half of them answer it in time as the reference does:
    else every loop over a number would be late.
    """
    weights = weigh_voters(voters)
    given = {}
    for place, answer in told.items():
        agreed = sum(weights[voter.program_id] for voter in voters if voter.keys[place] == answer.key)
        answered = sum(weights[voter.program_id] for voter in voters if voter.keys[place] != UNKNOWN)
        question = questions[place]
        is_known = has_contract or question.is_inside or 0 < config.min_share_outside * answered <= agreed
        if is_known and (not question.is_far or agreed >= LARGE_SHARE * sum(weights.values())):
            given[place] = answer
    if has_contract:
        return given
    agreeing = [voter for voter in voters if not disagreements(voter.keys, given, questions)]
    open_places = [place for place in range(len(questions)) if place not in told]
    return given | find_consensus(agreeing or voters, questions, config, open_places)


def _stand(
    passed: Sequence[Passed],
    voters: Sequence[Voter],
    questions: Sequence[Question],
    truth: Mapping[int, Consensus],
    method: str,
    config: CrosscheckConfig,
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
        standing = _standing(told.keys, against, truth, questions, config)
        group = hashlib.sha256("\0".join(told.keys).encode()).hexdigest()[:32]
        n_agreed, support = len(truth) - len(against), groups[told.keys] / total
        rows.append(CandidateStanding(*key, standing, method, len(truth), n_agreed, group, support))
    return rows


def _standing(
    keys: Sequence[str],
    against: Sequence[int],
    truth: Mapping[int, Consensus],
    questions: Sequence[Question],
    config: CrosscheckConfig,
) -> Standing:
    if not against:
        return Standing.CONFIRMED
    late = {place for place in against if keys[place] == UNKNOWN and _may_be_slow(questions[place], truth[place])}
    if any(truth[place].is_given for place in against if place not in late):
        return Standing.REFUTED
    clear = [
        place
        for place in against
        if place not in late
        and truth[place].key != UNKNOWN
        and questions[place].is_inside
        and truth[place].share >= config.clear_share
    ]
    return Standing.OUTVOTED if clear else Standing.DOUBTFUL


def _may_be_slow(question: Question, answer: Consensus) -> bool:
    """Return whether a right program may have no time for this input: it is only slower than most."""
    return question.is_far or (question.is_large and not answer.is_given)


def _adequacy(
    problem: Problem,
    rows: Sequence[CandidateStanding],
    passed: Sequence[Passed],
    questions: Sequence[Question],
    own: Sequence[str],
    pool: SandboxPool,
    config: CrosscheckConfig,
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
