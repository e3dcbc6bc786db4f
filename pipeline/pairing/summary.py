"""The counts of a pairing: the record behind `pairing.json` and the report's part on pairs."""

import polars as pl
from pydantic import TypeAdapter

from pairsmith.pipeline.pairing.entries import TRIVIAL
from pairsmith.pipeline.pairing.leakage import Leak
from pairsmith.pipeline.pairing.stage import PairingResult
from pairsmith.pipeline.pairing.tables import PairingTables
from pairsmith.schemas.pairing_report import DropCount, LeakRow, NamedCount, PairingReport, WeakProblem

HARD_SHARE = 0.5  # of the cases: rejected candidates that pass at least this share are hard
_REPORT = TypeAdapter(PairingReport)


def summarise(made: PairingResult, tables: PairingTables) -> PairingReport:
    """Return the counts of one pairing."""
    pairs, weak = made.pairs, tables.problem_standings.collect()
    return PairingReport(
        n_candidates=made.entries.height,
        n_train=pairs.filter(pl.col("split") == "train").height,
        n_test=pairs.filter(pl.col("split") == "test").height,
        n_problems=pairs["problem_id"].n_unique(),
        drops=tuple(DropCount(str(reason), reason.unit, n) for reason, n in made.dropped.items()),
        policies=_counts(pairs["policy"]),
        rejects=_counts(pairs["rejected_cause"].replace("", "passed")),
        n_trivial=pairs.filter(pl.col("rejected_cause").is_in(TRIVIAL)).height,
        n_hard=pairs.filter(pl.col("rejected_share") >= HARD_SHARE).height,
        leaks=tuple(
            _leak_row(split, what, getattr(before, what), getattr(after, what))
            for split, (before, after) in made.leaks.items()
            for what in ("length", "style")
        ),
        n_approaches_before=made.approaches.n_before,
        n_approaches_after=made.approaches.n_after,
        effective_before=made.approaches.effective_before,
        effective_after=made.approaches.effective_after,
        standings=_counts(tables.standings.select("standing").collect()["standing"]),
        weak=_weak(weak),
        n_mutants=int(weak["n_mutants"].sum()),
        n_killed=int(weak["n_killed"].sum()),
    )


def report_to_json(report: PairingReport) -> str:
    """Return the record as JSON text, the same for equal records."""
    return _REPORT.dump_json(report, indent=1).decode() + "\n"


def report_from_json(text: str) -> PairingReport:
    """Return the record of a JSON text.

    Raises:
        pydantic.ValidationError: if it is none.
    """
    return _REPORT.validate_json(text)


def _counts(names: pl.Series) -> tuple[NamedCount, ...]:
    rows = names.value_counts().sort("count", names.name, descending=[True, False])
    return tuple(NamedCount(name, n) for name, n in rows.iter_rows())


def _leak_row(split: str, what: str, before: Leak | None, after: Leak | None) -> LeakRow:
    values = [
        value for leak in (before, after) for value in ((leak.within, leak.overall) if leak else (None, None))
    ]
    return LeakRow(split, what, *values)


def _weak(standings: pl.DataFrame) -> tuple[WeakProblem, ...]:
    names = ["problem_id", "n_passed", "n_groups", "top_support", "splitting_inputs"]
    rows = standings.filter("is_weak").sort("top_support", "problem_id").select(names)
    return tuple(
        WeakProblem(**{**row, "splitting_inputs": tuple(row["splitting_inputs"])})
        for row in rows.iter_rows(named=True)
    )
