"""The guards of a whole split, until none of them finds anything more to leave out."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl

from pairsmith.pipeline.pairing import leakage
from pairsmith.pipeline.pairing.guards import over_difficulty_share, over_trivial_share
from pairsmith.pipeline.pairing.leakage import Leak, Told
from pairsmith.pipeline.pairing.reasons import Drop
from pairsmith.schemas.config.pairs import PairsConfig


@dataclass(frozen=True, slots=True)
class Leaks:
    """What length, and style with length, tell of one split; None for fewer pairs than tell anything."""

    length: Leak | None
    style: Leak | None


@dataclass(frozen=True, slots=True)
class Balanced:
    """The pairs that stay in one split, with their `weight`; what was dropped; leaks before and after."""

    pairs: pl.DataFrame
    dropped: Counter[Drop]
    before: Leaks
    after: Leaks


def balance_split(pairs: pl.DataFrame, config: PairsConfig) -> Balanced:
    """Return the pairs of a split that hold all bounds of the configuration.

    What one guard leaves out may break the bound of another, so they take turns; each turn but the last leaves
    something out, so they end.

    Args:
        pairs: of one split, with `is_trivial`, `difficulty`, `pair_tie`, `problem_tie` and, for both sides,
            `leakage.STYLE_COLUMNS`.
        config: the bounds.
    """
    before = measure_leaks(pairs)
    dropped: Counter[Drop] = Counter()
    pairs = pairs.with_columns(weight=pl.lit(1.0))
    while True:
        n = pairs.height
        out = over_trivial_share(pairs, config.max_trivial_share)
        dropped[Drop.OVER_TRIVIAL_SHARE] += int(out.sum())
        pairs = pairs.filter(~out)
        out = over_difficulty_share(pairs, config.max_difficulty_share)
        dropped[Drop.OVER_DIFFICULTY_SHARE] += int(out.sum())
        pairs = pairs.filter(~out)
        if config.leakage == "drop":
            pairs = _thin(pairs, config, dropped)
        if pairs.height == n:
            break
    if config.leakage == "weigh":
        pairs = _weigh(pairs, config)
    return Balanced(pairs, dropped, before, measure_leaks(pairs))


def measure_leaks(pairs: pl.DataFrame) -> Leaks:
    """Return what length tells of all pairs, and style of those whose rejected has runnable code.

    An answer without code is told by that, whatever its style; the share of such pairs has a cap of its own.
    """
    weights = pairs["weight"].to_numpy() if "weight" in pairs.columns else np.ones(pairs.height)
    plain = pairs["is_trivial"].not_().to_numpy()
    length, style = _ask_length(pairs), _ask_style(pairs)
    return Leaks(
        length.leak(weights) if length is not None else None,
        style.leak(weights[plain]) if style is not None else None,
    )


def _ask_length(pairs: pl.DataFrame) -> Told | None:
    return leakage.ask_length(pairs) if pairs.height >= leakage.MIN_PAIRS else None


def _ask_style(pairs: pl.DataFrame) -> Told | None:
    plain = pairs.filter(~pl.col("is_trivial"))
    return leakage.ask_style(plain) if plain.height >= leakage.MIN_PAIRS else None


def _thin(pairs: pl.DataFrame, config: PairsConfig, dropped: Counter[Drop]) -> pl.DataFrame:
    """Leave out pairs until neither length nor style tells more than its bound."""
    while (told := _ask_length(pairs)) is not None and told.leak().worst > config.max_length_auc:
        out = pl.Series(leakage.thin(pairs, told, config.max_length_auc))
        dropped[Drop.LENGTH_TELLS] += int(out.sum())
        pairs = pairs.filter(~out)
    while (told := _ask_style(pairs)) is not None and told.leak().worst > config.max_style_auc:
        plain = pairs.filter(~pl.col("is_trivial"))
        out = pl.Series(leakage.thin(plain, told, config.max_style_auc))
        dropped[Drop.STYLE_TELLS] += int(out.sum())
        kept = plain.filter(~out)
        pairs = pl.concat([pairs.filter("is_trivial"), kept]).sort("pair_tie")
    return pairs


def _weigh(pairs: pl.DataFrame, config: PairsConfig) -> pl.DataFrame:
    weights = np.ones(pairs.height)
    length, style = _ask_length(pairs), _ask_style(pairs)
    if length is not None and length.leak().worst > config.max_length_auc:
        weights *= leakage.weigh(length, config.max_length_auc)
    if style is not None and style.leak().worst > config.max_style_auc:
        weights[pairs["is_trivial"].not_().to_numpy()] *= leakage.weigh(style, config.max_style_auc)
    return pairs.with_columns(weight=pl.Series(weights))
