"""Pass@k, and how many different programs and behaviours a model writes.

The share of distinct programs falls with the number of draws, whatever the model: two models are compared at equal
numbers, by rarefaction. Programs are told apart by their renaming-proof fingerprint, programs that don't parse by
their exact one; answers without code are one program.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.syntax import Syntax
from pairsmith.schemas.verdict import Cause, Label, Verdict


class ScoringError(PairsmithError):
    """Something can't be scored or compared."""


@dataclass(frozen=True, slots=True)
class Abundances:
    """How often each distinct thing came among a problem's decided candidates, largest count first.

    Attributes:
        syntax: candidates a distinct program; the sum is the number of decided candidates.
        behaviour: candidates a distinct behaviour signature (a cause, where nothing ran).
        passed: passed candidates a distinct program.
    """

    problem_id: str
    syntax: tuple[int, ...]
    behaviour: tuple[int, ...]
    passed: tuple[int, ...]


def rarefied_distinct(counts: Sequence[int], m: int) -> float:
    """Return how many distinct kinds m draws hold in expectation, drawn without replacement.

    A kind is missed with probability C(N - N_i, m) / C(N, m), which is one minus the pass@m of its N_i items
    among all N: so the expectation is a sum of pass@m.

    Args:
        counts: items of each kind, N_i >= 1; N is their sum.
        m: draws, 1 <= m <= N.

    Raises:
        ValueError: if m is outside [1, N].

    Source: Hurlbert 1971, Ecology 52:577-586, E(S_n) (doi:10.2307/1934145).
    """
    n = sum(counts)
    if not 1 <= m <= n:
        raise ValueError(f"{m} draws from {n} items: it needs 1 <= m <= {n}")
    return sum(estimate_pass_at_k(n, count, m) for count in counts)


def count_abundances(
    verdicts: Iterable[Verdict], syntax: Iterable[Syntax], problem_ids: Collection[str]
) -> dict[str, Abundances]:
    """Return the abundances of each problem by its id, sorted by id; undecided candidates are left out.

    Args:
        verdicts: verdicts of the candidates; those of other problems are passed over.
        syntax: syntax of the candidates; may lack answers without code.
        problem_ids: the problems, those without a decided candidate included.

    Raises:
        ScoringError: if a decided candidate with code has no syntax.
    """
    trees = {tree.candidate_id: tree for tree in syntax}
    wanted = frozenset(problem_ids)
    of_problem: defaultdict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.problem_id in wanted and verdict.label is not Label.UNDECIDED:
            of_problem[verdict.problem_id].append(verdict)
    return {key: _abundances_of(key, of_problem[key], trees) for key in sorted(wanted)}


def _abundances_of(problem_id: str, verdicts: list[Verdict], trees: dict[str, Syntax]) -> Abundances:
    programs = [_fingerprint(verdict, trees) for verdict in verdicts]
    passed = [
        program for program, verdict in zip(programs, verdicts, strict=True) if verdict.label is Label.PASSED
    ]
    behaviours = [verdict.signature or str(verdict.cause) for verdict in verdicts]
    return Abundances(problem_id, _counts(programs), _counts(behaviours), _counts(passed))


def _counts(kinds: list[str]) -> tuple[int, ...]:
    return tuple(sorted(Counter(kinds).values(), reverse=True))


def _fingerprint(verdict: Verdict, trees: dict[str, Syntax]) -> str:
    if verdict.cause is Cause.NO_CODE:
        return "no code"
    tree = trees.get(verdict.candidate_id)
    if tree is None:
        raise ScoringError(
            f"{verdict.problem_id}: candidate {verdict.candidate_id} has a verdict and no syntax; "
            "run the parse stage on the same candidates"
        )
    return tree.renamed or tree.exact


def estimate_pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased pass@k of one problem, in [0, 1].

    Args:
        n: candidates drawn.
        c: candidates that passed, 0 <= c <= n.
        k: draws allowed, 1 <= k <= n.

    Raises:
        ValueError: if k > n, where no unbiased estimate exists, or another argument is out of its range.

    Source: Chen et al. 2021, arXiv:2107.03374, equation 1, as the product of its appendix: no binomial
    coefficient is formed, so large n neither overflows nor cancels.
    """
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} candidates: it needs 1 <= k <= n; draw more, or ask for a smaller k")
    if not 0 <= c <= n:
        raise ValueError(f"{c} of {n} candidates passed: it needs 0 <= c <= n")
    if n - c < k:
        return 1.0
    all_fail = 1.0
    for m in range(n - c + 1, n + 1):
        all_fail *= 1.0 - k / m
    return 1.0 - all_fail


def rarefied_hill(counts: Sequence[int], m: int, order: int) -> float:
    """Return the effective number of kinds among m draws, expected over all ways to draw them without replacement.

    Order 0 counts kinds alike, so it is Hurlbert's expected number of kinds. Order 1 weighs each by how often it
    comes (the exponential of Shannon's entropy), order 2 counts the frequent ones only (the inverse of Simpson's
    index). All are m where all draws differ, and 1 where all are alike; two models are comparable at the same m.

    Args:
        counts: items of each kind, N_i >= 1; N is their sum.
        m: draws, 1 <= m <= N.
        order: 0, 1 or 2.

    Raises:
        ValueError: if m is outside [1, N], or there is no such order.

    Source: Chao et al. 2014, Ecological Monographs 84:45-67 (doi:10.1890/13-0133.1), equations 4 and 5: the Hill
    number of the expected frequency counts f_k(m) = sum over i of C(N_i, k) C(N - N_i, m - k) / C(N, m).
    """
    kinds = rarefied_distinct(counts, m)
    if order == 0:
        return kinds
    if order not in (1, 2):
        raise ValueError(f"order {order}: 0, 1 and 2 are known")
    frequencies = expected_frequencies(counts, m)
    if order == 1:
        entropy = -sum(f * (k / m) * math.log(k / m) for k, f in enumerate(frequencies, start=1))
        return math.exp(entropy)
    return 1.0 / sum(f * (k / m) ** 2 for k, f in enumerate(frequencies, start=1))


def expected_frequencies(counts: Sequence[int], m: int) -> list[float]:
    """Return how many kinds are expected to come k times among m draws, for k from 1 to m."""
    n = sum(counts)
    ways = math.comb(n, m)
    return [
        sum(math.comb(count, k) * math.comb(n - count, m - k) for count in counts if count >= k) / ways
        for k in range(1, m + 1)
    ]
