"""Marks of people on a run's pairs: a Parquet file beside the stages, written whole or not at all."""

import io
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.run.digests import content_digest
from pairsmith.pipeline.run.folder import FolderError, write_whole
from pairsmith.schemas.arrow import from_table, to_table
from pairsmith.schemas.mark import Judged, Mark

MARKS = "marks.parquet"


def read_marks(run: Path) -> list[Mark]:
    """Return the marks of a run, sorted by pair; none where nobody marked anything.

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
    return [mark for mark in marks if mark.mark is not Judged.GOOD]


def marks_digest(run: Path) -> str:
    """Return a digest of what the marks leave out; empty where they leave out nothing."""
    rows = sorted(dropping(read_marks(run)), key=lambda mark: (mark.chosen_id, mark.rejected_id))
    return content_digest(rows, Mark) if rows else ""
