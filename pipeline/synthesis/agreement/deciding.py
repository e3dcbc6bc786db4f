"""From what was estimated to labels: only what is beyond the thresholds is chosen or rejected."""

import hashlib
from collections.abc import Sequence
from typing import Any

from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN, reading_of
from pairsmith.pipeline.judging.tolerance import AGREED_RTOL
from pairsmith.pipeline.judging.values import view_value
from pairsmith.pipeline.sandbox import Answer
from pairsmith.pipeline.synthesis.agreement.behaviours import Behaviours, find_behaviours
from pairsmith.pipeline.synthesis.agreement.estimate import Coefficients, Joint, estimate
from pairsmith.pipeline.synthesis.agreement.evidence import Evidence
from pairsmith.schemas.agreement import ProblemAgreement, ResponseAgreement, Standing
from pairsmith.schemas.config import AgreementConfig
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case, Problem
from pairsmith.schemas.values import Opaque, ValueTooLargeError, decode_value, encode_value

_CASE_POSTERIOR = 0.8  # from here on an answer is a case's expected value
_LEAST = 3  # tests, and inputs: fewer are no evidence


def judge_evidence(
    problem: Problem,
    evidence: Evidence,
    response_ids: Sequence[str],
    config: AgreementConfig,
    coefficients: Coefficients,
) -> tuple[ProblemAgreement, list[ResponseAgreement]]:
    """Return what agreement makes of a problem and of each response.

    Args:
        problem: what was asked.
        evidence: all that was seen of it.
        response_ids: of all responses; those without code are rejected where a behaviour dominates.
        config: thresholds.
        coefficients: of the estimate (see `calibration`).
    """
    behaviours = find_behaviours(evidence)
    joint = estimate(evidence, behaviours, coefficients)
    posteriors = response_posteriors(evidence, behaviours, joint)
    top = float(joint.groups.max(initial=0.0))
    chosen = chosen_programs(evidence, behaviours, joint, config)
    is_dominant = bool(chosen)
    rows = _responses(problem, evidence, behaviours, posteriors, response_ids, chosen, config)
    agreement = ProblemAgreement(
        problem_id=problem.problem_id,
        n_responses=len(evidence.responses),
        n_programs=len(evidence.keys),
        n_groups=len(behaviours.groups),
        n_suites=sum(bool(suite) for suite in evidence.said),
        n_tests=len(evidence.tests),
        n_inputs=len(evidence.inputs),
        n_counted=len(behaviours.counted),
        posterior=top,
        is_dominant=is_dominant,
        test_posterior=joint.rate,
        cases=accept_cases(evidence, behaviours, joint, _CASE_POSTERIOR) if is_dominant else (),
        inputs=tuple(evidence.inputs[place] for place in behaviours.counted),
    )
    return agreement, rows


def can_decide(evidence: Evidence) -> bool:
    """Return whether there is enough to choose anything: some test, and a few inputs that tests ask for."""
    return len(evidence.tests) >= _LEAST and len({*evidence.inputs[: evidence.n_asked]}) >= _LEAST


def chosen_programs(
    evidence: Evidence, behaviours: Behaviours, joint: Joint, config: AgreementConfig
) -> frozenset[int]:
    """Return the numbers of the programs that are likely enough right to be chosen."""
    if not can_decide(evidence):
        return frozenset()
    return frozenset(
        program
        for group, share, passed in zip(behaviours.groups, joint.groups, joint.passed, strict=True)
        if share >= config.chosen_posterior and passed >= config.chosen_tests
        for program in group.programs
    )


def response_posteriors(evidence: Evidence, behaviours: Behaviours, joint: Joint) -> dict[str, float]:
    """Return how likely each response with code is right: as likely as its behaviour."""
    of_program = {
        program: float(share)
        for group, share in zip(behaviours.groups, joint.groups, strict=True)
        for program in group.programs
    }
    return {
        response.response_id: of_program[program]
        for response, program in zip(evidence.responses, evidence.program_of, strict=True)
    }


def accept_cases(evidence: Evidence, behaviours: Behaviours, joint: Joint, least: float) -> tuple[Case, ...]:
    """Return a case for each input that tests ask for, on whose answer the likely behaviours agree.

    Args:
        evidence: of one problem.
        behaviours: of the same; joint: how likely each is.
        least: probability that an answer must have, given that some behaviour seen is right.
    """
    total = float(joint.groups.sum())
    reading = reading_of([test.case for test in evidence.tests if test.case is not None])
    cases = []
    for column, place in enumerate(behaviours.counted):
        if place >= evidence.n_asked or not total:
            continue
        shares: dict[str, float] = {}
        for group, share in zip(behaviours.groups, joint.groups, strict=True):
            shares[group.keys[column]] = shares.get(group.keys[column], 0.0) + float(share)
        key = max(shares, key=lambda answer: (shares[answer], answer))
        if key in (RAISED, UNKNOWN) or shares[key] < least * total:
            continue
        program = next(group.programs[0] for group in behaviours.groups if group.keys[column] == key)
        answer = evidence.matrix.answers[evidence.matrix.rows[program][place]]
        case = _case(evidence.inputs[place], answer, reading)
        if case is not None:
            cases.append(case)
    return tuple(cases)


def _case(arguments: str, answer: Answer, reading: Case) -> Case | None:
    """Return the case that an accepted answer makes, None where its value can't be written down."""
    if answer.status is not Status.OK:
        return None
    try:
        value: Any = view_value(decode_value(answer.value), reading.view)
        if reading.compare in ("truthy", "falsy"):
            return Case(arguments, encode_value(bool(value)), "truthy" if value else "falsy")
        if isinstance(value, Opaque):
            return None
        if isinstance(value, float) and value - value == 0 and not value.is_integer():
            return Case(
                arguments, encode_value(value), "approx", max(reading.atol, AGREED_RTOL * abs(value)), reading.view
            )
        return Case(arguments, encode_value(value), view=reading.view)
    except (TypeError, ValueError, OverflowError, RecursionError, ValueTooLargeError):
        return None


def _responses(
    problem: Problem,
    evidence: Evidence,
    behaviours: Behaviours,
    posteriors: dict[str, float],
    response_ids: Sequence[str],
    chosen: frozenset[int],
    config: AgreementConfig,
) -> list[ResponseAgreement]:
    program_of = {
        response.response_id: program
        for response, program in zip(evidence.responses, evidence.program_of, strict=True)
    }
    group_of = {program: group for group in behaviours.groups for program in group.programs}
    total = behaviours.weight
    rows = []
    for response_id in response_ids:
        program = program_of.get(response_id)
        if program is None:
            standing = Standing.REJECTED if chosen else Standing.UNDECIDED
            rows.append(ResponseAgreement(response_id, problem.problem_id, standing, 0.0, "", 0.0, 0, 0))
            continue
        group, posterior = group_of[program], posteriors[response_id]
        known = [bool(row[program]) for row in evidence.passes if row[program] is not None]
        rows.append(
            ResponseAgreement(
                candidate_id=response_id,
                problem_id=problem.problem_id,
                standing=_standing(posterior, program in chosen, config),
                posterior=posterior,
                group=hashlib.sha256("\0".join(group.keys).encode("utf-8", "replace")).hexdigest()[:32],
                group_share=group.weight / total,
                n_tests=len(known),
                n_passed=sum(known),
            )
        )
    return rows


def _standing(posterior: float, is_chosen: bool, config: AgreementConfig) -> Standing:
    if is_chosen:
        return Standing.CHOSEN
    return Standing.REJECTED if posterior <= config.rejected_posterior else Standing.UNDECIDED
