"""The problems of a run with what came of their candidates, and the candidates without a label."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.schemas.verdict import Label

STATES: Mapping[str, pl.Expr] = {
    "never_solved": (pl.col("passed") == 0) & (pl.col("failed") > 0),
    "always_solved": (pl.col("passed") > 0) & (pl.col("failed") == 0),
    "undecided": pl.col("undecided") > 0,
    "without_pairs": pl.col("pairs") == 0,
}
"""What problems can be filtered by."""
_COLUMNS = ["candidate_id", "problem_id", "label", "cause", "detail"]


@dataclass(frozen=True, slots=True)
class ProblemTable:
    """Problems and undecided candidates.

    Attributes:
        problems: problem_id, level, passed, failed, undecided (candidates of each label), pairs; by id.
        undecided: candidate_id, problem_id, cause, detail; by cause and problem.
    """

    problems: pl.DataFrame
    undecided: pl.DataFrame

    def find(self, problem: str, state: str) -> pl.DataFrame:
        """Return the problems whose id holds a text, without regard to case, and that are in a state of STATES."""
        return self.problems.filter(_holds(problem), STATES.get(state, pl.lit(True)))

    def find_undecided(self, problem: str, cause: str) -> pl.DataFrame:
        """Return the undecided candidates of such problems that have a cause; an empty one stands for all."""
        return self.undecided.filter(_holds(problem), pl.col("cause") == cause if cause else pl.lit(True))


def read_problems(run: Path, pairs: pl.DataFrame) -> ProblemTable:
    """Read the problems and verdicts of a run.

    Args:
        pairs: pairs of the run, with a column `problem_id`.
    """
    problems = _scan(run, "problems", ["problem_id", "level"])
    verdicts = _scan(run, "verdicts", _COLUMNS)
    counts = [(pl.col("label") == label.value).sum().cast(pl.Int64).alias(label.value) for label in Label]
    table = (
        problems.join(verdicts.group_by("problem_id").agg(counts), on="problem_id", how="left")
        .join(pairs.lazy().group_by("problem_id").agg(pairs=pl.len().cast(pl.Int64)), on="problem_id", how="left")
        .with_columns(pl.col([*Label, "pairs"]).fill_null(0))
        .sort("problem_id")
    )
    undecided = (
        verdicts.filter(label=Label.UNDECIDED.value).drop("label").sort("cause", "problem_id", "candidate_id")
    )
    return ProblemTable(table.collect(), undecided.collect())


def _holds(text: str) -> pl.Expr:
    return pl.col("problem_id").str.to_lowercase().str.contains(text.lower(), literal=True)


def _scan(run: Path, stage: str, columns: list[str]) -> pl.LazyFrame:
    folder = stage_folder(run, stage)
    files = [folder.path / name for name in folder.shard_names()]
    if not files:
        return pl.LazyFrame(schema=dict.fromkeys(columns, pl.String))
    return pl.scan_parquet(files, glob=False).select(columns)
