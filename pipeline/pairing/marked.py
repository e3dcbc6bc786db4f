"""What people marked in the viewer: candidates whose label is wrong, and pairs that must not be made again."""

import polars as pl

from pairsmith.pipeline.pairing.reasons import Drop
from pairsmith.schemas.mark import Judged


def leave_out_marked(entries: pl.DataFrame, marks: pl.LazyFrame) -> pl.DataFrame:
    """Return entries with a reason for those whose own label was marked as wrong; equal programs go with them."""
    has_side = pl.col("side").is_in(["chosen", "rejected"])
    wrong = marks.filter((pl.col("mark") == Judged.WRONG_LABEL.value) & has_side)
    ids = wrong.select(id=pl.when(pl.col("side") == "chosen").then("chosen_id").otherwise("rejected_id")).collect()
    if ids.is_empty():
        return entries
    is_marked = pl.col("candidate_id").is_in(ids["id"].unique().implode()).any().over("problem_id", "fingerprint")
    marked = pl.col("reason").is_null() & is_marked
    return entries.with_columns(reason=pl.when(marked).then(pl.lit(Drop.MARKED_LABEL.value)).otherwise("reason"))


def barred_pairs(entries: pl.DataFrame, marks: pl.LazyFrame) -> pl.DataFrame:
    """Return `chosen`, `rejected` (places of entries) and `barred`, the reason, of marked pairs; both ways."""
    reasons = {Judged.BAD.value: Drop.MARKED_BAD.value, Judged.WRONG_LABEL.value: Drop.MARKED_WRONG.value}
    told = marks.filter(pl.col("mark").is_in(list(reasons))).collect()
    told = told.select("chosen_id", "rejected_id", barred=pl.col("mark").replace(reasons))
    places = entries.select("candidate_id", "place")
    rows = told.join(places, left_on="chosen_id", right_on="candidate_id").rename({"place": "chosen"})
    rows = rows.join(places, left_on="rejected_id", right_on="candidate_id").rename({"place": "rejected"})
    rows = rows.select("chosen", "rejected", "barred")
    turned = rows.select(chosen="rejected", rejected="chosen", barred="barred")
    return pl.concat([rows, turned]).unique(["chosen", "rejected"], keep="first", maintain_order=True)
