"""Possible pairs as tables: how the two sides of a policy are ordered, cut to its reach and crossed."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

# What later steps need of each side, whatever the policy.
SIDE = ("problem_id", "place", "tie")


@dataclass(frozen=True, slots=True)
class Offers:
    """What one policy offers.

    Attributes:
        rows: one row a considered pair: `problem_id`, `chosen` and `rejected` (places of entries), `value` (the
            policy's own measure, null where it has none; see `schemas.pair`), `cost` (lower comes first), `fits`
            (whether the policy wants it), `n_compared` (draws that both were picked from; null elsewhere).
        n_beyond: possible pairs that were not considered.
    """

    rows: pl.DataFrame
    n_beyond: int


def in_turns(entries: pl.DataFrame, *kinds: str) -> pl.DataFrame:
    """Return entries by problem, in rounds over kinds: every kind's first, every kind's second, and so on.

    Answers without runnable code come after all others. Equals are ordered by `tie`, never by length.

    Args:
        entries: with `tie` and these kinds as columns.
        kinds: rounds are over the first, within its rounds over the second.
    """
    rounds = []
    for depth, kind in enumerate(kinds):
        within = ["problem_id", "is_trivial", kind]
        entries = entries.with_columns(pl.col("tie").rank("ordinal").over(within).alias(f"_round_{depth}"))
        rounds.append(f"_round_{depth}")
    return entries.sort("problem_id", "is_trivial", *rounds, "tie")


def cross(
    chosen: pl.DataFrame, rejected: pl.DataFrame, reach: int, columns: Sequence[str] = (), on: str = "problem_id"
) -> tuple[pl.DataFrame, int]:
    """Return each chosen with each rejected entry of the same problem, and how many pairs the reach leaves out.

    Args:
        chosen: ordered entries; likewise `rejected`. No entry is paired with itself.
        reach: entries of a problem that are taken from each side, the first ones.
        columns: further columns wanted, of both sides; those of the rejected one end in `_rejected`.
        on: what must be equal.
    """
    wanted = list(dict.fromkeys((*SIDE, on, *columns)))
    n_possible = _n_pairs(chosen, rejected, on)
    sides = [side.select(wanted).group_by(on, maintain_order=True).head(reach) for side in (chosen, rejected)]
    rows = sides[0].join(sides[1], on=on, how="inner", suffix="_rejected", maintain_order="left_right")
    rows = rows.rename({"place": "chosen", "place_rejected": "rejected"}).filter(
        pl.col("chosen") != pl.col("rejected")
    )
    return rows, n_possible - rows.height


def as_offers(
    rows: pl.DataFrame,
    value: pl.Expr | None = None,
    cost: pl.Expr | None = None,
    fits: pl.Expr | None = None,
    n_compared: pl.Expr | None = None,
) -> pl.DataFrame:
    """Return crossed rows with the columns of `Offers.rows`."""
    return rows.select(
        "problem_id",
        "chosen",
        "rejected",
        value=(pl.lit(None) if value is None else value).cast(pl.Float64),
        cost=(pl.lit(0.0) if cost is None else cost).cast(pl.Float64),
        fits=pl.lit(True) if fits is None else fits,
        n_compared=(pl.lit(None) if n_compared is None else n_compared).cast(pl.Int64),
    )


def _n_pairs(chosen: pl.DataFrame, rejected: pl.DataFrame, on: str) -> int:
    sizes = chosen.group_by(on).agg(c=pl.len().cast(pl.Int64))
    sizes = sizes.join(rejected.group_by(on).agg(r=pl.len().cast(pl.Int64)), on=on)
    selves = chosen.select("place").join(rejected.select("place"), on="place", how="semi").height
    return int((sizes["c"] * sizes["r"]).sum()) - selves
