"""How many different programs and behaviours a model writes.

The share of distinct programs falls with the number of programs, whatever the model: two models are compared
at equal numbers, by rarefaction. Plain programs are told apart by their renaming-proof fingerprint, programs
that don't parse by their exact one; answers without code are one program.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pairsmith.pipeline.evaluation.scores.errors import ScoringError
from pairsmith.pipeline.evaluation.scores.pass_at_k import estimate_pass_at_k
from pairsmith.schemas.syntax import Syntax
from pairsmith.schemas.verdict import Cause, Label, Verdict


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
