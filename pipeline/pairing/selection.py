"""Selects the pairs of each problem: offers of all policies, taken in rounds under the caps.

Each round takes one offer a problem, the first in this order: the policy that is furthest behind its weight;
rejected answers with runnable code before others; the chosen approach that was used least, so that rare right
approaches survive; the policy's own cost; the rejected behaviour, then cause, that was used least; the candidates
that were used least; the digests that break ties. All problems take their rounds at once, in NumPy.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.pipeline.pairing.guards import PAIR_COLUMNS, pair_reason
from pairsmith.pipeline.pairing.policies import POLICIES
from pairsmith.schemas.config.pairs import PairsConfig

Integers = npt.NDArray[np.int64]
_BATCH_OFFERS = 600_000  # offers in memory at once: about 200 MiB
_TAKEN = {
    "problem_id": pl.String, "policy": pl.Int64, "chosen": pl.Int64, "rejected": pl.Int64, "value": pl.Float64,
    "n_compared": pl.Int64,
}  # fmt: skip
_ORDER = (
    "behind", "policy", "is_trivial", "approach", "cost", "behaviour", "cause", "rejected", "chosen",
    "rejected_tie", "chosen_tie",
)  # fmt: skip
_CAPS = (
    Drop.PAIR_TAKEN, Drop.OVER_APPROACH_CAP, Drop.OVER_CANDIDATE_CAP, Drop.OVER_PROBLEM_CAP,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected pairs, before the guards over whole splits."""

    # `problem_id`, `policy` (place in the configuration), `chosen`, `rejected`, `value`, `n_compared`.
    pairs: pl.DataFrame
    dropped: Counter[Drop]  # possible pairs that were not taken, by reason
    n_possible: dict[str, int]  # possible pairs of each problem that has some


def select_pairs(entries: pl.DataFrame, config: PairsConfig, barred: pl.DataFrame) -> Selection:
    """Return the pairs of all problems under the policies, the pair guards and the caps of a problem.

    Args:
        entries: those that may be part of a pair, sorted by problem; `place` is a number of its own for each,
            `tie` orders equals, `approach`, `behaviour` and `cause` are texts.
        barred: pairs that people marked, see `pipeline.pairing.drops.barred_pairs`.
    """
    taken: list[pl.DataFrame] = []
    dropped: Counter[Drop] = Counter()
    n_possible: Counter[str] = Counter()
    for batch in _batches(entries, config):
        offers, n_beyond = _judge_offers(batch, config, barred)
        if n_beyond:
            dropped[Drop.BEYOND_REACH] += n_beyond
        n_possible.update(dict(offers.group_by("problem_id").len().iter_rows()))
        for reason, n in offers["reason"].drop_nulls().value_counts().iter_rows():
            dropped[Drop(reason)] += n
        taken.append(offers.filter(pl.col("reason").is_null()).select(*_TAKEN))
    pairs = pl.concat(taken) if taken else pl.DataFrame(schema=_TAKEN)
    return Selection(pairs, dropped, dict(n_possible))


def _judge_offers(entries: pl.DataFrame, config: PairsConfig, barred: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the considered pairs, with the reason why one was not taken, and how many are beyond reach."""
    offers, n_beyond = _all_offers(entries, config)
    offers = offers.join(barred, on=["chosen", "rejected"], how="left", maintain_order="left")
    offers = offers.with_columns(reason=pl.coalesce("reason", "barred")).drop("barred")
    free = offers.filter(pl.col("reason").is_null())
    free = free.with_columns(reason=_take_offers(free, config))
    return pl.concat([offers.filter(pl.col("reason").is_not_null()), free]), n_beyond


def _batches(entries: pl.DataFrame, config: PairsConfig) -> Iterator[pl.DataFrame]:
    """Yield the entries of some problems at a time, so that their offers fit into memory."""
    most = sum(policy.reach**2 for policy in config.policies)
    n_each = max(1, _BATCH_OFFERS // most)
    number = entries["problem_id"].rle_id() // n_each
    yield from entries.with_columns(batch=number).partition_by("batch", maintain_order=True, include_key=False)


def _all_offers(entries: pl.DataFrame, config: PairsConfig) -> tuple[pl.DataFrame, int]:
    parts, n_beyond = [], 0
    plain = entries.filter(pl.col("repaired_from").is_null() & ~pl.col("is_repeat"))
    for number, policy in enumerate(config.policies):
        offered = entries if policy.is_repair() else plain
        made = POLICIES[policy.name](offered, policy)
        n_beyond += made.n_beyond
        parts.append(made.rows.with_columns(policy=pl.lit(number, pl.Int64), is_repair=pl.lit(policy.is_repair())))
    sides = entries.select(
        *("place", *PAIR_COLUMNS, "is_trivial", "tie"),
        problem=pl.col("problem_id").rle_id().cast(pl.Int64),
        approach=pl.struct("problem_id", "approach").rank("dense").cast(pl.Int64),
        behaviour=pl.struct("problem_id", "behaviour").rank("dense").cast(pl.Int64),
        cause=pl.struct("problem_id", "cause").rank("dense").cast(pl.Int64),
    )
    offers = pl.concat(parts).join(sides, left_on="chosen", right_on="place", how="left")
    offers = offers.join(sides, left_on="rejected", right_on="place", how="left", suffix="_rejected")
    offers = offers.select(
        *_TAKEN,
        "problem",
        "cost",
        "approach",
        reason=pair_reason(config),
        behaviour="behaviour_rejected",
        cause="cause_rejected",
        is_trivial="is_trivial_rejected",
        chosen_tie="tie",
        rejected_tie="tie_rejected",
    )
    return offers.sort("problem", "policy", "chosen", "rejected"), n_beyond


def _take_offers(offers: pl.DataFrame, config: PairsConfig) -> pl.Series:
    """Return for each offer why it was not taken, null where it was; offers are sorted by problem."""
    rounds = _Rounds(offers, config)
    rows = np.arange(offers.height)
    while (rows := rows[~np.any(rounds.closed(rows), axis=0)]).size:
        rounds.take(rounds.first_of_each_problem(rows))
    left = np.flatnonzero(~rounds.taken)
    codes = np.full(offers.height, len(_CAPS))
    codes[left] = np.argmax(rounds.closed(left), axis=0)  # the first cap that closes a row
    return pl.Series("reason", [*map(str, _CAPS), None], dtype=pl.String).gather(codes)


class _Rounds:
    """The offers as arrays, and how often each thing was taken that a cap or the order counts."""

    def __init__(self, offers: pl.DataFrame, config: PairsConfig) -> None:
        self.config = config
        self.weights = np.array([policy.weight for policy in config.policies])
        self.fixed: dict[str, npt.NDArray[Any]] = {
            name: offers[name].to_numpy() for name in ("policy", "cost", "rejected_tie", "chosen_tie")
        }
        self.fixed["is_trivial"] = offers["is_trivial"].to_numpy().astype(np.int8)
        self.group: dict[str, Integers] = {
            name: offers[name].to_numpy()
            for name in ("problem", "approach", "behaviour", "cause", "chosen", "rejected")
        }
        self.group["slot"] = self.group["problem"] * len(self.weights) + self.fixed["policy"]
        # A number from 0 for each two candidates, whichever is chosen.
        low = np.minimum(self.group["chosen"], self.group["rejected"])
        high = np.maximum(self.group["chosen"], self.group["rejected"])
        keys = low * (int(high.max(initial=0)) + 1) + high
        self.group["two"] = np.unique(keys, return_inverse=True)[1].astype(np.int64)
        self.counts = {
            name: np.zeros(int(group.max(initial=-1)) + 1, np.int64) for name, group in self.group.items()
        }
        most = max(self.counts["chosen"], self.counts["rejected"], key=len)
        self.counts |= {"chosen": most, "rejected": most}  # a candidate is counted on both sides
        self.taken = np.zeros(offers.height, dtype=bool)

    def value(self, name: str, rows: Integers) -> npt.NDArray[Any]:
        """Return by what rows are ordered or capped: a column, or how often their group was taken."""
        if name == "behind":
            behind: npt.NDArray[Any] = (self.value("slot", rows) + 1) / self.weights[self.fixed["policy"][rows]]
            return behind
        return self.fixed[name][rows] if name in self.fixed else self.counts[name][self.group[name][rows]]

    def closed(self, rows: Integers) -> npt.NDArray[np.bool_]:
        """Return which rows each of `_CAPS` closes, shape (caps, rows)."""
        config, infinite = self.config, np.iinfo(np.int64).max
        return np.stack(
            [
                self.value("two", rows) > 0,
                self.value("approach", rows) >= (config.max_per_approach or infinite),
                np.maximum(self.value("chosen", rows), self.value("rejected", rows)) >= config.max_per_candidate,
                self.value("problem", rows) >= config.max_per_problem,
            ]
        )

    def first_of_each_problem(self, rows: Integers) -> Integers:
        """Return one row a problem, the first by `_ORDER`."""
        problem = self.group["problem"]
        for name in _ORDER:
            values = self.value(name, rows)
            starts = np.flatnonzero(np.diff(problem[rows], prepend=-1))
            least = np.minimum.reduceat(values, starts)
            rows = rows[values == np.repeat(least, np.diff(starts, append=len(rows)))]
        return rows[np.flatnonzero(np.diff(problem[rows], prepend=-1))]

    def take(self, rows: Integers) -> None:
        """Count these rows, one a problem, as taken."""
        self.taken[rows] = True
        for name, group in self.group.items():
            np.add.at(self.counts[name], group[rows], 1)
