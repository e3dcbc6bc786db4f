"""Counts over the tables of a run, and which problems made trouble. Only aggregates leave Polars."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pairsmith.pipeline.problems.stage import left_out_problems, placed_problems
from pairsmith.pipeline.report.facts import (
    AnswerCount,
    CandidateStep,
    LeftOut,
    LengthCount,
    PairFacts,
    ProblemOutcome,
    TagShare,
    UndecidedCount,
    VerdictCount,
    WeakReason,
)
from pairsmith.pipeline.report.words import spoken
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.verdict import Cause, Label

_LABELS = [label.value for label in Label]
N_EXAMPLES = 4


def count_candidates(
    verdicts: pl.LazyFrame, programs: pl.LazyFrame, syntax: pl.LazyFrame, pairs: pl.LazyFrame
) -> pl.DataFrame:
    """Return candidates counted by all that the report distinguishes.

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
            main_cause=min(
                found := causes.get(problem_id, Counter()), key=lambda cause: (-found[cause], cause), default=""
            ),
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


def count_pairs(pairs: pl.LazyFrame) -> PairFacts:
    """Return the figures of the pairs, both splits together."""
    totals = pairs.select(
        n=pl.len(),
        n_test=(pl.col("split") == "test").sum(),
        n_problems=pl.col("problem_id").n_unique(),
        chosen=pl.col("chosen_n_lines").median().fill_null(0.0),
        rejected=pl.col("rejected_n_lines").median().fill_null(0.0),
    )
    row = totals.collect().row(0, named=True)
    return PairFacts(
        n_train=row["n"] - row["n_test"],
        n_test=row["n_test"],
        n_problems=row["n_problems"],
        lengths=_count_lengths(pairs),
        medians=(row["chosen"], row["rejected"]),
        tags=_share_tags(pairs, row["n"]),
        examples=_pick_examples(pairs),
    )


def _count_lengths(pairs: pl.LazyFrame) -> tuple[LengthCount, ...]:
    sides = [
        pairs.group_by(n_lines=f"{side}_n_lines").agg(pl.len().cast(pl.Int64).alias(side)).collect()
        for side in ("chosen", "rejected")
    ]
    both = sides[0].join(sides[1], on="n_lines", how="full", coalesce=True).fill_null(0).sort("n_lines")
    return tuple(LengthCount(*row) for row in both.select("n_lines", "chosen", "rejected").iter_rows())


def _share_tags(pairs: pl.LazyFrame, n_pairs: int) -> tuple[TagShare, ...]:
    chosen, rejected = (_count_tags(pairs, side) for side in ("chosen", "rejected"))
    shares = [TagShare(tag, chosen[tag] / n_pairs, rejected[tag] / n_pairs) for tag in chosen.keys() | rejected]
    return tuple(sorted(shares, key=lambda share: (-abs(share.chosen - share.rejected), share.tag)))


def _count_tags(pairs: pl.LazyFrame, side: str) -> Counter[str]:
    """Return how many pairs have each tag on this side."""
    counts: Counter[str] = Counter()
    for tags, n in pairs.group_by(f"{side}_tags").agg(pl.len()).collect().iter_rows():
        for tag in set(tags.split()):
            counts[tag] += n
    return counts


def _pick_examples(pairs: pl.LazyFrame) -> tuple[Mapping[str, Any], ...]:
    """Return up to N_EXAMPLES pairs of different problems; of the commonest causes, each in its turn."""
    firsts = pairs.group_by("rejected_cause", "problem_id").agg(pl.col("pair_id").min(), n=pl.len()).collect()
    sizes = firsts.group_by("rejected_cause").agg(pl.col("n").sum())
    commonest = sizes.sort("n", "rejected_cause", descending=[True, False])["rejected_cause"]
    of_cause = {
        cause: firsts.filter(rejected_cause=cause).sort("pair_id").select("problem_id", "pair_id").rows()
        for cause in commonest
    }
    picked: dict[str, str] = {}  # problem_id to pair_id, in the order picked
    while len(picked) < N_EXAMPLES and any(of_cause.values()):
        for cause, entries in of_cause.items():
            left = [entry for entry in entries if entry[0] not in picked]
            picked |= dict(left[:1]) if len(picked) < N_EXAMPLES else {}
            of_cause[cause] = left[1:]
    # A candidate without code is shown with its whole answer.
    answer = pl.col("rejected").list.last().struct.field("content")
    code = pl.when(pl.col("rejected_code") == "").then(answer).otherwise("rejected_code")
    rows = pairs.filter(pl.col("pair_id").is_in(list(picked.values()))).with_columns(rejected_code=code).select(
        "pair_id", "problem_id", "prompt", "chosen_code", "rejected_code", "rejected_cause", "rejected_detail",
        "chosen_share", "rejected_share", "n_cases",
    )  # fmt: skip
    of = {row["pair_id"]: row for row in rows.collect().iter_rows(named=True)}
    return tuple(of[pair_id] for pair_id in picked.values())


_N_NAMED = 3
_ANSWER_KINDS: tuple[tuple[str, str, pl.Expr], ...] = (
    ("with thoughts", "thoughts are never judged", pl.col("has_thoughts")),
    ("several blocks", "different blocks answer; all were judged", pl.col("n_blocks") > 1),
    (
        "ambiguous",
        "their labels differ, so the candidate is undecided; this costs yield (`extraction.blocks`)",
        pl.col("cause") == Cause.AMBIGUOUS_ANSWER.value,
    ),
    ("joined", "the program is made of several blocks", pl.col("program_form") == "joined"),
    (
        "pruned",
        "the whole program failed to load, so only what the entry point needs was run",
        pl.col("program_form") == "pruned",
    ),
    ("bare", "code between prose, without fences", pl.col("program_form") == "bare"),
    ("method of a class", "where a function was asked for", pl.col("method_of") != ""),
    ("no answer", "thoughts alone", pl.col("extraction") == Extraction.NO_ANSWER.value),
    ("no code", "no program with the entry point", pl.col("extraction") == Extraction.NO_CODE.value),
    ("cut off", "the token limit was reached (`sampling.max_tokens`)", pl.col("finish_reason") == "length"),
)


def count_answers(
    candidates: pl.LazyFrame, programs: pl.LazyFrame, verdicts: pl.LazyFrame
) -> tuple[AnswerCount, ...]:
    """Return how many answers there are, and of each kind that came, with examples; empty where none was read."""
    rows = (
        candidates.select(
            "candidate_id", "problem_id", "index", "finish_reason", has_reasoning=pl.col("reasoning") != ""
        )
        .join(
            programs.select("candidate_id", "extraction", "method_of", n_thoughts=pl.col("thoughts").list.len()),
            on="candidate_id",
        )
        .join(verdicts.select("candidate_id", "cause", "program_form", "n_blocks"), on="candidate_id", how="left")
        .with_columns(has_thoughts=(pl.col("n_thoughts") > 0) | pl.col("has_reasoning"))
        .sort("problem_id", "index")
        .collect()
    )
    counts = [AnswerCount("all", "", rows.height, ())] if rows.height else []
    for name, about, condition in _ANSWER_KINDS:
        found = rows.filter(condition)
        named = [
            f"{problem} #{index}" for problem, index in found.select("problem_id", "index").head(_N_NAMED).rows()
        ]
        if found.height:
            counts.append(AnswerCount(name, about, found.height, tuple(named)))
    return tuple(counts)


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
    """Return the problems that a run asked for and does not have, with the reason."""
    left = [LeftOut(*row) for row in left_out_problems(run)]
    lost = sorted(placed_problems(run).keys() - set(present)) if present else []
    why = "its reference fails its tests or gives no answer"
    return (*left, *(LeftOut(problem_id, "reference_failed", why) for problem_id in lost))


def explain_failures(
    weakest: Iterable[ProblemOutcome], verdicts: pl.LazyFrame, syntax: pl.LazyFrame
) -> tuple[WeakReason, ...]:
    """Return the weakest problems by the likeliest reason why they are seldom or never solved, the worst first."""
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
    reasons: dict[str, list[tuple[str, str]]] = {}
    for problem in weakest:
        if problem.n_passed:
            solved = f"{problem.n_passed} of {problem.n_decided} passed"
            reason, detail = f"mostly {spoken(problem.main_cause)}", solved
        else:
            reason, detail = _why_never(problem, of.get(problem.problem_id, failed.clear()))
        reasons.setdefault(reason, []).append((problem.problem_id, detail))
    return tuple(WeakReason(reason, tuple(found)) for reason, found in reasons.items())


def _why_never(problem: ProblemOutcome, rows: pl.DataFrame) -> tuple[str, str]:
    """Return why no candidate passed: the reason, and details of this problem."""
    n_failed = f"{problem.n_decided} failed"
    if problem.main_cause in _UNRUN:
        cause = spoken(problem.main_cause)
        return f"mostly {cause}: the prompt or `sampling.max_tokens` may not fit the model", n_failed
    if problem.main_cause in _LIMITS:
        cause = spoken(problem.main_cause)
        return f"mostly {cause}: too hard, or the limits of `sandbox` are too small", n_failed
    if problem.main_cause == Cause.EXCEPTION and rows["detail"].n_unique() == 1 and rows.height > 1:
        return "suspect test, or a name that the prompt doesn't give: all fail alike", rows["detail"][0]
    n_alike = max(Counter(text for text in rows["signature"] if text).values(), default=0)
    if n_alike >= _LEAST_AGREED and 2 * n_alike > rows.height:
        return "suspect test: different programs agree on other answers", f"{n_alike} of {rows.height} programs"
    passed = [cases for cases in rows["passed_cases"].to_list() if cases]
    n_cases = max(map(len, passed), default=0)
    never = [
        place + 1 for place in range(n_cases) if not any(cases[place : place + 1] == [True] for cases in passed)
    ]
    if never and 2 * len(never) <= n_cases:
        named = ", ".join(map(str, never[:_N_CASES_NAMED])) + (" …" if len(never) > _N_CASES_NAMED else "")
        cases = f"case{'s' * (len(never) > 1)} {named} of {n_cases}"
        return "suspect test, or something the prompt doesn't say: no program passes some cases", cases
    best = max((sum(cases) for cases in passed), default=0)
    reason = "nearly solved: each case is passed by some program" if not never else "likely too hard"
    return (reason, f"best {best} of {n_cases} cases") if n_cases else ("likely too hard", n_failed)
