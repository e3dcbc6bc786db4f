"""How likely each behaviour is the right one, and the labels that follow beyond thresholds.

One behaviour is right, or none of those seen. For it speak the weight of its responses; the tests that it passes,
each weighed by how surprising it would be if a wrong test said the same (minus the logarithm of how often the
problem's tests say that value about other inputs: so two values to choose from prove little, a rare one much); and
answers that vary with the input. Against it speak inputs that it refuses. The parts are combined log-linearly (a
logarithmic opinion pool, Genest and Zidek 1986, doi:10.1214/ss/1177013825), with coefficients that were fitted on
problems with known tests.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter
from scipy.special import log_softmax

from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN, reading_of
from pairsmith.pipeline.judging.tolerance import AGREED_RTOL
from pairsmith.pipeline.judging.values import view_value
from pairsmith.pipeline.run import packaged_folder
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.synthesis.evidence import AgreementEvidence, Behaviours, Group, find_behaviours
from pairsmith.schemas.config import AgreementConfig
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case, Problem
from pairsmith.schemas.synthesis import GivenAnswer, ProblemAgreement, ResponseAgreement, ResponseLabel
from pairsmith.schemas.values import Opaque, ValueTooLargeError, decode_value, encode_value

Floats = npt.NDArray[np.float64]
_CASE_POSTERIOR = 0.8  # probability, given that some behaviour seen is right, from which an answer makes a case
CHOSEN_TESTS = 0.3
"""Share of the tests, each weighted by its surprise, that a chosen response passes (`benchmarks/agreement.py`)."""
_LEAST = 3  # tests, and inputs: fewer are no evidence
FEATURES = ("share", "tests", "variety", "refusals", "constant")
_LEAST_CHANCE, _MOST_CHANCE = 0.02, 0.9  # bounds of how often a wrong test says a value
_CODE_CHANCE = 0.5  # a test that is code is true or not


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Weights of the evidence, and the log-odds that no behaviour seen is right."""

    weights: tuple[float, ...]
    none: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was estimated of one problem, an entry a behaviour.

    Attributes:
        groups: probability that it is right; what is missing to 1 is the probability that none is.
        passed: share of the tests' surprise that it passes, in [0, 1].
    """

    groups: Floats
    passed: Floats


def estimate(evidence: AgreementEvidence, behaviours: Behaviours, coefficients: Coefficients) -> Estimate:
    """Return how likely each behaviour of a problem is right."""
    rows = features(evidence, behaviours)
    scores = np.append(rows @ np.array(coefficients.weights), coefficients.none)
    return Estimate(np.exp(log_softmax(scores))[:-1], rows[:, FEATURES.index("tests")])


def features(evidence: AgreementEvidence, behaviours: Behaviours) -> Floats:
    """Return the evidence for each behaviour, [groups, features], as `FEATURES` names it."""
    total = behaviours.weight
    rows = [
        (
            math.log(group.weight / total),
            passed,
            _variety(group),
            _refusals(group),
            float(len(set(group.keys)) < 2),
        )
        for group, passed in zip(behaviours.groups, _passed_shares(evidence, behaviours), strict=True)
    ]
    return np.array(rows, np.float64).reshape(len(rows), len(FEATURES))


def _passed_shares(evidence: AgreementEvidence, behaviours: Behaviours) -> Floats:
    """Return the share of the tests' surprise that each behaviour passes, in [0, 1]; 0 without tests.

    A test of n suites counts sqrt(n), since suites of one model repeat its mistakes.
    """
    n_suites = Counter(test for suite in evidence.suites for test in suite)
    weights = np.sqrt([float(n_suites[number]) for number in range(len(evidence.tests))])
    surprise = weights * -np.log(_chances(evidence))
    passes = np.array(
        [[_passes(row, group) for row in evidence.passes] for group in behaviours.groups], np.float64
    ).reshape(len(behaviours.groups), len(evidence.tests))
    shares: Floats = passes @ surprise / max(float(surprise.sum()), 1e-12)
    return shares


def _passes(row: Sequence[bool | None], group: Group) -> bool:
    """Return whether a behaviour passes a test: what most of its programs do; not where nothing is known."""
    known = [bool(row[program]) for program in group.programs if row[program] is not None]
    return bool(known) and 2 * sum(known) >= len(known)


def _chances(evidence: AgreementEvidence) -> Floats:
    """Return how often tests of other inputs expect the same value as each test."""
    values = [None if test.case is None else (test.case.expected, test.case.view) for test in evidence.tests]
    inputs = [None if test.case is None else test.case.arguments for test in evidence.tests]
    of_value, of_both, of_input = Counter(values), Counter(zip(values, inputs, strict=True)), Counter(inputs)
    total = len(values)
    chances = [
        _CODE_CHANCE
        if value is None
        else (of_value[value] - of_both[value, place] + 0.5) / (total - of_input[place] + 1.0)
        for value, place in zip(values, inputs, strict=True)
    ]
    return np.clip(np.array(chances, np.float64), _LEAST_CHANCE, _MOST_CHANCE)


def _refusals(group: Group) -> float:
    """Return the share of the inputs that count to which a behaviour gives no value, in [0, 1]."""
    return sum(key in (RAISED, UNKNOWN) for key in group.keys) / max(len(group.keys), 1)


def _variety(group: Group) -> float:
    """Return how much a behaviour's answers vary, in [0, 1]: entropy over its most; 0 for one answer to all."""
    known = [key for key in group.keys if key not in (RAISED, UNKNOWN)]
    if len(known) < 2:
        return 0.0
    counts = np.array(list(Counter(known).values()), np.float64)
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum() / math.log(len(known)))


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
        coefficients: of the estimate, see `read_coefficients`.
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
    if not can_decide(evidence):
        return frozenset()
    return frozenset(
        program
        for group, share, passed in zip(behaviours.groups, estimated.groups, estimated.passed, strict=True)
        if share >= config.chosen_posterior and passed >= CHOSEN_TESTS
        for program in group.programs
    )


def _accept_cases(evidence: AgreementEvidence, behaviours: Behaviours, estimated: Estimate) -> tuple[Case, ...]:
    """Return a case for each input of the tests on which the likely behaviours agree."""
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


class CalibrationError(PairsmithError):
    """Coefficients can't be read."""


def read_coefficients(path: Path | None = None) -> Coefficients:
    """Return the coefficients of a calibration, a file of `benchmarks/agreement.py`; None reads the shipped one.

    Raises:
        CalibrationError: if the file isn't there, or is none of this version.
    """
    path = path if path is not None else packaged_folder("calibration", "data/calibration") / "agreement.json"
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tuple(tree["features"]) != FEATURES:
            raise ValueError(f"features {tree['features']}, not {FEATURES}")
        return TypeAdapter(Coefficients).validate_python(tree["coefficients"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CalibrationError(
            f"{path}: no calibration ({error}); make one with benchmarks/agreement.py"
        ) from None
