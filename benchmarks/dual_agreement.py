"""Dual execution agreement, CodeT's method: the sets of responses that pass the same tests.

Source: Chen et al. 2022, arXiv:2207.10397, section 2.3. The score of a set is that of the authors' code: the
square root of the number of its responses, times the number of the tests that they pass, both with repetitions.
"""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass

from pairsmith.pipeline.synthesis.evidence import AgreementEvidence

N_TESTS_A_SUITE = 5  # as its authors take the first five asserts of each answer


@dataclass(frozen=True, slots=True)
class ConsensusSet:
    """Responses that pass the same tests.

    Attributes:
        responses: their numbers.
        tests: the numbers of the tests that they pass, each once.
        score: see the module; 0.0 where no test is passed.
    """

    responses: tuple[int, ...]
    tests: tuple[int, ...]
    score: float


def find_consensus_sets(evidence: AgreementEvidence, n_tests: int = N_TESTS_A_SUITE) -> list[ConsensusSet]:
    """Return all sets, the highest score first.

    Args:
        evidence: of one problem.
        n_tests: tests of each suite that count, the first.
    """
    counts = Counter(test for suite in evidence.suites for test in suite[:n_tests])
    groups: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, program in enumerate(evidence.program_of):
        groups[tuple(test for test in sorted(counts) if evidence.passes[test][program])].append(number)
    sets = [
        ConsensusSet(tuple(responses), tests, math.sqrt(len(responses)) * sum(counts[test] for test in tests))
        for tests, responses in groups.items()
    ]
    return sorted(sets, key=lambda found: (-found.score, found.responses))
