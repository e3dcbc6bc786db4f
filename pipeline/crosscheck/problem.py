"""Crosschecks one problem: its passed candidates against more inputs than its tests have."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from pairsmith.pipeline.crosscheck.mutations import Adequacy, measure_adequacy
from pairsmith.pipeline.crosscheck.questions import (
    PassedProgram,
    ask_reference,
    collect_answers,
    derive_questions,
    large_questions,
    own_inputs,
)
from pairsmith.pipeline.crosscheck.run import UNKNOWN, reading_of
from pairsmith.pipeline.crosscheck.vote import (
    LARGE_SHARE,
    MIN_PROGRAMS,
    MIN_SHARE_OUTSIDE,
    Consensus,
    Question,
    Voter,
    disagreements,
    find_consensus,
    group_votes,
    split_share,
    weigh_voters,
)
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.config import CrosscheckConfig
from pairsmith.schemas.problem import Interface, Problem
from pairsmith.schemas.verdict import CandidateCrosscheck, CrosscheckResult, ProblemCrosscheck

_N_SHOWN = 3
_N_PROGRAMS = 200  # different passed ones that run on derived inputs at most, clusters in turns
_CLEAR_SHARE = 0.9  # of the votes, from which who differs is outvoted: of ten independent programs all but one
_WEAK_SHARE = 0.05  # votes apart from the commonest answer; one odd program in a hundred makes no problem weak


def crosscheck_problem(
    problem: Problem, passed: Sequence[PassedProgram], pool: SandboxPool, config: CrosscheckConfig, seed: int
) -> tuple[ProblemCrosscheck, list[CandidateCrosscheck]]:
    """Return the crosscheck of a problem, and of its passed candidates, one row each.

    The reference decides where there is one; else the consensus, if there are enough different programs.

    Args:
        problem: the problem; with a contract, a reference, or neither.
        pool: where everything runs; there are no expected values that could enter it.

    Raises:
        SandboxError: if the sandbox can't be restarted.
    """
    own = own_inputs(problem, passed, pool)
    questions = derive_questions(problem, own, config, seed)
    programs = _different(passed, _N_PROGRAMS)
    reading = reading_of(problem.cases)
    given: Mapping[int, Consensus] = {}
    method = ""
    questions += large_questions(problem, own) if questions else []
    if questions and problem.reference:
        questions, given = ask_reference(problem, questions, reading, pool, config.wall_s / 3, own)
        method = "reference"
    elif questions and len(programs) >= MIN_PROGRAMS:
        method = "consensus"
    voters: list[Voter] = []
    if method and programs:
        by_input = {questions[place].arguments: answer for place, answer in given.items()}
        questions, voters = collect_answers(problem, programs, questions, reading, pool)
        given = {
            place: by_input[question.arguments]
            for place, question in enumerate(questions)
            if question.arguments in by_input
        }
    answers = _answers(given, voters, questions, bool(problem.contract)) if voters else given
    if not answers:
        method = ""
    rows = _judge_candidates(passed, voters, questions, answers, method)
    adequacy = _adequacy(problem, rows, passed, questions, own, pool, config, seed)
    return _sum_up(problem, questions, voters, answers, method, adequacy), rows


def _different(passed: Sequence[PassedProgram], n: int) -> list[PassedProgram]:
    """Return one candidate a different program, at most n, clusters in turns so that none is left out."""
    by_code: dict[str, PassedProgram] = {}
    for row in sorted(passed, key=lambda row: row.program.candidate_id):
        by_code.setdefault(row.program.code, row)
    turns: Counter[str] = Counter()
    ordered = []
    for row in by_code.values():
        turns[row.cluster] += 1
        ordered.append((turns[row.cluster], row.program.candidate_id, row))
    return [row for _, _, row in sorted(ordered, key=lambda turn: turn[:2])][:n]


def _answers(
    given: Mapping[int, Consensus], voters: Sequence[Voter], questions: Sequence[Question], has_contract: bool
) -> dict[int, Consensus]:
    """Return the answers that count: the reference's, and the consensus on what it had no answer to.

    Without a contract, an input unlike the own ones counts only if most candidates agree with the reference. A
    very large input counts only if half of the candidates give its answer in time: else every loop over a number
    would be late.
    """
    weights = weigh_voters(voters)
    counted = {}
    for place, answer in given.items():
        agreed = sum(weights[voter.program_id] for voter in voters if voter.keys[place] == answer.key)
        answered = sum(weights[voter.program_id] for voter in voters if voter.keys[place] != UNKNOWN)
        question = questions[place]
        is_known = has_contract or question.is_inside or 0 < MIN_SHARE_OUTSIDE * answered <= agreed
        if is_known and (not question.is_far or agreed >= LARGE_SHARE * sum(weights.values())):
            counted[place] = answer
    if has_contract:
        return counted
    agreeing = [voter for voter in voters if not disagreements(voter.keys, counted, questions)]
    open_places = [place for place in range(len(questions)) if place not in given]
    found = find_consensus(agreeing or voters, questions, open_places)
    if given:  # nobody must answer in time what the reference had no time for
        found = {place: answer for place, answer in found.items() if answer.key != UNKNOWN}
    return counted | found


def _judge_candidates(
    passed: Sequence[PassedProgram],
    voters: Sequence[Voter],
    questions: Sequence[Question],
    answers: Mapping[int, Consensus],
    method: str,
) -> list[CandidateCrosscheck]:
    code_of = {row.program.candidate_id: row.program.code for row in passed}
    by_code = {code_of[voter.program_id]: voter for voter in voters}
    groups = group_votes(voters)
    total = sum(groups.values())
    rows = []
    for row in passed:
        voter = by_code.get(row.program.code)
        key = (row.program.candidate_id, row.program.problem_id)
        if voter is None or not method:
            rows.append(CandidateCrosscheck(*key, CrosscheckResult.UNCHECKED, "", 0, 0, "", 0.0))
            continue
        against = disagreements(voter.keys, answers, questions)
        standing = _standing(voter.keys, against, answers, questions)
        group = hashlib.sha256("\0".join(voter.keys).encode()).hexdigest()[:32]
        n_agreed, support = len(answers) - len(against), groups[voter.keys] / total
        rows.append(CandidateCrosscheck(*key, standing, method, len(answers), n_agreed, group, support))
    return rows


def _standing(
    keys: Sequence[str], against: Sequence[int], answers: Mapping[int, Consensus], questions: Sequence[Question]
) -> CrosscheckResult:
    if not against:
        return CrosscheckResult.CONFIRMED
    late = {
        place for place in against if keys[place] == UNKNOWN and _may_be_slow(questions[place], answers[place])
    }
    if any(answers[place].is_given for place in against if place not in late):
        return CrosscheckResult.REFUTED
    clear = [
        place
        for place in against
        if place not in late
        and answers[place].key != UNKNOWN
        and questions[place].is_inside
        and answers[place].share >= _CLEAR_SHARE
    ]
    return CrosscheckResult.OUTVOTED if clear else CrosscheckResult.DOUBTFUL


def _may_be_slow(question: Question, answer: Consensus) -> bool:
    """Return whether a right program may have no time for this input: it is only slower than most."""
    return question.is_far or (question.is_large and not answer.is_given)


def _adequacy(
    problem: Problem,
    rows: Sequence[CandidateCrosscheck],
    passed: Sequence[PassedProgram],
    questions: Sequence[Question],
    own: Sequence[str],
    pool: SandboxPool,
    config: CrosscheckConfig,
    seed: int,
) -> Adequacy:
    """Return how many mutants of the reference, or of a confirmed candidate, the problem's own tests kill."""
    confirmed = {row.candidate_id for row in rows if row.standing is CrosscheckResult.CONFIRMED}
    codes = sorted(row.program.code for row in passed if row.program.candidate_id in confirmed)
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


def _sum_up(
    problem: Problem,
    questions: Sequence[Question],
    voters: Sequence[Voter],
    answers: Mapping[int, Consensus],
    method: str,
    adequacy: Adequacy,
) -> ProblemCrosscheck:
    """Return what was found of a problem; `answers` are those that count, by the place of their question."""
    inside = [place for place, question in enumerate(questions) if question.is_inside]
    splits = {place: split_share(voters, place) for place in inside} if len(voters) > 1 else {}
    refuted = [
        place
        for place in answers
        if any(place in disagreements(voter.keys, answers, questions) for voter in voters)
    ]
    worst = sorted((place for place in splits if splits[place] > 0), key=lambda place: (-splits[place], place))
    groups = group_votes(voters, inside)
    shown = worst or refuted
    return ProblemCrosscheck(
        problem_id=problem.problem_id,
        n_derived=len(questions),
        n_counted=len(answers),
        method=method,
        n_passed=len(voters),
        n_groups=len(groups),
        top_support=max(groups.values()) / sum(groups.values()) if groups else 0.0,
        is_weak=any(share >= _WEAK_SHARE for share in splits.values())
        or (method == "reference" and bool(refuted)),
        splitting_inputs=tuple(questions[place].arguments for place in shown[:_N_SHOWN]),
        n_mutants=adequacy.n_mutants,
        n_killed=adequacy.n_killed,
    )
