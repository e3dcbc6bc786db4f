"""What may not become a pair. Each guard gives the reason of every drop.

`pair_reason` looks at one offer; the caps look at the pairs of a whole split, since what is held out must never
decide what is trained on. `pipeline.pairing.entries` guards the candidates, `leakage` what lengths and style tell.
"""

from collections.abc import Iterable

import polars as pl

from pairsmith.pipeline.pairing.reasons import Drop
from pairsmith.schemas.config.pairs import PairsConfig

_EPSILON = 1e-9
N_DIFFICULTIES = 4  # quarters of the pass rate
PAIR_COLUMNS = ("asked_key", "answer_key", "form", "exact", "renamed", "n_chars")
"""Columns of both sides that `pair_reason` reads; those of the rejected one end in `_rejected`."""


def pair_reason(config: PairsConfig) -> pl.Expr:
    """Return why an offer can't be a pair, null where it can.

    Reads PAIR_COLUMNS, `fits`, and `forms`: whether the policy asks for pairs that differ by form only. Texts are
    compared by 64-bit digests: two of a million differ and have one digest with a probability of 3e-8, and then
    one good pair is lost.
    """
    other = {name: pl.col(f"{name}_rejected") for name in PAIR_COLUMNS}
    same_program = pl.any_horizontal(
        (pl.col(name) != "") & (pl.col(name) == other[name]) for name in ("exact", "renamed")
    )
    rules = [
        (Drop.NOT_PREFERRED, ~pl.col("fits")),
        (Drop.DIFFERENT_PROMPT, (pl.col("asked_key") != other["asked_key"]) | (pl.col("form") != other["form"])),
        (Drop.SAME_FINGERPRINT, same_program & ~pl.col("forms")),
        (Drop.SAME_TEXT, pl.col("answer_key") == other["answer_key"]),
    ]
    if config.max_length_ratio is not None:
        longer = pl.max_horizontal("n_chars", other["n_chars"])
        shorter = pl.min_horizontal("n_chars", other["n_chars"])
        rules.append((Drop.LENGTH_GAP, longer > config.max_length_ratio * shorter))
    return pl.coalesce(*(pl.when(holds).then(pl.lit(reason.value)) for reason, holds in rules))


def over_trivial_share(pairs: pl.DataFrame, max_share: float) -> pl.Series:
    """Return which pairs are too many among those whose rejected has no runnable code.

    Trivial pairs are kept in turns over problems.

    Args:
        pairs: of one split: `problem_id`, `is_trivial`, and `pair_tie`, which orders equals.
        max_share: share of the split's pairs, in [0, 1].
    """
    n_trivial = int(pairs["is_trivial"].sum())
    n_kept = most_of_share(n_trivial, pairs.height - n_trivial, max_share)
    return pairs.select(over=pl.col("is_trivial") & (_turn("is_trivial") > n_kept))["over"]


def over_difficulty_share(pairs: pl.DataFrame, max_share: float) -> pl.Series:
    """Return which pairs are too many among those of one quarter of pass rates, in turns over problems.

    Where few quarters have pairs, the bound is an even share of these: with one quarter everything stays.

    Args:
        pairs: of one split: `problem_id`, `difficulty` (an integer from 0), and `pair_tie`.
        max_share: share of the split's pairs that one quarter may hold, in [0, 1].
    """
    sizes = [n for _, n in pairs.group_by("difficulty").len().iter_rows()]
    cap = difficulty_cap(sizes, max_share)
    return pairs.select(over=_turn("difficulty") > cap)["over"]


def difficulty_cap(sizes: Iterable[int], max_share: float) -> int:
    """Return the largest cap on every size after which none is over its share of their sum.

    Args:
        sizes: pairs of each quarter that has some.
        max_share: see `over_difficulty_share`.
    """
    ordered = sorted(sizes)
    if not ordered:
        return 0
    share = max(max_share, 1.0 / len(ordered))
    low, high = ordered[0], ordered[-1]  # at the smallest size all shares are even
    while low < high:  # cap / sum grows with the cap, so the largest one that holds can be bisected
        middle = (low + high + 1) // 2
        holds = middle <= share * sum(min(size, middle) for size in ordered) + _EPSILON
        low, high = (middle, high) if holds else (low, middle - 1)
    return low


def most_of_share(n: int, n_others: int, max_share: float) -> int:
    """Return the largest t <= n with t / (t + n_others) <= max_share."""
    if max_share >= 1.0:
        return n
    # One more than the formula gives: the division may round down.
    most = min(n, int(max_share * n_others / (1.0 - max_share)) + 1)
    while most and most / (most + n_others) > max_share:
        most -= 1
    return most


def _turn(kind: str) -> pl.Expr:
    """Return each pair's number, from 1, among those of its kind in turns over problems."""
    round_ = pl.col("pair_tie").rank("ordinal").over(kind, "problem_id")
    return pl.struct(round_.alias("round"), "pair_tie").rank("ordinal").over(kind)
