"""The pairs of a run by their facts, filtered, counted and in order; its problems; its undecided candidates."""

import functools
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import polars as pl

from pairsmith.pipeline.chain.table import scan_stage, stage_folder
from pairsmith.pipeline.pairing.drops import read_marks, write_marks
from pairsmith.pipeline.report.history import NoPairError, RunReader
from pairsmith.pipeline.run.folder import MANIFEST
from pairsmith.schemas.pair import Mark, MarkKind
from pairsmith.schemas.verdict import CrosscheckResult, Label

DOUBTS = ("any", "weak_problem", "unchecked", "doubtful", "outvoted", "refuted", "weighed_down")
_N_KEPT = 32  # filters, and problems, that are kept ready


@dataclass(frozen=True, slots=True)
class Filter:
    """What pairs are wanted; an empty text wants all.

    Attributes:
        problem: part of the problem's id; `cause` of the rejected one; `tag` of either side.
        doubt: one of DOUBTS: `any` is one of the others, a standing is that of the chosen one.
        mark: a mark, `none` for pairs without one, or `some`.
    """

    problem: str = ""
    policy: str = ""
    cause: str = ""
    tag: str = ""
    doubt: str = ""
    split: str = ""
    mark: str = ""

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> "Filter":
        """Return the filter of a page's address; what is no filter is left out, and long texts are cut."""
        return cls(**{part.name: query.get(part.name, "").strip()[:200] for part in fields(cls)})

    def query(self, **more: str | int) -> str:
        """Return the filter as the part of an address behind the question mark."""
        return urlencode({name: value for name, value in {**asdict(self), **more}.items() if value})


class PairIndex:
    """The pairs of a run. Its methods may be called from several threads."""

    def __init__(self, run: Path) -> None:
        """Read the facts of all pairs.

        Raises:
            NoPairError: if the run has neither pairs nor problems.
        """
        self.run = run
        self._lock = threading.RLock()
        self._read()

    def refresh(self) -> None:
        """Read the pairs again if a build has written others."""
        with self._lock:
            if self._stamp() != self._seen:
                self._read()

    def _read(self) -> None:
        self._seen = self._stamp()
        self.reader = RunReader(self.run)
        weak = scan_stage(self.run, "problem_standings").select("problem_id", "is_weak").collect()
        facts = self.reader.pair_facts()
        self.facts = facts.join(weak, on="problem_id", how="left", maintain_order="left").with_columns(
            pl.col("is_weak").fill_null(False)
        )
        self.row_of = {pair_id: row for row, pair_id in enumerate(self.facts["pair_id"])}
        self.marks = {(mark.chosen_id, mark.rejected_id): mark for mark in read_marks(self.run)}
        self.history = functools.lru_cache(_N_KEPT)(self.reader.history)
        self.choices = functools.cache(self._count_choices)
        self._plain_rows = functools.lru_cache(_N_KEPT)(self._find)
        self.problems = functools.cache(lambda: read_problems(self.run, self.facts))
        if self.facts.is_empty() and not self.reader.shard_of:
            raise NoPairError(f"{self.run}: neither pairs nor problems; run `pairsmith build` first")

    def rows(self, wanted: Filter) -> list[int]:
        """Return the numbers of the pairs that are wanted, ascending."""
        # Marks change while people look.
        return self._find(wanted) if wanted.mark else self._plain_rows(wanted)

    def pair(self, row: int) -> dict[str, Any]:
        """Return the facts of a pair, with its mark as `mark` and `side`."""
        facts = self.facts.row(row, named=True)
        mark = self.marks.get((facts["chosen_id"], facts["rejected_id"]))
        return {**facts, "mark": str(mark.mark) if mark else "", "side": mark.side if mark else ""}

    def number_of(self, pair_id: str) -> int:
        """Return the number of a pair.

        Raises:
            NoPairError: if there is none of this id.
        """
        try:
            return self.row_of[pair_id]
        except KeyError:
            raise NoPairError(f"{pair_id[:40]}: no such pair in this run") from None

    def mark(self, pair_id: str, judged: MarkKind | None, side: str) -> None:
        """Write a mark of a pair down; None takes it back.

        Raises:
            NoPairError: if there is no such pair.
            FolderError: if it can't be written; then nothing has changed.
        """
        with self._lock:
            facts = self.pair(self.number_of(pair_id))
            key = (facts["chosen_id"], facts["rejected_id"])
            marks = {(mark.chosen_id, mark.rejected_id): mark for mark in read_marks(self.run)}
            marks.pop(key, None)
            if judged is not None:
                marks[key] = Mark(*key, pair_id, facts["problem_id"], judged, side)
            write_marks(self.run, marks.values())
            self.marks = marks

    def _count_choices(self) -> dict[str, list[tuple[str, int]]]:
        """Return what can be filtered by, with the pairs of each, the commonest first."""
        both = pl.concat([self.facts["chosen_tags"], self.facts["rejected_tags"]]).unique()
        tags = sorted({tag for text in both for tag in text.split()})
        return {
            "policy": self._counts("policy"),
            "cause": self._counts("rejected_cause"),
            "split": self._counts("split"),
            "tag": [(tag, self._count(Filter(tag=tag))) for tag in tags],
            "doubt": [(doubt, n) for doubt in DOUBTS if (n := self._count(Filter(doubt=doubt)))],
        }

    def _counts(self, column: str) -> list[tuple[str, int]]:
        rows = self.facts[column].value_counts().sort("count", column, descending=[True, False])
        return [(value, n) for value, n in rows.iter_rows() if value]

    def _count(self, wanted: Filter) -> int:
        return int(self._matching(wanted).sum())

    def _find(self, wanted: Filter) -> list[int]:
        found = self._matching(wanted)
        if wanted.mark:
            marked = {
                row
                for mark in self.marks.values()
                if (row := self.row_of.get(mark.pair_id)) is not None
                and (wanted.mark in ("some", "none") or wanted.mark == mark.mark)
            }
            hits = pl.Series([row in marked for row in range(self.facts.height)], dtype=pl.Boolean)
            found &= ~hits if wanted.mark == "none" else hits
        return found.arg_true().to_list()

    def _matching(self, wanted: Filter) -> pl.Series:
        standing = pl.col("chosen_standing")
        doubts = {
            "weak_problem": pl.col("is_weak"),
            # Against leakage no weight is over 1; weights by rarity have the mean 1, and doubt nothing.
            "weighed_down": (pl.col("weight") < 1) & (pl.col("weight").max() <= 1),
            **{name: standing == name for name in DOUBTS if name in set(CrosscheckResult)},
        }
        tests = [pl.lit(True)]
        if wanted.problem:
            tests.append(
                pl.col("problem_id").str.to_lowercase().str.contains(wanted.problem.lower(), literal=True)
            )
        if wanted.tag:
            padded = [pl.concat_str(pl.lit(" "), f"{side}_tags", pl.lit(" ")) for side in ("chosen", "rejected")]
            tests.append(pl.any_horizontal(text.str.contains(f" {wanted.tag} ", literal=True) for text in padded))
        if wanted.doubt:
            any_of = pl.any_horizontal(doubts.values())
            tests.append(any_of if wanted.doubt == "any" else doubts.get(wanted.doubt, pl.lit(False)))
        for name, column in (("policy", "policy"), ("cause", "rejected_cause"), ("split", "split")):
            if getattr(wanted, name):
                tests.append(pl.col(column) == getattr(wanted, name))
        found = self.facts.lazy().select(pl.all_horizontal(tests).alias("found")).collect()["found"]
        return (
            found if len(found) == self.facts.height else pl.repeat(bool(found[0]), self.facts.height, eager=True)
        )

    def _stamp(self) -> tuple[float, ...]:
        paths = [stage_folder(self.run, stage).path / MANIFEST for stage in ("pairs", "verdicts")]
        return tuple(path.stat().st_mtime if path.exists() else 0.0 for path in paths)


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
        """Return the undecided candidates of such problems that have a cause; an empty cause means all."""
        return self.undecided.filter(_holds(problem), pl.col("cause") == cause if cause else pl.lit(True))


def read_problems(run: Path, pairs: pl.DataFrame) -> ProblemTable:
    """Read the problems and verdicts of a run."""
    problems = scan_stage(run, "problems").select("problem_id", "level")
    verdicts = scan_stage(run, "verdicts").select(_COLUMNS)
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
