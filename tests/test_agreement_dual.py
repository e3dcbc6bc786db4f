"""Dual execution agreement: the example of its paper's method, and the repetition that its score counts."""

import math

from benchmarks.dual_agreement import find_consensus_sets
from tests.agreement_kit import make_evidence


def test_sets_are_responses_that_pass_the_same_tests() -> None:
    evidence = make_evidence([(4, [1, 2, 3]), (1, [1, 9, 3]), (9, [7, 7, 7])], [{0: 1, 1: 2, 2: 3}, {0: 1, 2: 9}])
    sets = find_consensus_sets(evidence)
    assert [(one.responses, one.tests) for one in sets] == [
        ((0, 1, 2, 3), (0, 1, 2)), ((4,), (0, 2)), (tuple(range(5, 14)), ()),
    ]  # fmt: skip
    # the test about input 0 was written twice
    assert [one.score for one in sets] == [math.sqrt(4) * 4, math.sqrt(1) * 3, 0.0]


def test_only_the_first_tests_of_a_suite_count() -> None:
    evidence = make_evidence([(1, [0] * 8)], [dict.fromkeys(range(8), 0)])
    assert find_consensus_sets(evidence)[0].tests == (0, 1, 2, 3, 4)
    assert len(find_consensus_sets(evidence, 8)[0].tests) == 8
