"""What differs between two versions: pairs that came and went, and why; pass rates.

An index keeps of each version only what the next one is compared with, in three small tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.run.digests import content_digest, digest
from pairsmith.schemas.problem import Problem

Index = Mapping[str, pl.DataFrame]
_COLUMNS = {
    "pairs": ["pair_id", "problem_id", "split", "policy", "chosen_id", "rejected_id"],
    "candidates": ["candidate_id", "problem_id", "label", "standing", "reason"],
}
# Why a pair came or went: the first that is true.
REASONS = (
    "problem", "tests", "text", "draw", "label", "standing", "excluded", "selection",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RateChange:
    """A problem's share of decided candidates that passed, in [0, 1], before and now."""

    problem_id: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class VersionChange:
    """What differs.

    Attributes:
        n_pairs: pairs by split, now.
        added: pairs that were not there before, by reason (see `REASONS`) and split; likewise `removed`.
        n_kept: pairs of both versions.
        new_problems, gone_problems, changed_problems: ids, sorted.
        n_candidates: candidates now; `n_new_candidates` those that were not there before.
        rate: mean over problems of the share that passed, now; `rate_before` before, None in a first version.
        rates: problems of both versions whose share changed, the largest change first.
    """

    n_pairs: Mapping[str, int]
    added: Mapping[tuple[str, str], int]
    removed: Mapping[tuple[str, str], int]
    n_kept: int
    new_problems: tuple[str, ...]
    gone_problems: tuple[str, ...]
    changed_problems: tuple[str, ...]
    n_candidates: int
    n_new_candidates: int
    rate: float
    rate_before: float | None
    rates: tuple[RateChange, ...]


def write_index(run: Path, folder: Path) -> None:
    """Write what a later version is compared with."""
    folder.mkdir(parents=True)
    for name, path in (("pairs", "data"), ("candidates", "candidates")):
        files = sorted((run / "dataset" / path).glob("*.parquet"))
        rows = pl.scan_parquet(files).select(_COLUMNS[name]).collect() if files else _empty(name)
        rows.sort(_COLUMNS[name][0]).write_parquet(folder / f"{name}.parquet")
    problems: list[Problem] = stage_folder(run, "problems").read_all()
    rows = pl.DataFrame(
        {
            "problem_id": [row.problem_id for row in problems],
            "tests": [digest(repr(row.cases), row.test_code, row.setup, str(row.judged_by)) for row in problems],
            "content": [content_digest([row], Problem) for row in problems],
        },
        schema=dict.fromkeys(("problem_id", "tests", "content"), pl.String),
    )
    rows.sort("problem_id").write_parquet(folder / "problems.parquet")


def read_index(folder: Path) -> Index:
    """Return what `write_index` wrote."""
    return {name: pl.read_parquet(folder / f"{name}.parquet") for name in ("pairs", "candidates", "problems")}


def compare(before: Index | None, after: Index) -> VersionChange:
    """Return what differs; of a first version everything is new."""
    old = before or {name: frame.clear() for name, frame in after.items()}
    problems = old["problems"].join(after["problems"], on="problem_id", how="full", suffix="_now", coalesce=True)
    new = problems.filter(pl.col("content").is_null())["problem_id"]
    gone = problems.filter(pl.col("content_now").is_null())["problem_id"]
    changed = problems.filter(pl.col("content") != pl.col("content_now"))["problem_id"]
    came = after["pairs"].join(old["pairs"], on="pair_id", how="anti")
    went = old["pairs"].join(after["pairs"], on="pair_id", how="anti")
    rates, rates_before = _rates(after["candidates"]), _rates(old["candidates"])
    both = rates_before.join(rates, on="problem_id", suffix="_now").filter(pl.col("rate") != pl.col("rate_now"))
    both = both.sort((pl.col("rate_now") - pl.col("rate")).abs(), "problem_id", descending=[True, False])
    drawn = after["candidates"].join(old["candidates"], on="candidate_id", how="anti")
    return VersionChange(
        n_pairs=dict(after["pairs"].group_by("split").len().sort("split").iter_rows()),
        added=_reasons(came, problems, old["candidates"], after["candidates"], is_new=True),
        removed=_reasons(went, problems, old["candidates"], after["candidates"], is_new=False),
        n_kept=after["pairs"].height - came.height,
        new_problems=tuple(new.sort()),
        gone_problems=tuple(gone.sort()),
        changed_problems=tuple(changed.sort()),
        n_candidates=after["candidates"].height,
        n_new_candidates=drawn.height,
        rate=_mean(rates) or 0.0,
        rate_before=_mean(rates_before) if before is not None else None,
        rates=tuple(RateChange(*row) for row in both.iter_rows()),
    )


def _reasons(
    pairs: pl.DataFrame, problems: pl.DataFrame, old: pl.DataFrame, new: pl.DataFrame, is_new: bool
) -> dict[tuple[str, str], int]:
    """Return how many pairs came or went for each reason, by split."""
    candidates = old.join(new, on="candidate_id", how="full", suffix="_now", coalesce=True)
    side = candidates.select(
        "candidate_id",
        draw=pl.col("problem_id").is_null() | pl.col("problem_id_now").is_null(),
        label=pl.col("label") != pl.col("label_now"),
        standing=pl.col("standing") != pl.col("standing_now"),
        excluded=pl.col("reason") != pl.col("reason_now"),
    )
    rows = pairs.join(problems, on="problem_id", how="left")
    for name in ("chosen", "rejected"):
        rows = rows.join(side, left_on=f"{name}_id", right_on="candidate_id", how="left", suffix=f"_{name}")
    here, there = ("content", "content_now") if is_new else ("content_now", "content")
    tests = {
        "problem": pl.col(here).is_null() & pl.col(there).is_not_null(),
        "tests": pl.col("tests") != pl.col("tests_now"),
        "text": pl.col("content") != pl.col("content_now"),
        **{name: pl.col(name) | pl.col(f"{name}_rejected") for name in ("draw", "label", "standing", "excluded")},
    }
    reason = pl.lit("selection")
    for name in reversed(REASONS[:-1]):
        reason = pl.when(tests[name].fill_null(value=False)).then(pl.lit(name)).otherwise(reason)
    counts = rows.with_columns(why=reason).group_by("why", "split").len().sort("why", "split")
    return {(why, split): n for why, split, n in counts.iter_rows()}


def _rates(candidates: pl.DataFrame) -> pl.DataFrame:
    decided = candidates.filter(pl.col("label").is_in(["passed", "failed"]))
    return decided.group_by("problem_id").agg(rate=(pl.col("label") == "passed").mean()).sort("problem_id")


def _mean(rates: pl.DataFrame) -> float | None:
    mean = rates["rate"].mean()
    return float(mean) if isinstance(mean, float) else None


def _empty(name: str) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(_COLUMNS[name], pl.String))
