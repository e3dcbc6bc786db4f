"""Counts over the tables of a run. Only aggregates leave Polars: a million candidates stay there."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import polars as pl

from pairsmith.pipeline.report.facts import (
    AnswerCount,
    AnswerFacts,
    CandidateStep,
    Example,
    LengthCount,
    PairFacts,
    ProblemOutcome,
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
    chosen, rejected = pl.col("chosen_n_lines"), pl.col("rejected_n_lines")
    totals = pairs.select(
        n=pl.len(),
        n_test=(pl.col("split") == "test").sum(),
        n_problems=pl.col("problem_id").n_unique(),
        n_shorter=(chosen < rejected).sum(),
        n_equal=(chosen == rejected).sum(),
        n_longer=(chosen > rejected).sum(),
        chosen_median=chosen.median().fill_null(0.0),
        rejected_median=rejected.median().fill_null(0.0),
    )
    row = totals.collect().row(0, named=True)
    lengths = _count_lengths(pairs)
    return PairFacts(
        n_train=row["n"] - row["n_test"],
        n_test=row["n_test"],
        n_problems=row["n_problems"],
        n_shorter=row["n_shorter"],
        n_equal=row["n_equal"],
        n_longer=row["n_longer"],
        lengths=lengths,
        medians=(row["chosen_median"], row["rejected_median"]),
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


_N_NAMED = 3
_ANSWER_KINDS: tuple[tuple[str, str, pl.Expr], ...] = (
    ("with thoughts", "thoughts are never judged", pl.col("has_thoughts")),
    ("several blocks", "different blocks answer; all were judged", pl.col("n_blocks") > 1),
    (
        "ambiguous",
        "their labels differ, so the candidate is undecided; this costs yield (`extraction.blocks`)",
        pl.col("cause") == Cause.AMBIGUOUS_ANSWER.value,
    ),
    ("joined", "several blocks together make the program", pl.col("program_form") == "joined"),
    (
        "pruned",
        "the whole failed to load behind the entry point, so what that needs was run",
        pl.col("program_form") == "pruned",
    ),
    ("bare", "code between prose, without fences", pl.col("program_form") == "bare"),
    ("method of a class", "where a function was asked for", pl.col("method_of") != ""),
    ("no answer", "thoughts alone", pl.col("extraction") == Extraction.NO_ANSWER.value),
    ("no code", "no program with the entry point", pl.col("extraction") == Extraction.NO_CODE.value),
    ("cut off", "the token limit was reached (`sampling.max_tokens`)", pl.col("finish_reason") == "length"),
)


def count_answers(candidates: pl.LazyFrame, programs: pl.LazyFrame, verdicts: pl.LazyFrame) -> AnswerFacts | None:
    """Return how many answers are of each kind, with examples; None where no answer was read."""
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
    if rows.is_empty():
        return None
    counts = []
    for name, about, condition in _ANSWER_KINDS:
        found = rows.filter(condition)
        examples = tuple(
            f"{problem} #{index}" for problem, index in found.head(_N_NAMED).select("problem_id", "index").rows()
        )
        if found.height:
            counts.append(AnswerCount(name, about, found.height, examples))
    return AnswerFacts(rows.height, tuple(counts))
