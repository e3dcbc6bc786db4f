"""Which synthesised problems are kept: solvable, not trivial, strongly tested, of one meaning, new.

A problem is left out by the first rule that it breaks; its card has all that was measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pairsmith.pipeline.crosscheck.mutations import measure_adequacy
from pairsmith.pipeline.crosscheck.run import run_on_inputs
from pairsmith.pipeline.judging.equality import matches
from pairsmith.pipeline.problems.contamination import Benchmarks
from pairsmith.pipeline.publishing.scanning import has_secret
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.syntax.duplicates import jaccard
from pairsmith.pipeline.synthesis.asking import only_written, signature_in, words_of
from pairsmith.pipeline.synthesis.parsing import fits_signature
from pairsmith.schemas.execution import CaseRun
from pairsmith.schemas.problem import JudgedBy, Problem
from pairsmith.schemas.synthesis import (
    GeneratedTest,
    ProblemAgreement,
    ProblemCard,
    ResponseAgreement,
    ResponseLabel,
)
from pairsmith.schemas.values import decode_value

NEAR_THRESHOLD = 0.7  # Jaccard similarity of the 3-grams of two tasks' words from which they are one
N_MUTANTS = 12  # of an accepted solution
_MIN_KILLED = 0.5  # share of them that the accepted cases must kill; mutants that mean the same can't be killed
_MAX_PASS_RATE = 0.95  # of the responses: above it a problem is trivial
_MIN_CASES = 3  # accepted ones: fewer are no evidence
_OFF_SHARE = 0.5  # of the tests: more of them about another signature, and task and tests mean different functions


@dataclass(frozen=True, slots=True)
class JudgedProblem:
    """A problem with its accepted cases, and its card; whether it is new is not looked at yet."""

    problem: Problem
    card: ProblemCard


def fitting_tests(
    suites: Sequence[Sequence[GeneratedTest]], signature: str
) -> tuple[list[tuple[GeneratedTest, ...]], int]:
    """Return the suites without the tests that the signature doesn't allow, and how many these were.

    A case's arguments must be as many and of the types that it says, and so must the value.
    """
    n_off, kept = 0, list[tuple[GeneratedTest, ...]]()
    for suite in suites:
        good = tuple(test for test in suite if _fits(test, signature))
        n_off += len(suite) - len(good)
        kept.append(good)
    return kept, n_off


def _fits(test: GeneratedTest, signature: str) -> bool:
    if test.case is None:
        return True
    arguments, expected = decode_value(test.case.arguments), decode_value(test.case.expected)
    with_value = test.case.compare == "equal" and not test.case.view
    return fits_signature(signature, arguments, expected, with_value)


def judge_problem(
    problem: Problem,
    card: ProblemCard,
    agreement: ProblemAgreement,
    responses: Sequence[ResponseAgreement],
    codes: Mapping[str, str],
    benchmarks: Benchmarks | None,
    seed: int,
    pool: SandboxPool,
) -> JudgedProblem:
    """Return a problem with its accepted cases and its card.

    Args:
        card: what is known of where it comes from; `n_off_signature` is counted already.

    Raises:
        SandboxError: if the sandbox stays broken.
    """
    signature = signature_in(problem.prompt)
    cases = only_written(agreement.cases, problem.entry_point)
    cases = tuple(case for case in cases if _fits(GeneratedTest(case), signature))
    chosen = sorted(
        (row for row in responses if row.standing is ResponseLabel.CHOSEN),
        key=lambda row: (-row.posterior, len(codes[row.candidate_id]), row.candidate_id),
    )
    done = replace(problem, cases=cases, judged_by=JudgedBy.CASES if cases else JudgedBy.NOTHING)
    card = replace(
        card,
        n_responses=len(responses),
        n_chosen=len(chosen),
        n_rejected=sum(row.standing is ResponseLabel.REJECTED for row in responses),
        posterior=agreement.posterior,
        n_tests=agreement.n_tests,
        n_cases=len(cases),
        best_id=chosen[0].candidate_id if chosen else "",
    )
    reason = _first_reason(card, agreement)
    if not reason:
        best = codes[card.best_id]
        drawn = [codes.get(row.candidate_id, "") for row in responses]
        adequacy = measure_adequacy(done, best, agreement.inputs, N_MUTANTS, seed, pool)
        card = replace(
            card,
            pass_rate=pass_rate(done, drawn, pool),
            n_mutants=adequacy.n_mutants,
            n_killed=adequacy.n_killed,
            contaminated_by=_overlap(problem, best, benchmarks),
        )
        reason = _later_reason(problem, card, best)
    return JudgedProblem(done, replace(card, reason=reason))


def _first_reason(card: ProblemCard, agreement: ProblemAgreement) -> str:
    if not agreement.n_responses:
        return "no_response"
    n_written = card.n_tests + card.n_off_signature
    if n_written and card.n_off_signature > _OFF_SHARE * n_written:
        return "prompt_and_tests_disagree"
    if not agreement.n_tests:
        return "no_tests"
    if not card.n_chosen:
        return "no_dominant_answer"
    return "too_few_cases" if card.n_cases < _MIN_CASES else ""


def _later_reason(problem: Problem, card: ProblemCard, best: str) -> str:
    if card.pass_rate > _MAX_PASS_RATE:
        return "trivial"
    if card.n_killed < _MIN_KILLED * card.n_mutants:
        return "weak_tests"
    if has_secret(problem.prompt) or has_secret(best):
        return "secret"
    return "contaminated" if card.contaminated_by else ""


def pass_rate(problem: Problem, sources: Sequence[str], pool: SandboxPool) -> float:
    """Return the share of programs that pass all of a problem's cases; an empty program fails."""
    distinct = sorted({source for source in sources if source})
    inputs = [case.arguments for case in problem.cases]
    passing = set()
    for source, ran in zip(distinct, run_on_inputs(problem, distinct, inputs, pool), strict=True):
        runs = [CaseRun(answer.status, answer.value, "", answer.exception, 0.0) for answer in ran.answers]
        if len(runs) == len(problem.cases) and all(map(matches, problem.cases, runs)):
            passing.add(source)
    return sum(source in passing for source in sources) / max(len(sources), 1)


def _overlap(problem: Problem, best: str, benchmarks: Benchmarks | None) -> str:
    if benchmarks is None:
        return ""
    return benchmarks.find_prompt(words_of(problem.prompt)) or benchmarks.find_code(analyse(best).fingerprints[2])


def drop_repeated(judged: Sequence[JudgedProblem], codes: Mapping[str, str]) -> list[JudgedProblem]:
    """Return all with those marked that repeat a kept one: its words, or its solution up to names.

    Args:
        judged: of one run; those kept by the rules are compared in the order of their posterior.
    """
    kept: list[tuple[str, frozenset[bytes], str]] = []
    marked: dict[str, JudgedProblem] = {}
    for row in sorted(judged, key=lambda row: (-row.card.posterior, row.problem.problem_id)):
        if not row.card.reason:
            words = _word_grams(words_of(row.problem.prompt))
            renamed = analyse(codes.get(row.card.best_id, "")).fingerprints[2]
            near = (
                name
                for name, other, code in kept
                if jaccard(words, other) >= NEAR_THRESHOLD or (code and code == renamed)
            )
            if repeated := next(near, ""):
                row = JudgedProblem(row.problem, replace(row.card, reason="repeated", near=repeated))
            else:
                kept.append((row.problem.problem_id, words, renamed))
        marked[row.problem.problem_id] = row
    return [marked[row.problem.problem_id] for row in judged]


def _word_grams(text: str) -> frozenset[bytes]:
    words = text.lower().split()
    return frozenset(" ".join(words[start : start + 3]).encode() for start in range(max(len(words) - 2, 1)))
