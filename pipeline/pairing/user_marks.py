"""Marks of people on a run's pairs: a Parquet file beside the stages, and what it leaves out of the pairs."""

import io
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.pipeline.run.digests import content_digest
from pairsmith.pipeline.run.folder import FolderError, write_whole
from pairsmith.schemas.arrow import from_table, to_table
from pairsmith.schemas.mark import Mark, MarkKind

MARKS = "marks.parquet"


def read_marks(run: Path) -> list[Mark]:
    """Return the marks of a run, sorted by pair; empty without a file.

    Raises:
        FolderError: if the file can't be read: what people marked must not be lost without a word.
    """
    path = run / MARKS
    if not path.is_file():
        return []
    try:
        return from_table(pq.read_table(path), Mark)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise FolderError(f"{path}: can't be read ({reason}); move it away to build without its marks") from None


def write_marks(run: Path, marks: Iterable[Mark]) -> None:
    """Write all marks of a run.

    Raises:
        FolderError: if the file can't be written; what was there before is still there.
    """
    rows = sorted(marks, key=lambda mark: (mark.problem_id, mark.pair_id))
    sink = io.BytesIO()
    pq.write_table(to_table(rows, Mark), sink, compression="zstd")
    write_whole(run / MARKS, sink.getvalue())


def dropping(marks: Iterable[Mark]) -> list[Mark]:
    """Return the marks that leave something out."""
    return [mark for mark in marks if mark.mark is not MarkKind.GOOD]


def marks_digest(run: Path) -> str:
    """Return a digest of what the marks leave out; empty where they leave out nothing."""
    rows = sorted(dropping(read_marks(run)), key=lambda mark: (mark.chosen_id, mark.rejected_id))
    return content_digest(rows, Mark) if rows else ""


def drop_marked(entries: pl.DataFrame, marks: pl.LazyFrame) -> pl.DataFrame:
    """Return entries with a reason for those whose own label was marked as wrong; equal programs go with them."""
    has_side = pl.col("side").is_in(["chosen", "rejected"])
    wrong = marks.filter((pl.col("mark") == MarkKind.WRONG_LABEL.value) & has_side)
    ids = wrong.select(id=pl.when(pl.col("side") == "chosen").then("chosen_id").otherwise("rejected_id")).collect()
    if ids.is_empty():
        return entries
    is_marked = pl.col("candidate_id").is_in(ids["id"].unique().implode()).any().over("problem_id", "fingerprint")
    marked = pl.col("reason").is_null() & is_marked
    return entries.with_columns(reason=pl.when(marked).then(pl.lit(Drop.MARKED_LABEL.value)).otherwise("reason"))


def barred_pairs(entries: pl.DataFrame, marks: pl.LazyFrame) -> pl.DataFrame:
    """Return `chosen`, `rejected` (places of entries) and `barred`, the reason, of marked pairs; both ways."""
    reasons = {MarkKind.BAD.value: Drop.MARKED_BAD.value, MarkKind.WRONG_LABEL.value: Drop.MARKED_WRONG.value}
    rows = marks.filter(pl.col("mark").is_in(list(reasons))).collect()
    rows = rows.select("chosen_id", "rejected_id", barred=pl.col("mark").replace(reasons))
    places = entries.select("candidate_id", "place")
    rows = rows.join(places, left_on="chosen_id", right_on="candidate_id").rename({"place": "chosen"})
    rows = rows.join(places, left_on="rejected_id", right_on="candidate_id").rename({"place": "rejected"})
    rows = rows.select("chosen", "rejected", "barred")
    turned = rows.select(chosen="rejected", rejected="chosen", barred="barred")
    return pl.concat([rows, turned]).unique(["chosen", "rejected"], keep="first", maintain_order=True)
