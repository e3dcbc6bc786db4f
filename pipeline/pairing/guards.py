"""Guards over offers and over whole splits. Each gives the reason of every drop.

`pair_reason` guards one offer. `balance_split` guards a whole split of its own, since what is held out must never
decide what is trained on. `count_approaches` measures what selection keeps. `pipeline.pairing.entries` guards the
candidates.
"""

from collections import Counter
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from pairsmith.pipeline.pairing.drops import Drop, first_reason
from pairsmith.pipeline.pairing.splits import AnswerScores, Leak, What, score_answers, thin, weigh
from pairsmith.schemas.config.pairs import PairsConfig

PAIR_COLUMNS = ("asked_key", "answer_key", "form", "exact", "renamed", "n_chars")
"""Columns of both sides that `pair_reason` reads; those of the rejected one end in `_rejected`."""


Leaks = dict[What, Leak | None]
"""How well length, and style with length, predict the choice in one split; None for too few pairs."""


@dataclass(frozen=True, slots=True)
class Balanced:
    """The remaining pairs of one split, with their `weight`; what was dropped; leaks before and after."""

    pairs: pl.DataFrame
    dropped: Counter[Drop]
    before: Leaks
    after: Leaks


@dataclass(frozen=True, slots=True)
class Approaches:
    """Right approaches before and after selection, over the problems that have pairs.

    An approach is what is alike in near-duplicate cluster and behaviour. Alignment narrows what a model writes; a
    selection that chooses the commonest approach again and again would teach that.
    """

    n_before: int  # approaches of passed candidates, summed over problems; likewise `n_after` of chosen ones
    n_after: int


def pair_reason(config: PairsConfig) -> pl.Expr:
    """Return why an offer can't be a pair, null where it can.

    Reads PAIR_COLUMNS, `fits`, and `is_repair`: whether the chosen one was drawn under a prompt that shows the
    rejected one. Texts are compared by 64-bit digests: two of a million differ and have one digest with a
    probability of 3e-8, and then one good pair is lost.
    """
    other = {name: pl.col(f"{name}_rejected") for name in PAIR_COLUMNS}
    same_program = pl.any_horizontal(
        (pl.col(name) != "") & (pl.col(name) == other[name]) for name in ("exact", "renamed")
    )
    is_apart = (pl.col("asked_key") != other["asked_key"]) | (pl.col("form") != other["form"])
    rules = [
        (Drop.NOT_PREFERRED, ~pl.col("fits")),
        (Drop.DIFFERENT_PROMPT, is_apart & ~pl.col("is_repair")),
        (Drop.SAME_FINGERPRINT, same_program),
        (Drop.SAME_TEXT, pl.col("answer_key") == other["answer_key"]),
    ]
    if config.max_length_ratio is not None:
        longer = pl.max_horizontal("n_chars", other["n_chars"])
        shorter = pl.min_horizontal("n_chars", other["n_chars"])
        rules.append((Drop.LENGTH_GAP, longer > config.max_length_ratio * shorter))
    return first_reason(rules)


def over_share(pairs: pl.DataFrame, max_share: float, of_kind: pl.Expr) -> pl.Series:
    """Return which pairs are too many among those of a kind, in turns over problems.

    Args:
        pairs: of one split: `problem_id`, what `of_kind` reads, and `pair_tie`, which orders equals.
        max_share: share of the split's pairs, in [0, 1].
        of_kind: which pairs may only be a share of all, such as those whose rejected has no runnable code.
    """
    pairs = pairs.with_columns(of_kind=of_kind)
    n = int(pairs["of_kind"].sum())
    n_kept = most_of_share(n, pairs.height - n, max_share)
    round_ = pl.col("pair_tie").rank("ordinal").over("of_kind", "problem_id")
    turn = pl.struct(round_.alias("round"), "pair_tie").rank("ordinal").over("of_kind")
    return pairs.select(over=pl.col("of_kind") & (turn > n_kept))["over"]


def most_of_share(n: int, n_others: int, max_share: float) -> int:
    """Return the largest t <= n with t / (t + n_others) <= max_share."""
    if max_share >= 1.0:
        return n
    # One more than the formula gives: the division may round down.
    most = min(n, int(max_share * n_others / (1.0 - max_share)) + 1)
    while most and most / (most + n_others) > max_share:
        most -= 1
    return most


def balance_split(pairs: pl.DataFrame, config: PairsConfig) -> Balanced:
    """Return the pairs of a split that hold all bounds of the configuration.

    What one guard drops may break the bound of another, so they take turns until none drops anything.

    Args:
        pairs: of one split, sorted by `pair_tie`, with `is_trivial`, `problem_tie`, `approach_share`
            (of the chosen, see `share_of_approach`) and, for both sides, `leakage.STYLE_COLUMNS`.
    """
    before = _measure_leaks(pairs)
    max_repairs = config.repairs.max_share if config.repairs else 1.0
    dropped: Counter[Drop] = Counter()
    pairs = pairs.with_columns(weight=pl.lit(1.0))
    n = -1
    while n != pairs.height:
        n = pairs.height
        for reason, of_kind, share in (
            (Drop.OVER_TRIVIAL_SHARE, pl.col("is_trivial"), config.max_trivial_share),
            (Drop.OVER_REPAIR_SHARE, pl.col("policy") == "repaired", max_repairs),
        ):
            out = over_share(pairs, share, of_kind)
            dropped[reason] += int(out.sum())
            pairs = pairs.filter(~out)
        if config.leakage == "drop":
            pairs = _thin(pairs, config, dropped)
    if config.leakage == "weigh":
        pairs = _weigh(pairs, config)
    if config.rarity:
        weight = pl.col("approach_share") ** -config.rarity
        pairs = pairs.with_columns(weight=weight / weight.mean())
    return Balanced(pairs, dropped, before, _measure_leaks(pairs))


def _measure_leaks(pairs: pl.DataFrame) -> Leaks:
    weights = pairs["weight"].to_numpy() if "weight" in pairs.columns else np.ones(pairs.height)
    leaks: Leaks = {}
    for what in get_args(What):
        asked, scores = _score(pairs, what)
        leaks[what] = scores.leak(weights[asked]) if scores is not None else None
    return leaks


def _score(pairs: pl.DataFrame, what: What) -> tuple[npt.NDArray[np.bool_], AnswerScores | None]:
    """Return which pairs classifiers predict, and their predictions; None for too few pairs.

    An answer without code is recognised by that, whatever its style, and the share of such pairs has a cap of its
    own.
    """
    asked = pairs["is_trivial"].not_().to_numpy() if what == "style" else np.ones(pairs.height, dtype=bool)
    return asked, score_answers(pairs.filter(pl.Series(asked)), what)


def _bounds(config: PairsConfig) -> tuple[tuple[What, float, Drop], ...]:
    return (
        ("length", config.max_length_auc, Drop.LENGTH_TELLS),
        ("style", config.max_style_auc, Drop.STYLE_TELLS),
    )


def _thin(pairs: pl.DataFrame, config: PairsConfig, dropped: Counter[Drop]) -> pl.DataFrame:
    """Drop pairs until neither length nor style predicts more than its bound."""
    for what, bound, reason in _bounds(config):
        while True:
            asked, scores = _score(pairs, what)
            if scores is None or scores.leak().worst <= bound:
                break
            out = np.zeros(pairs.height, dtype=bool)
            out[asked] = thin(pairs["pair_tie"].to_numpy()[asked], scores, bound)
            dropped[reason] += int(out.sum())
            pairs = pairs.filter(pl.Series(~out))
    return pairs


def _weigh(pairs: pl.DataFrame, config: PairsConfig) -> pl.DataFrame:
    """Give each pair a weight in (0, 1], so that neither length nor style predicts more than its bound."""
    weights = np.ones(pairs.height)
    for what, bound, _ in _bounds(config):
        asked, scores = _score(pairs, what)
        if scores is not None and scores.leak().worst > bound:
            weights[asked] *= weigh(scores, bound)
    return pairs.with_columns(weight=pl.Series(weights))


def share_of_approach() -> pl.Expr:
    """Return the share that a candidate's approach has of its problem's right draws, in (0, 1]; 1 for a wrong one.

    Duplicates count, since the model drew them; repairs do not. An approach that only a repair has counts as one.
    Pairs weighed by its inverse power: Hu et al. 2026, arXiv:2601.08763, which weights rollouts in this way.
    """
    is_right = pl.col("passed") & pl.col("reason").is_null() & pl.col("repaired_from").is_null()
    alike, right = (is_right.sum().over("problem_id", *more).clip(1) for more in (("approach",), ()))
    return pl.when("passed").then(alike / right).otherwise(1.0)


def right_approaches(entries: pl.DataFrame) -> pl.DataFrame:
    """Return `problem_id` and `n_approaches`, of its right draws; repairs do not count.

    Args:
        entries: `problem_id`, `passed`, `approach`, `reason` and `repaired_from` of whole problems.
    """
    is_right = pl.col("passed") & pl.col("reason").is_null() & pl.col("repaired_from").is_null()
    return entries.filter(is_right).group_by("problem_id").agg(n_approaches=pl.col("approach").n_unique())


def count_approaches(right: pl.DataFrame, entries: pl.DataFrame, pairs: pl.DataFrame) -> Approaches:
    """Return the approaches of the problems that have pairs.

    Args:
        right: see `right_approaches`.
        entries: `problem_id`, `place`, `passed`, `approach` and `repaired_from` of the candidates of the pairs.
        pairs: `problem_id` and `chosen`, a place of `entries`.
    """
    before = right.join(pairs.select("problem_id").unique(), on="problem_id", how="semi")["n_approaches"].sum()
    drawn = entries.filter(pl.col("repaired_from").is_null() & pl.col("passed"))
    chosen = pairs.join(drawn.select("place", "approach"), left_on="chosen", right_on="place")
    return Approaches(int(before), chosen.group_by("problem_id", "approach").len().height)
