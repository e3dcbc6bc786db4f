"""From guarded entries to the pairs that are taken, as places of entries."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from pairsmith.pipeline.pairing.guards import PAIR_COLUMNS, pair_reason
from pairsmith.pipeline.pairing.policies import POLICIES
from pairsmith.pipeline.pairing.reasons import Drop
from pairsmith.pipeline.pairing.taking import Caps, take_offers
from pairsmith.schemas.config.pairs import PairsConfig

_BATCH_OFFERS = 600_000  # offers in memory at once: about 200 MiB


@dataclass(frozen=True, slots=True)
class Selection:
    """The pairs that are taken, before the caps on whole splits.

    Attributes:
        pairs: `problem_id`, `policy` (place in the configuration), `chosen`, `rejected`, `value`, `n_compared`.
        dropped: possible pairs that were not taken, by reason.
        n_possible: possible pairs of each problem that has some.
    """

    pairs: pl.DataFrame
    dropped: Counter[Drop]
    n_possible: dict[str, int]


def select_pairs(entries: pl.DataFrame, config: PairsConfig, barred: pl.DataFrame | None = None) -> Selection:
    """Return the pairs of all problems under the policies, the pair guards and the caps of a problem.

    Args:
        entries: those that may be part of a pair, sorted by problem; `place` is a number of its own for each,
            `tie` orders equals, `approach`, `behaviour` and `cause` are texts.
        config: policies and caps.
        barred: pairs that people marked, see `pipeline.pairing.marked.barred_pairs`.
    """
    taken: list[pl.DataFrame] = []
    dropped: Counter[Drop] = Counter()
    n_possible: Counter[str] = Counter()
    for batch in _batches(entries, config):
        offers, n_beyond = judge_offers(batch, config, barred)
        if n_beyond:
            dropped[Drop.BEYOND_REACH] += n_beyond
        n_possible.update(dict(offers.group_by("problem_id").len().iter_rows()))
        for reason, n in offers["reason"].drop_nulls().value_counts().iter_rows():
            dropped[Drop(reason)] += n
        taken.append(offers.filter(pl.col("reason").is_null()).select(*_TAKEN))
    pairs = pl.concat(taken) if taken else pl.DataFrame(schema=_TAKEN)
    return Selection(pairs, dropped, dict(n_possible))


def judge_offers(
    entries: pl.DataFrame, config: PairsConfig, barred: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, int]:
    """Return all pairs that policies consider, with why one is not taken (null: it is); how many none considers.

    Args:
        entries: as of `select_pairs`, of whole problems.
        config: policies and caps.
        barred: as of `select_pairs`.
    """
    offers, n_beyond = _all_offers(entries, config)
    if barred is not None and barred.height:
        offers = offers.join(barred, on=["chosen", "rejected"], how="left", maintain_order="left")
        offers = offers.with_columns(reason=pl.coalesce("reason", "barred")).drop("barred")
    free = offers.filter(pl.col("reason").is_null())
    free = free.with_columns(reason=take_offers(free, _caps(config)))
    return pl.concat([offers.filter(pl.col("reason").is_not_null()), free]), n_beyond


_TAKEN = {
    "problem_id": pl.String,
    "policy": pl.Int64,
    "chosen": pl.Int64,
    "rejected": pl.Int64,
    "value": pl.Float64,
    "n_compared": pl.Int64,
}
_SIDE = ("place", *PAIR_COLUMNS, "approach", "behaviour", "cause", "is_trivial", "tie")


def _batches(entries: pl.DataFrame, config: PairsConfig) -> Iterator[pl.DataFrame]:
    """Give the entries of some problems at a time, so that their offers fit into memory."""
    most = sum(policy.reach**2 for policy in config.policies)
    n_each = max(1, _BATCH_OFFERS // most)
    number = entries["problem_id"].rle_id() // n_each
    yield from entries.with_columns(batch=number).partition_by("batch", maintain_order=True, include_key=False)


def _all_offers(entries: pl.DataFrame, config: PairsConfig) -> tuple[pl.DataFrame, int]:
    parts, n_beyond = [], 0
    plain = entries.filter(~pl.col("is_repeat"))
    for number, policy in enumerate(config.policies):
        made = POLICIES[policy.name](entries if policy.forms else plain, policy)
        n_beyond += made.n_beyond
        parts.append(made.rows.with_columns(policy=pl.lit(number, pl.Int64), forms=pl.lit(policy.forms)))
    codes = entries.select(
        *(name for name in _SIDE if name not in ("approach", "behaviour", "cause")),
        problem=pl.col("problem_id").rle_id().cast(pl.Int64),
        approach=pl.struct("problem_id", "approach").rank("dense").cast(pl.Int64),
        behaviour=pl.struct("problem_id", "behaviour").rank("dense").cast(pl.Int64),
        cause=pl.col("cause").rank("dense").cast(pl.Int64),
    )
    offers = pl.concat(parts).join(codes, left_on="chosen", right_on="place", how="left")
    offers = offers.join(codes, left_on="rejected", right_on="place", how="left", suffix="_rejected")
    offers = offers.with_columns(reason=pair_reason(config))
    return (
        offers.select(
            *_TAKEN,
            "problem",
            "cost",
            "reason",
            "approach",
            behaviour="behaviour_rejected",
            cause="cause_rejected",
            is_trivial="is_trivial_rejected",
            chosen_tie="tie",
            rejected_tie="tie_rejected",
        ).sort("problem", "policy", "chosen", "rejected"),
        n_beyond,
    )


def _caps(config: PairsConfig) -> Caps:
    return Caps(
        per_problem=config.max_per_problem,
        per_candidate=config.max_per_candidate,
        per_approach=config.max_per_approach,
        weights=tuple(policy.weight for policy in config.policies),
        per_policy=tuple(
            policy.cap if policy.name == "all_against_all" else config.max_per_problem
            for policy in config.policies
        ),
    )
