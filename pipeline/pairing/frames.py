"""The tables that pairs are made of, as lazy frames: read from shards or made of records."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl

from pairsmith.pipeline.pairing.reasons import PairingError
from pairsmith.schemas.arrow import arrow_schema, to_table
from pairsmith.schemas.candidate import Candidate, Program
from pairsmith.schemas.mark import Mark
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.standing import CandidateStanding, ProblemStanding
from pairsmith.schemas.syntax import Syntax
from pairsmith.schemas.timing import Timing
from pairsmith.schemas.verdict import Verdict


@dataclass(frozen=True, slots=True)
class PairingTables:
    """One lazy frame a record; the columns are the records' fields.

    `standings`, `problem_standings` and `timings` may be empty: then labels stand on their tests, and no policy
    can tell fast from slow. `marks` are those of people that leave something out (`pipeline.pairing.user_marks`).
    """

    problems: pl.LazyFrame
    candidates: pl.LazyFrame
    programs: pl.LazyFrame
    verdicts: pl.LazyFrame
    syntax: pl.LazyFrame
    standings: pl.LazyFrame
    problem_standings: pl.LazyFrame
    timings: pl.LazyFrame
    marks: pl.LazyFrame = field(default_factory=lambda: _frame((), Mark))

    def only(self, problem_id: str) -> "PairingTables":
        """Return the rows of one problem."""
        frames = {part.name: getattr(self, part.name) for part in fields(self)}
        return PairingTables(**{name: rows.filter(problem_id=problem_id) for name, rows in frames.items()})


def tables_of_records(
    problems: Iterable[Problem],
    candidates: Iterable[Candidate],
    programs: Iterable[Program],
    verdicts: Iterable[Verdict],
    syntax: Iterable[Syntax],
    standings: Iterable[CandidateStanding] = (),
    problem_standings: Iterable[ProblemStanding] = (),
    timings: Iterable[Timing] = (),
    marks: Iterable[Mark] = (),
) -> PairingTables:
    """Return the tables of records that are in memory."""
    return PairingTables(
        _frame(problems, Problem),
        _frame(candidates, Candidate),
        _frame(programs, Program),
        _frame(verdicts, Verdict),
        _frame(syntax, Syntax),
        _frame(standings, CandidateStanding),
        _frame(problem_standings, ProblemStanding),
        _frame(timings, Timing),
        _frame(marks, Mark),
    )


def scan_tables(files: dict[str, list[Path]], marks: Iterable[Mark] = ()) -> PairingTables:
    """Return the tables of a run's shards; nothing is read yet.

    Args:
        files: Parquet files by stage: problems, candidates, programs, verdicts, syntax, and those of standings,
            problem_standings and timings where they were made.
        marks: see `PairingTables`.
    """
    records: dict[str, type] = {
        "problems": Problem,
        "candidates": Candidate,
        "programs": Program,
        "verdicts": Verdict,
        "syntax": Syntax,
        "standings": CandidateStanding,
        "problem_standings": ProblemStanding,
        "timings": Timing,
    }
    return PairingTables(
        **{
            name: pl.scan_parquet(files[name], glob=False) if files.get(name) else _frame((), record)
            for name, record in records.items()
        },
        marks=_frame(marks, Mark),
    )


def refuse_repeats(frame: pl.LazyFrame, key: str, kind: str) -> None:
    """Raise if a key comes twice in a table.

    Raises:
        PairingError: names the key.
    """
    repeats = frame.select(key).filter(pl.col(key).is_duplicated()).head(1).collect()
    if repeats.height:
        remedy = "were the shards of two runs mixed?" if key == "candidate_id" else "give each problem one id"
        raise PairingError(f"{key.removesuffix('_id')} {repeats.item()}: two rows in {kind}; {remedy}")


def empty_frame(record: type) -> pl.DataFrame:
    """Return a frame of a record's columns without rows."""
    frame = pl.from_arrow(arrow_schema(record).empty_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def _frame(rows: Iterable[Any], record: type) -> pl.LazyFrame:
    frame = pl.from_arrow(to_table(rows, record))
    assert isinstance(frame, pl.DataFrame)
    return frame.lazy()
