"""Counts over the tables of a run. Only aggregates leave Polars: a million candidates stay there."""

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction

import polars as pl

from pairsmith.pipeline.report.facts import (
    CandidateStep,
    Example,
    LengthCount,
    PairFacts,
    ProblemOutcome,
    ProblemStep,
    TagShare,
    VerdictCount,
)
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
    none_decided = sum(not outcome.n_decided for outcome in reached)
    none_passed = sum(outcome.n_decided > 0 and not outcome.n_passed for outcome in reached)
    all_passed = sum(0 < outcome.n_decided == outcome.n_passed for outcome in reached)
    both = len(reached) - none_decided - none_passed - all_passed
    steps = [
        ProblemStep("Loaded", n_problems, ()),
        ProblemStep("Sampled", len(reached), _losses({"not sampled": n_problems - len(reached)})),
        ProblemStep(
            "Passed and failed",
            both,
            _losses({"none passed": none_passed, "all passed": all_passed, "none was decided": none_decided}),
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


def count_pairs(pairs: pl.LazyFrame) -> PairFacts:
    """Return the figures of the pairs, both splits together."""
    chosen, rejected = pl.col("chosen_n_lines"), pl.col("rejected_n_lines")
    totals = pairs.select(
        n=pl.len(),
        n_test=(pl.col("split") == "test").sum(),
        n_problems=pl.col("problem_id").n_unique(),
        n_shorter=(chosen < rejected).sum(),
        n_equal=(chosen == rejected).sum(),
        n_longer=(chosen > rejected).sum(),
    )
    row = {name: int(value) for name, value in totals.collect().row(0, named=True).items()}
    lengths = _count_lengths(pairs)
    return PairFacts(
        n_train=row["n"] - row["n_test"],
        n_test=row["n_test"],
        n_problems=row["n_problems"],
        n_shorter=row["n_shorter"],
        n_equal=row["n_equal"],
        n_longer=row["n_longer"],
        lengths=lengths,
        length_auc=length_auc(lengths),
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


def _pick_examples(pairs: pl.LazyFrame) -> tuple[Example, ...]:
    """Return up to N_EXAMPLES pairs of different problems; of the commonest causes, each in its turn."""
    firsts = pairs.group_by("rejected_cause", "problem_id").agg(pl.col("pair_id").min(), n=pl.len()).collect()
    by_cause: dict[str, list[tuple[str, str]]] = {}
    sizes: dict[str, int] = {}
    for cause, problem_id, pair_id, n in firsts.sort("rejected_cause", "pair_id").iter_rows():
        by_cause.setdefault(cause, []).append((pair_id, problem_id))
        sizes[cause] = sizes.get(cause, 0) + n
    causes = sorted(by_cause, key=lambda cause: (-sizes[cause], cause))
    picked: dict[str, str] = {}  # problem_id to pair_id, in the order picked
    while len(picked) < N_EXAMPLES and any(by_cause.values()):
        for cause in causes:
            left = [entry for entry in by_cause[cause] if entry[1] not in picked]
            by_cause[cause] = left[1:]
            if left and len(picked) < N_EXAMPLES:
                picked[left[0][1]] = left[0][0]
    return _read_examples(pairs, list(picked.values()))


def _read_examples(pairs: pl.LazyFrame, pair_ids: list[str]) -> tuple[Example, ...]:
    answer = pl.col("rejected").list.last().struct.field("content")
    rows = (
        pairs.filter(pl.col("pair_id").is_in(pair_ids))
        .select(
            "pair_id",
            "problem_id",
            "chosen_code",
            # A candidate without code is shown with its whole answer.
            pl.when(pl.col("rejected_code") == "").then(answer).otherwise("rejected_code").alias("rejected_code"),
            "rejected_cause",
            "rejected_detail",
            "chosen_share",
            "rejected_share",
            "n_cases",
        )
        .collect()
    )
    examples = [Example(**row) for row in rows.iter_rows(named=True)]
    return tuple(sorted(examples, key=lambda example: pair_ids.index(example.pair_id)))


def length_auc(lengths: Sequence[LengthCount]) -> float | None:
    """Return the chance that a chosen program is longer than a rejected one, ties counting half.

    Computed exactly from the counts, over all chosen x rejected. 0.5: length tells nothing; 1.0: every chosen
    one is longer; 0.0: shorter. None if there are no chosen or no rejected ones.

    Args:
        lengths: counts by number of lines, in any order.

    Source: Mann and Whitney 1947, doi:10.1214/aoms/1177730491: U / (n m), the area under the ROC curve
        (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747).
    """
    n_chosen = sum(count.n_chosen for count in lengths)
    n_rejected = sum(count.n_rejected for count in lengths)
    if not n_chosen or not n_rejected:
        return None
    twice_u = n_rejected_below = 0
    for count in sorted(lengths, key=lambda count: count.n_lines):
        twice_u += count.n_chosen * (2 * n_rejected_below + count.n_rejected)
        n_rejected_below += count.n_rejected
    return float(Fraction(twice_u, 2 * n_chosen * n_rejected))


def median_length(counts: Iterable[tuple[int, int]]) -> float:
    """Return the median of numbers of lines given with their counts; 0.0 of none."""
    ordered = sorted(counts)
    total = sum(n for _, n in ordered)
    middles = (max(total - 1, 0) // 2, total // 2)  # one place, or the two around the middle
    return sum(_at(ordered, place) for place in middles) / 2


def _at(ordered: Sequence[tuple[int, int]], place: int) -> int:
    """Return the value at a place, from 0, of the sorted list that the counts stand for."""
    for n_lines, n in ordered:
        if place < n:
            return n_lines
        place -= n
    return 0
