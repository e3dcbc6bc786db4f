"""The tables that pairs are made of, as lazy frames: read from shards or made of records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from pairsmith.pipeline.pairing.drops import PairingError
from pairsmith.schemas.arrow import arrow_schema, to_table
from pairsmith.schemas.candidate import Candidate, Extraction, Program
from pairsmith.schemas.crosscheck import CandidateCrosscheck, ProblemCrosscheck, Timing
from pairsmith.schemas.mark import Mark
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.syntax import Syntax
from pairsmith.schemas.verdict import Verdict

RECORDS: Mapping[str, type] = {
    "problems": Problem,
    "candidates": Candidate,
    "programs": Program,
    "verdicts": Verdict,
    "syntax": Syntax,
    "standings": CandidateCrosscheck,
    "problem_standings": ProblemCrosscheck,
    "timings": Timing,
    "marks": Mark,
}


@dataclass(frozen=True, slots=True)
class PairingTables:
    """One lazy frame a stage; the columns are the fields of its record.

    `standings`, `problem_standings` and `timings` may be empty: then labels rest on the tests, and no policy can
    tell fast from slow. `marks` are those of people that drop something (`pipeline.pairing.user_marks`).
    """

    problems: pl.LazyFrame
    candidates: pl.LazyFrame
    programs: pl.LazyFrame
    verdicts: pl.LazyFrame
    syntax: pl.LazyFrame
    standings: pl.LazyFrame
    problem_standings: pl.LazyFrame
    timings: pl.LazyFrame
    marks: pl.LazyFrame

    def only(self, problem_id: str) -> "PairingTables":
        """Return the rows of one problem."""
        return PairingTables(**{name: getattr(self, name).filter(problem_id=problem_id) for name in RECORDS})


def tables_of_records(**rows: Iterable[Any]) -> PairingTables:
    """Return the tables of records that are in memory, by stage; what is not given is empty."""
    return PairingTables(**{name: _frame(rows.get(name, ()), record) for name, record in RECORDS.items()})


def scan_tables(files: Mapping[str, Sequence[Path]], marks: Iterable[Mark] = ()) -> PairingTables:
    """Return the tables of a run's shards; nothing is read yet.

    Args:
        files: Parquet files by stage; a stage without files is empty.
        marks: see `PairingTables`.
    """
    empty = tables_of_records(marks=marks)
    scanned = {name: pl.scan_parquet(list(paths), glob=False) for name, paths in files.items() if paths}
    return replace(empty, **scanned)


def as_judged(tables: PairingTables, strip_thoughts: bool = False) -> PairingTables:
    """Return the tables with the programs as they were judged, the completions without thoughts where asked for.

    Args:
        tables: of a run.
        strip_thoughts: leave out of each completion what stands before the end of its last thought.
    """
    forms = tables.verdicts.select("candidate_id", "program_form")
    was_pruned = (pl.col("program_form") == "pruned") & (pl.col("pruned") != "")
    programs = (
        tables.programs.join(forms, on="candidate_id", how="left")
        .with_columns(code=pl.when(was_pruned).then("pruned").otherwise("code"))
        .drop("program_form")
    )
    if not strip_thoughts:
        return replace(tables, programs=programs)
    ends = tables.programs.filter(pl.col("extraction") != Extraction.NO_ANSWER.value).select(
        "candidate_id", answer_start=pl.col("thoughts").list.last().struct.field("end")
    )
    plain = pl.col("completion").str.replace_all("\r\n", "\n", literal=True)
    stripped = plain.str.slice(pl.col("answer_start")).str.strip_chars_start("\n")
    candidates = (
        tables.candidates.join(ends, on="candidate_id", how="left")
        .with_columns(completion=pl.when(pl.col("answer_start") > 0).then(stripped).otherwise("completion"))
        .drop("answer_start")
    )
    return replace(tables, programs=programs, candidates=candidates)


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
