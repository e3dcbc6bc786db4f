"""The pairs in figures: lengths, style tags and a few examples."""

from collections import Counter

import polars as pl

from pairsmith.pipeline.report.facts import Example, LengthCount, PairFacts, TagShare
from pairsmith.pipeline.report.lengths import length_auc

N_EXAMPLES = 4


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
