"""How many right approaches there were, and how many of them the pairs still choose.

An approach is what is alike in near-duplicate cluster and behaviour. Alignment narrows what a model writes; a
selection that chooses the commonest approach again and again would teach that.
"""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Approaches:
    """Right approaches before and after selection, over the problems that have pairs.

    Attributes:
        n_before: approaches of passed candidates, summed over problems; likewise `n_after` of chosen ones.
        effective_before: effective number of approaches a problem, in the mean; likewise `effective_after`.
    """

    n_problems: int
    n_before: int
    n_after: int
    effective_before: float
    effective_after: float

    @property
    def kept(self) -> float:
        """Return the share of approaches that some pair chooses, in [0, 1]; 1 without any."""
        return self.n_after / self.n_before if self.n_before else 1.0


def count_approaches(entries: pl.DataFrame, pairs: pl.DataFrame) -> Approaches:
    """Return the approaches of the problems that have pairs.

    The effective number is exp of Shannon's entropy of the approaches' shares: of so many equally common ones.

    Args:
        entries: `problem_id`, `place`, `passed`, `approach` and `reason` of all candidates.
        pairs: `problem_id` and `chosen`, a place of `entries`.

    Source: Jost 2006, Oikos 113:363-375, order 1 (doi:10.1111/j.2006.0030-1299.14714.x).
    """
    right = entries.filter(pl.col("passed") & pl.col("reason").is_null())
    before = right.join(pairs.select("problem_id").unique(), on="problem_id", how="semi")
    chosen = pairs.join(entries.select("place", "approach", "passed"), left_on="chosen", right_on="place")
    counts = [_counts(before), _counts(chosen.filter("passed"))]
    return Approaches(
        n_problems=pairs["problem_id"].n_unique(),
        n_before=counts[0].height,
        n_after=counts[1].height,
        effective_before=_mean_effective(counts[0]),
        effective_after=_mean_effective(counts[1]),
    )


def _counts(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("problem_id", "approach").len()


def _mean_effective(counts: pl.DataFrame) -> float:
    share = pl.col("len") / pl.col("len").sum()
    effective = counts.sort("problem_id", "approach").group_by("problem_id", maintain_order=True)
    numbers = effective.agg(n=(-(share * share.log()).sum()).exp())["n"]
    mean = numbers.mean()
    return float(mean) if isinstance(mean, float) else 0.0
