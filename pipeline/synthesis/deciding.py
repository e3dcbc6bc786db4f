"""From what was estimated to labels: only what is beyond the thresholds is chosen or rejected."""

import hashlib
from collections.abc import Sequence
from typing import Any

from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN, reading_of
from pairsmith.pipeline.judging.tolerance import AGREED_RTOL
from pairsmith.pipeline.judging.values import view_value
from pairsmith.pipeline.synthesis.estimate import (
    Behaviours,
    Coefficients,
    Estimate,
    estimate,
    find_behaviours,
)
from pairsmith.pipeline.synthesis.evidence import AgreementEvidence
from pairsmith.schemas.config import AgreementConfig
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case, Problem
from pairsmith.schemas.synthesis import GivenAnswer, ProblemAgreement, ResponseAgreement, ResponseLabel
from pairsmith.schemas.values import Opaque, ValueTooLargeError, decode_value, encode_value

_CASE_POSTERIOR = 0.8  # probability, given that some behaviour seen is right, from which an answer makes a case
CHOSEN_TESTS = 0.3
"""Share of the tests, each weighted by its surprise, that a chosen response passes (`benchmarks/agreement.py`)."""
_LEAST = 3  # tests, and inputs: fewer are no evidence


def judge_evidence(
    problem: Problem,
    evidence: AgreementEvidence,
    response_ids: Sequence[str],
    config: AgreementConfig,
    coefficients: Coefficients,
) -> tuple[ProblemAgreement, list[ResponseAgreement]]:
    """Return what agreement makes of a problem and of each response.

    Args:
        response_ids: of all responses; those without code are rejected where a behaviour dominates.
        coefficients: of the estimate, see `read_calibration`.
    """
    behaviours = find_behaviours(evidence)
    estimated = estimate(evidence, behaviours, coefficients)
    chosen = _chosen_programs(evidence, behaviours, estimated, config)
    agreement = ProblemAgreement(
        problem_id=problem.problem_id,
        n_responses=len(evidence.responses),
        n_programs=len(evidence.keys),
        n_groups=len(behaviours.groups),
        n_suites=sum(bool(suite) for suite in evidence.suites),
        n_tests=len(evidence.tests),
        n_inputs=len(evidence.inputs),
        n_counted=len(behaviours.counted),
        posterior=float(estimated.groups.max(initial=0.0)),
        is_dominant=bool(chosen),
        cases=_accept_cases(evidence, behaviours, estimated) if chosen else (),
        inputs=tuple(evidence.inputs[place] for place in behaviours.counted),
    )
    return agreement, _responses(problem, evidence, behaviours, estimated, response_ids, chosen, config)


def can_decide(evidence: AgreementEvidence) -> bool:
    """Return whether there is enough to choose anything: some test, and a few inputs that tests ask for."""
    return len(evidence.tests) >= _LEAST and len({*evidence.inputs[: evidence.n_asked]}) >= _LEAST


def _chosen_programs(
    evidence: AgreementEvidence, behaviours: Behaviours, estimated: Estimate, config: AgreementConfig
) -> frozenset[int]:
    """Return the numbers of the programs that are likely enough right to be chosen."""
    if not can_decide(evidence):
        return frozenset()
    return frozenset(
        program
        for group, share, passed in zip(behaviours.groups, estimated.groups, estimated.passed, strict=True)
        if share >= config.chosen_posterior and passed >= CHOSEN_TESTS
        for program in group.programs
    )


def _accept_cases(evidence: AgreementEvidence, behaviours: Behaviours, estimated: Estimate) -> tuple[Case, ...]:
    """Return a case for each input that tests ask for, on whose answer the likely behaviours agree."""
    total = float(estimated.groups.sum())
    reading = reading_of([test.case for test in evidence.tests if test.case is not None])
    cases = []
    for column, place in enumerate(behaviours.counted):
        if place >= evidence.n_asked or not total:
            continue
        shares: dict[str, float] = {}
        for group, share in zip(behaviours.groups, estimated.groups, strict=True):
            shares[group.keys[column]] = shares.get(group.keys[column], 0.0) + float(share)
        key = max(shares, key=lambda answer: (shares[answer], answer))
        if key in (RAISED, UNKNOWN) or shares[key] < _CASE_POSTERIOR * total:
            continue
        program = next(group.programs[0] for group in behaviours.groups if group.keys[column] == key)
        answer = evidence.ran.answers[evidence.ran.rows[program][place]]
        case = _case(evidence.inputs[place], answer, reading)
        if case is not None:
            cases.append(case)
    return tuple(cases)


def _case(arguments: str, answer: GivenAnswer, reading: Case) -> Case | None:
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
    evidence: AgreementEvidence,
    behaviours: Behaviours,
    estimated: Estimate,
    response_ids: Sequence[str],
    chosen: frozenset[int],
    config: AgreementConfig,
) -> list[ResponseAgreement]:
    """Return the rows of all responses; one is as likely right as its behaviour."""
    program_of = {
        response.response_id: program
        for response, program in zip(evidence.responses, evidence.program_of, strict=True)
    }
    shared = zip(behaviours.groups, estimated.groups.tolist(), strict=True)
    group_of = {program: (group, share) for group, share in shared for program in group.programs}
    rows = []
    for response_id in response_ids:
        program = program_of.get(response_id)
        if program is None:
            standing = ResponseLabel.REJECTED if chosen else ResponseLabel.UNDECIDED
            rows.append(ResponseAgreement(response_id, problem.problem_id, standing, 0.0, "", 0.0, 0, 0))
            continue
        group, posterior = group_of[program]
        known = [bool(row[program]) for row in evidence.passes if row[program] is not None]
        rows.append(
            ResponseAgreement(
                candidate_id=response_id,
                problem_id=problem.problem_id,
                standing=_standing(posterior, program in chosen, config),
                posterior=posterior,
                group=hashlib.sha256("\0".join(group.keys).encode("utf-8", "replace")).hexdigest()[:32],
                group_share=group.weight / behaviours.weight,
                n_tests=len(known),
                n_passed=sum(known),
            )
        )
    return rows


def _standing(posterior: float, is_chosen: bool, config: AgreementConfig) -> ResponseLabel:
    if is_chosen:
        return ResponseLabel.CHOSEN
    return ResponseLabel.REJECTED if posterior <= config.rejected_posterior else ResponseLabel.UNDECIDED
