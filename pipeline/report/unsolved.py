"""Which problems made trouble, by name, and the likeliest reason: left out, without a label, never solved."""

from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

import polars as pl

from pairsmith.pipeline.problems.stage import left_out_problems, placed_problems
from pairsmith.pipeline.report.facts import LeftOut, ProblemOutcome, UndecidedCount
from pairsmith.pipeline.report.words import spoken
from pairsmith.schemas.verdict import Cause, Label

N_WEAKEST = 10
_BY_DETAIL = [Cause.MISSING_PACKAGE.value, Cause.SUSPECT_TEST.value]
_UNRUN = {Cause.NO_CODE, Cause.NO_ANSWER, Cause.MISSING_ENTRY_POINT, Cause.SYNTAX_ERROR, Cause.COMPILE_ERROR}
_LIMITS = {Cause.TIMEOUT, Cause.MEMORY, Cause.OUTPUT_LIMIT}
_LEAST_AGREED = 3  # different programs with the same wrong answers that make the tests suspect
_N_CASES_NAMED = 3


def weakest_problems(problems: Iterable[ProblemOutcome]) -> list[ProblemOutcome]:
    """Return the problems with the lowest pass rates; among equals, those with more candidates come first."""
    decided = [problem for problem in problems if problem.n_decided]
    decided.sort(key=lambda problem: (problem.pass_rate, -problem.n_decided, problem.problem_id))
    return [problem for problem in decided if problem.pass_rate < 1.0][:N_WEAKEST]


def list_undecided(verdicts: pl.LazyFrame) -> tuple[UndecidedCount, ...]:
    """Return the undecided candidates by cause, the commonest first.

    Missing packages are counted by package, suspect tests by the error of the test.
    """
    by_detail = pl.when(pl.col("cause").is_in(_BY_DETAIL)).then("detail").otherwise(pl.lit(""))
    rows = (
        verdicts.filter(label=Label.UNDECIDED.value)
        .group_by("cause", detail=by_detail)
        .agg(n=pl.len().cast(pl.Int64), problem_ids=pl.col("problem_id").unique().sort())
        .sort("n", "cause", "detail", descending=[True, False, False])
        .collect()
    )
    return tuple(UndecidedCount(cause, detail, n, tuple(ids)) for cause, detail, n, ids in rows.iter_rows())


def list_left_out(run: Path, present: Collection[str]) -> tuple[LeftOut, ...]:
    """Return the problems that a run asked for and does not have, with the reason.

    Args:
        present: ids of the problems that the run has.
    """
    left = [LeftOut(*row) for row in left_out_problems(run)]
    lost = sorted(placed_problems(run).keys() - set(present)) if present else []
    why = "its reference fails its tests or gives no answer"
    return (*left, *(LeftOut(problem_id, "reference_failed", why) for problem_id in lost))


def explain_failures(
    weakest: Iterable[ProblemOutcome], verdicts: pl.LazyFrame, syntax: pl.LazyFrame
) -> dict[str, str]:
    """Return the likeliest reason why each of the weakest problems is solved seldom or never, by id."""
    weakest = list(weakest)
    columns = ["candidate_id", "problem_id", "cause", "detail", "n_cases", "passed_cases", "signature"]
    repeats = syntax.filter(pl.col("duplicate_of") != "").select("candidate_id")
    failed = (
        verdicts.filter(
            pl.col("problem_id").is_in([problem.problem_id for problem in weakest]), label=Label.FAILED.value
        )
        .select(columns)
        .join(repeats, on="candidate_id", how="anti")
        .sort("candidate_id")
        .collect()
    )
    of = {key[0]: rows for key, rows in failed.partition_by("problem_id", as_dict=True).items()}
    return {
        problem.problem_id: f"mostly {spoken(problem.main_cause)}"
        if problem.n_passed
        else _why_never(problem, of.get(problem.problem_id, failed.clear()))
        for problem in weakest
    }


def _why_never(problem: ProblemOutcome, rows: pl.DataFrame) -> str:
    """Return why no candidate passed.

    Args:
        rows: failed candidates of the problem, without repeated programs.
    """
    if problem.main_cause in _UNRUN:
        return f"{spoken(problem.main_cause)}: perhaps the prompt, or `sampling.max_tokens`, doesn't fit the model"
    if problem.main_cause in _LIMITS:
        return f"mostly {spoken(problem.main_cause)}: perhaps too hard, or the limits of `sandbox` are too small"
    if problem.main_cause == Cause.EXCEPTION and rows["detail"].n_unique() == 1 and rows.height > 1:
        return f"every program ends with {rows['detail'][0]}: suspect test, or a name that the prompt doesn't give"
    n_alike = max(Counter(text for text in rows["signature"] if text).values(), default=0)
    if n_alike >= _LEAST_AGREED and 2 * n_alike > rows.height:
        return f"suspect test: {n_alike} of {rows.height} different programs give the same other answers"
    passed = [cases for cases in rows["passed_cases"].to_list() if cases]
    n_cases = max(map(len, passed), default=0)
    never = [
        place + 1 for place in range(n_cases) if not any(cases[place : place + 1] == [True] for cases in passed)
    ]
    if never and 2 * len(never) <= n_cases:
        named = ", ".join(map(str, never[:_N_CASES_NAMED])) + (" …" if len(never) > _N_CASES_NAMED else "")
        cases = f"case{'s' * (len(never) > 1)} {named}"
        return f"suspect test, or something the prompt doesn't say: no program passes {cases} of {n_cases}"
    best = max((sum(cases) for cases in passed), default=0)
    close = "nearly solved: some program passes each case" if not never else "likely too hard"
    return f"{close}; the best one passes {best} of {n_cases}" if n_cases else "likely too hard"
