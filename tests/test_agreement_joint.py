"""The joint estimate: what counts as evidence, what doesn't, and whether its probabilities are honest."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.agreement_fitting import fit, measure_bins
from pairsmith.pipeline.synthesis.estimate import (
    FEATURES,
    CalibrationError,
    Coefficients,
    estimate,
    features,
    judge_evidence,
    read_coefficients,
)
from pairsmith.pipeline.synthesis.evidence import find_behaviours
from pairsmith.schemas.config import AgreementConfig
from pairsmith.schemas.synthesis import ResponseLabel
from tests.agreement_kit import make_evidence
from tests.sampling_kit import make_problem

KNOWN = read_coefficients()
SQUARES, DOUBLES, ZEROS = [0, 1, 4, 9, 16, 25], [0, 2, 4, 6, 8, 10], [0] * 6
GOOD = [{2: 4, 3: 9, 4: 16}, {1: 1, 5: 25, 3: 9}, {3: 9, 4: 17}]


def best(evidence: object) -> int:
    from pairsmith.pipeline.synthesis.evidence import AgreementEvidence

    assert isinstance(evidence, AgreementEvidence)
    behaviours = find_behaviours(evidence)
    joint = estimate(evidence, behaviours, KNOWN)
    return behaviours.groups[int(joint.groups.argmax())].programs[0]


def test_groups_are_behaviours_and_copies_are_one_opinion() -> None:
    rows = [(9, DOUBLES), (1, SQUARES), (1, SQUARES), (1, SQUARES), (1, SQUARES)]
    behaviours = find_behaviours(make_evidence(rows, GOOD))
    assert [group.programs for group in behaviours.groups] == [(1, 2, 3, 4), (0,)]
    assert [group.weight for group in behaviours.groups] == pytest.approx([4.0, 3.0])


def test_an_input_that_most_refuse_does_not_count() -> None:
    evidence = make_evidence([(3, [1, 2]), (3, [1, 3])], [{0: 1}])
    keys = tuple((row[0], "raised") for row in evidence.keys[:1]) + evidence.keys[1:]
    from dataclasses import replace

    split = find_behaviours(replace(evidence, keys=((keys[0][0], "raised"), keys[1])))
    assert split.counted == (0, 1)  # half of the weight answers it
    refused = find_behaviours(replace(evidence, keys=(("1", "raised"), ("1", "raised"))))
    assert refused.counted == (0,)
    assert len(refused.groups) == 1


def test_tests_outweigh_a_majority_that_fails_them() -> None:
    programs = [(4, DOUBLES), (3, SQUARES)]
    assert best(make_evidence(programs, GOOD * 3)) == 1


def test_rare_values_prove_more_than_common_ones() -> None:
    """Tests say 1 about most inputs and 4711 about one: who passes that one knows more."""
    told = [{0: 1, 1: 1, 2: 1, 3: 4711}]
    knows, guesses = [0, 0, 0, 4711], [1, 0, 0, 0]
    evidence = make_evidence([(2, knows), (2, guesses)], told)
    behaviours = find_behaviours(evidence)
    by_program = dict(
        zip([group.programs[0] for group in behaviours.groups], features(evidence, behaviours), strict=True)
    )
    at = FEATURES.index("tests")
    assert by_program[0][at] > 1.5 * by_program[1][at] > 0


def test_labels_need_tests_and_a_behaviour_that_dominates() -> None:
    problem, config = make_problem("f"), AgreementConfig()
    ids = [f"r{number}.{copy}" for number in range(3) for copy in range(3)]
    split = make_evidence([(3, SQUARES), (3, DOUBLES), (3, ZEROS)], [])
    agreement, rows = judge_evidence(problem, split, ids, config, KNOWN)
    assert not agreement.is_dominant
    assert agreement.cases == ()
    assert {row.standing for row in rows} <= {ResponseLabel.UNDECIDED, ResponseLabel.REJECTED}
    clear = make_evidence([(3, SQUARES), (3, SQUARES), (3, DOUBLES)], GOOD * 3, n_asked=5)
    agreement, rows = judge_evidence(problem, clear, [*ids, "no code"], config, KNOWN)
    assert agreement.is_dominant
    assert {case.arguments: case.expected for case in agreement.cases} == {f"[{n}]": str(n * n) for n in range(5)}
    assert [row.standing for row in rows[:6]] == [ResponseLabel.CHOSEN] * 6
    assert all(row.standing is not ResponseLabel.CHOSEN for row in rows[6:])
    assert rows[-1].standing is ResponseLabel.REJECTED


def test_no_response_and_no_input_break_nothing() -> None:
    config, problem = AgreementConfig(), make_problem("f")
    nothing = make_evidence([(1, [])], [])
    agreement, rows = judge_evidence(problem, nothing, ["r0.0"], config, KNOWN)
    assert (agreement.n_inputs, agreement.cases, rows[0].standing) == (0, (), ResponseLabel.UNDECIDED)
    from dataclasses import replace

    empty = replace(nothing, responses=(), program_of=(), keys=())
    agreement, rows = judge_evidence(problem, empty, ["gone"], config, KNOWN)
    assert (agreement.n_responses, rows[0].standing) == (0, ResponseLabel.UNDECIDED)


@pytest.mark.slow
def test_a_fit_on_simulated_problems_is_honest_on_others() -> None:
    """Behaviours are drawn, one is right at a known rate; held-out posteriors must match how often it is."""
    chance = np.random.default_rng(3)

    def simulate() -> tuple[np.ndarray, np.ndarray]:
        n = int(chance.integers(2, 8))
        rows = chance.normal(size=(n, len(FEATURES)))
        scores = np.append(rows @ np.array([1.5, 1.0, 0.5, 0.0, 0.0]), 0.5)
        shares = np.exp(scores) / np.exp(scores).sum()
        right = np.zeros(n, np.bool_)
        picked = int(chance.choice(n + 1, p=shares))
        if picked < n:
            right[picked] = True
        return rows, right

    known = [simulate() for _ in range(600)]
    coefficients = fit(known)
    assert coefficients.weights[:3] == pytest.approx((1.5, 1.0, 0.5), abs=0.35)
    posteriors, truth = [], []
    for rows, right in [simulate() for _ in range(600)]:
        scores = np.append(rows @ np.array(coefficients.weights), coefficients.none)
        posteriors.append((np.exp(scores) / np.exp(scores).sum())[:-1])
        truth.append(right)
    _, error = measure_bins(posteriors, truth)
    assert error < 0.03


def test_a_calibration_is_read_back_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    row = {"features": FEATURES, "coefficients": {"weights": [0.5] * len(FEATURES), "none": -1.0}, "error": 0.1}
    (tmp_path / "own.json").write_text(json.dumps(row))
    assert read_coefficients(tmp_path / "own.json") == Coefficients((0.5,) * len(FEATURES), -1.0) != KNOWN
    (tmp_path / "old.json").write_text(json.dumps({**row, "features": ["other"]}))
    (tmp_path / "torn.json").write_text(json.dumps({"features": FEATURES}))
    for name in ("missing.json", "old.json", "torn.json"):
        with pytest.raises(CalibrationError, match=r"agreement\.py"):
            read_coefficients(tmp_path / name)


def test_posteriors_are_binned_against_the_truth() -> None:
    bins, _ = measure_bins([np.array([0.0, 0.5, 0.99])], [np.array([False, True, True])])
    assert [(one.n, one.right) for one in bins] == [(1, 0.0), (1, 1.0), (1, 1.0)]
