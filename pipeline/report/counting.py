"""Counts over the tables of a run. Only aggregates leave Polars: a million candidates stay there."""

from collections import Counter
from collections.abc import Iterable

import polars as pl

from pairsmith.pipeline.report.facts import CandidateStep, ProblemOutcome, ProblemStep, VerdictCount
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.verdict import Cause, Label

_LABELS = [label.value for label in Label]


def count_candidates(
    verdicts: pl.LazyFrame, programs: pl.LazyFrame, syntax: pl.LazyFrame, pairs: pl.LazyFrame
) -> pl.DataFrame:
    """Return candidates counted by all that the report tells apart.

    Returns:
        Columns problem_id, label, cause, is_runnable, is_repeat, is_paired, n; sorted. A candidate without a
        row in `syntax` repeats nothing.
    """
    runnable = programs.select("candidate_id", is_runnable=pl.col("extraction") == Extraction.OK.value)
    repeats = syntax.select("candidate_id", is_repeat=pl.col("duplicate_of") != "")
    members = pl.concat([pairs.select(candidate_id=name) for name in ("chosen_id", "rejected_id")])
    keys = ["problem_id", "label", "cause", "is_runnable", "is_repeat", "is_paired"]
    return (
        verdicts.select("candidate_id", "problem_id", "label", "cause")
        .join(runnable, on="candidate_id", how="left")
        .join(repeats, on="candidate_id", how="left")
        .join(members.unique().with_columns(is_paired=pl.lit(True)), on="candidate_id", how="left")
        .with_columns(
            pl.col("is_runnable").fill_null(True),
            pl.col("is_repeat").fill_null(False),
            pl.col("is_paired").fill_null(False),
        )
        .group_by(keys)
        .agg(n=pl.len().cast(pl.Int64))
        .sort(keys)
        .collect()
    )


def list_outcomes(cells: pl.DataFrame) -> tuple[VerdictCount, ...]:
    """Return labels and causes with their counts: passed, failed, undecided; the commonest cause first."""
    counts = cells.group_by("label", "cause").agg(pl.col("n").sum()).rows()
    found = [VerdictCount(label, cause, n) for label, cause, n in counts]
    return tuple(sorted(found, key=lambda outcome: (_LABELS.index(outcome.label), -outcome.n, outcome.cause)))


def list_suspects(verdicts: pl.LazyFrame) -> tuple[tuple[str, str], ...]:
    """Return the problems whose test is suspect, each with the error of the test's own code, by id."""
    suspects = verdicts.filter(pl.col("cause") == Cause.SUSPECT_TEST.value).select("problem_id", "detail")
    return tuple(suspects.unique().sort("problem_id", "detail").collect().iter_rows())


def list_problems(cells: pl.DataFrame, problems: pl.LazyFrame) -> tuple[ProblemOutcome, ...]:
    """Return what came of each problem that has a candidate, by id."""
    levels = dict(problems.select("problem_id", "level").collect().iter_rows())
    labels: dict[str, Counter[str]] = {}
    causes: dict[str, Counter[str]] = {}
    for problem_id, label, cause, n in cells.select("problem_id", "label", "cause", "n").iter_rows():
        labels.setdefault(problem_id, Counter())[label] += n
        if label == Label.FAILED:
            causes.setdefault(problem_id, Counter())[cause] += n
    return tuple(
        ProblemOutcome(
            problem_id=problem_id,
            level=levels.get(problem_id, ""),
            n_decided=count[Label.PASSED] + count[Label.FAILED],
            n_passed=count[Label.PASSED],
            n_undecided=count[Label.UNDECIDED],
            main_cause=_commonest(causes.get(problem_id, Counter())),
        )
        for problem_id, count in sorted(labels.items())
    )


def trace_candidates(cells: pl.DataFrame, has_syntax: bool, has_pairs: bool) -> tuple[CandidateStep, ...]:
    """Return the funnel of candidates. Each step is a part of the one before it."""
    decided = cells.filter(pl.col("label") != Label.UNDECIDED.value)
    distinct = decided.filter(~pl.col("is_repeat"))
    steps = [("Drawn", cells), ("Decided", decided)]
    if has_syntax:
        steps.append(("Distinct", distinct))
    if has_pairs:
        steps.append(("In a pair", cells.filter(pl.col("is_paired"))))
    return tuple(_candidate_step(name, part) for name, part in steps)


def trace_problems(
    n_problems: int, outcomes: Iterable[ProblemOutcome], n_paired: int | None
) -> tuple[ProblemStep, ...]:
    """Return the funnel of problems.

    Args:
        n_problems: problems loaded.
        outcomes: one entry a problem that has a candidate.
        n_paired: problems that have a pair; None if pairs have not been made.
    """
    reached = list(outcomes)
    nobody = sum(not outcome.n_decided for outcome in reached)
    none_passed = sum(outcome.n_decided > 0 and not outcome.n_passed for outcome in reached)
    all_passed = sum(0 < outcome.n_decided == outcome.n_passed for outcome in reached)
    both = len(reached) - nobody - none_passed - all_passed
    steps = [
        ProblemStep("Loaded", n_problems, ()),
        ProblemStep("Sampled", len(reached), _losses({"not sampled": n_problems - len(reached)})),
        ProblemStep(
            "Passed and failed",
            both,
            _losses({"none passed": none_passed, "all passed": all_passed, "none was decided": nobody}),
        ),
    ]
    if n_paired is not None:
        steps.append(ProblemStep("With a pair", n_paired, _losses({"no pair was left": both - n_paired})))
    return tuple(steps)


def _candidate_step(name: str, part: pl.DataFrame) -> CandidateStep:
    def count(label: Label, runnable: bool | None = None) -> int:
        chosen = part.filter(pl.col("label") == label.value)
        if runnable is not None:
            chosen = chosen.filter(pl.col("is_runnable") == runnable)
        return int(chosen["n"].sum())

    return CandidateStep(
        name=name,
        passed=count(Label.PASSED),
        failed=count(Label.FAILED, True),
        failed_unrun=count(Label.FAILED, False),
        undecided=count(Label.UNDECIDED),
    )


def _commonest(counts: Counter[str]) -> str:
    return min(counts, key=lambda cause: (-counts[cause], cause), default="")


def _losses(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((reason, n) for reason, n in counts.items() if n > 0)
