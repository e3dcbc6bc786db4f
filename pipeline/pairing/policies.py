"""Possible pairs as tables: how the two sides of a policy are ordered, cut to its reach and crossed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from pairsmith.schemas.config.pairs import PolicyConfig, PolicyName

_MIN_TAGS = 1  # by which the chosen one of `cleaner` is better; none by which it is worse makes one enough
# What later steps need of each side, whatever the policy.
SIDE = ("problem_id", "place", "tie")


@dataclass(frozen=True, slots=True)
class Offers:
    """What one policy offers."""

    # One row a considered pair: `problem_id`, `chosen` and `rejected` (places of entries), `value` (the policy's
    # own measure, null where it has none; see `schemas.pair`), `cost` (lower comes first), `fits` (whether the
    # policy wants it), `n_compared` (draws that both were picked from; null elsewhere).
    rows: pl.DataFrame
    n_beyond: int  # possible pairs that were not considered


def in_turns(entries: pl.DataFrame, *kinds: str) -> pl.DataFrame:
    """Return entries by problem, in rounds over kinds: every kind's first, every kind's second, and so on.

    Answers without runnable code come after all others. Equals are ordered by `tie`, never by length.

    Args:
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
        columns: further columns of both sides; those of the rejected one end in `_rejected`.
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


Policy = Callable[[pl.DataFrame, PolicyConfig], Offers]

# Words, quoted strings and single other marks; comments are matched to be left out.
_TOKENS = r"""#[^\n]*|"[^"\n]*"|'[^'\n]*'|\w+|[^\w\s]"""
_EPSILON = 1e-9  # three quarters less one half is the gap 0.25 that was asked for


def passed_over_failed(entries: pl.DataFrame, policy: PolicyConfig) -> Offers:
    """Offer each passed candidate over each failed one; there is no measure."""
    rows, n_beyond = cross(_passed(entries), _failed(entries), policy.reach)
    return Offers(as_offers(rows), n_beyond)


def partial_credit(entries: pl.DataFrame, policy: PolicyConfig) -> Offers:
    """Offer more cases passed over fewer, by at least `min_gap` of the cases; the measure is that gap.

    The chosen one may have failed: it is better, not right.
    """
    chosen = _most_cases_first(entries)
    rows, n_beyond = cross(chosen, in_turns(entries, "behaviour", "cause"), policy.reach, ["share"])
    gap = pl.col("share") - pl.col("share_rejected")
    fits = (gap > 0.0) & (gap >= policy.min_gap - _EPSILON)
    return Offers(as_offers(rows, value=gap, fits=fits), n_beyond)


def nearest_wrong(entries: pl.DataFrame, policy: PolicyConfig) -> Offers:
    """Offer each passed candidate over the failed ones with code, the most alike first.

    The measure is the normalised Levenshtein distance between the two programs' tokens, in [0, 1]: edits over the
    tokens of the longer one. Considered first are failed candidates in the near-duplicate cluster of a passed
    one, then those whose number of tokens is nearest to a passed one's.
    """
    passed, failed = entries.filter("passed"), entries.filter(~pl.col("passed") & pl.col("has_code"))
    shared = passed.select("problem_id", "cluster", is_near=pl.lit(True)).unique()
    lengths = passed.group_by("problem_id").agg(lengths=pl.col("n_tokens"))
    failed = failed.join(shared, on=["problem_id", "cluster"], how="left").join(
        lengths, on="problem_id", how="left"
    )
    off = (pl.col("lengths") - pl.col("n_tokens")).list.eval(pl.element().abs()).list.min()
    rejected = failed.sort("problem_id", pl.col("is_near").is_null(), off, "tie")
    rows, n_beyond = cross(_passed(passed), rejected, policy.reach)
    distance = pl.Series("distance", _distances(entries, rows), dtype=pl.Float64)
    rows = rows.with_columns(distance)
    return Offers(as_offers(rows, value=pl.col("distance"), cost=pl.col("distance")), n_beyond)


def likeliest_wrong(entries: pl.DataFrame, policy: PolicyConfig) -> Offers:
    """Offer each passed candidate over the failed ones, the likeliest first.

    The measure is the rejected one's mean log-probability a token; candidates without one are not offered.
    """
    failed = entries.filter(~pl.col("passed") & pl.col("logprob").is_not_null())
    rejected = failed.sort("problem_id", "logprob", "tie", descending=[False, True, False])
    rows, n_beyond = cross(_passed(entries), rejected, policy.reach, ["logprob"])
    value = pl.col("logprob_rejected")
    return Offers(as_offers(rows, value=value, cost=-value), n_beyond)


def cleaner(entries: pl.DataFrame, policy: PolicyConfig) -> Offers:
    """Offer cleaner over messier among passed candidates; the measure is by how many tags and how much quality.

    The chosen one is better by a preferred or avoided tag, and worse by none.
    Where `dimensions` of quality are named, it is better by at least `min_quality` in their mean, and worse in
    none; a candidate that lacks one is not offered. With both, both must hold, and the measure is their sum.
    """
    passed = entries.filter(pl.col("passed") & pl.col("has_code"))
    prefer, avoid = policy.tags()
    good = [pl.col("tags").list.contains(tag).cast(pl.Float64) for tag in prefer]
    good += [(~pl.col("tags").list.contains(tag)).cast(pl.Float64) for tag in avoid]
    tags = [f"good_{index}" for index in range(len(good))]
    quality = [f"quality_{name}" for name in policy.dimensions]
    passed = passed.with_columns(*(each.alias(name) for each, name in zip(good, tags, strict=True)))
    passed = passed.drop_nulls(quality) if quality else passed
    names = [*tags, *quality]
    total = pl.sum_horizontal(names)
    chosen, rejected = (
        in_turns(passed, "approach").sort("problem_id", total, descending=[False, down], maintain_order=True)
        for down in (True, False)
    )
    rows, n_beyond = cross(chosen, rejected, policy.reach, names)
    gain, fits = pl.lit(0.0), pl.lit(True)
    for group, least, reduce in (
        (tags, _MIN_TAGS, pl.sum_horizontal),
        (quality, policy.min_quality, pl.mean_horizontal),
    ):
        if group:
            gains = [pl.col(name) - pl.col(f"{name}_rejected") for name in group]
            gain += reduce(gains)
            fits &= (pl.min_horizontal(gains) >= -_EPSILON) & (reduce(gains) >= least - _EPSILON)
    fits &= gain > _EPSILON
    return Offers(as_offers(rows, value=gain, cost=-gain, fits=fits), n_beyond)


def best_of_n(entries: pl.DataFrame, policy: PolicyConfig) -> Offers:
    """Offer, of each `n` draws in a row, the best over the worst by share of cases passed; the measure is the gap.

    Draws without a label don't count; how many did is kept as `n_compared`, which BoNBoN's target needs. A tie
    of best and worst makes no pair. Of equals the first by `tie` is taken.

    Source: Gui et al. 2024, arXiv:2406.00832.
    """
    drawn = entries.with_columns(block=pl.format("{}:{}", "problem_id", pl.col("index") // policy.n))
    sizes = drawn.group_by("block").agg(n_block=pl.len())
    best, worst = (
        drawn.sort("block", "passed", "share", "tie", descending=[False, down, down, False])
        for down in (True, False)
    )
    rows, n_beyond = cross(best, worst, 1, ["share", "passed"], on="block")
    rows = rows.join(sizes, on="block")
    gap = pl.col("share") - pl.col("share_rejected")
    fits = (pl.col("passed") > pl.col("passed_rejected")) | (gap > 0.0)
    return Offers(as_offers(rows, value=gap, cost=-gap, fits=fits, n_compared=pl.col("n_block")), n_beyond)


def repaired(entries: pl.DataFrame, policy: PolicyConfig) -> Offers:
    """Offer the first repair that passes over the program that it mends; there is no measure.

    Source: pairs of a program and its mended form: Wu et al. 2025, arXiv:2503.02783.
    """
    mended = entries.filter(pl.col("passed") & pl.col("repaired_from").is_not_null())
    first = mended.sort("repaired_from", "step", "index", "candidate_id").unique(
        "repaired_from", keep="first", maintain_order=True
    )
    broken = entries.filter(~pl.col("passed")).select("problem_id", "place", repaired_from="candidate_id")
    rows = first.select("problem_id", "repaired_from", chosen="place").join(
        broken.rename({"place": "rejected"}), on=["problem_id", "repaired_from"]
    )
    return Offers(as_offers(rows), 0)


POLICIES: Mapping[PolicyName, Policy] = {
    "passed_over_failed": passed_over_failed,
    "partial_credit": partial_credit,
    "nearest_wrong": nearest_wrong,
    "likeliest_wrong": likeliest_wrong,
    "cleaner": cleaner,
    "best_of_n": best_of_n,
    "repaired": repaired,
}
NEEDS_FAILED = frozenset({"passed_over_failed", "nearest_wrong", "likeliest_wrong"})
NEEDS_PASSED = NEEDS_FAILED | {"cleaner"}


def _passed(entries: pl.DataFrame) -> pl.DataFrame:
    return in_turns(entries.filter("passed"), "approach")


def _most_cases_first(entries: pl.DataFrame) -> pl.DataFrame:
    """Return entries so that the reach keeps what can lead somewhere."""
    turns = in_turns(entries, "approach")
    return turns.sort("problem_id", "share", descending=[False, True], maintain_order=True)


def _failed(entries: pl.DataFrame) -> pl.DataFrame:
    return in_turns(entries.filter(~pl.col("passed")), "behaviour", "cause")


def _distances(entries: pl.DataFrame, rows: pl.DataFrame) -> list[float]:
    """Return the token distance of each row's two programs."""
    places = pl.concat([rows["chosen"], rows["rejected"]]).unique().sort()
    used = entries.filter(pl.col("place").is_in(places.implode())).select("place", "code")
    tokens = pl.col("code").str.extract_all(_TOKENS)
    split = used.select("place", tokens=tokens.list.eval(pl.element().filter(~pl.element().str.starts_with("#"))))
    of_place = dict(zip(split["place"].to_list(), split["tokens"].to_list(), strict=True))
    left, right = ([of_place[place] for place in rows[side].to_list()] for side in ("chosen", "rejected"))
    if not left:
        return []
    distances: list[float] = cpdist(left, right, scorer=Levenshtein.normalized_distance).tolist()
    return distances
