"""Why a problem, a candidate or a possible pair was dropped; marks of people, which drop some of them."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.run.digests import content_digest
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import FolderError, as_parquet, write_whole
from pairsmith.schemas.arrow import from_table, to_table
from pairsmith.schemas.pair import Mark, MarkKind

Unit = Literal["problem", "candidate", "pair"]


class PairingError(PairsmithError):
    """The tables given don't belong together."""


class Drop(StrEnum):
    """The closed list of reasons.

    Attributes:
        unit: what a count of this reason counts.
        words: what the reason means, for people.
    """

    unit: Unit
    words: str

    def __new__(cls, value: str, unit: Unit = "pair", words: str = "") -> "Drop":
        """Return a member that equals its value."""
        member = str.__new__(cls, value)
        member._value_, member.unit, member.words = value, unit, words
        return member

    NO_DECIDED = "no_decided", "problem", "no candidate of it has a label"
    ALL_PASSED = "all_passed", "problem", "every decided candidate passed, so there is nothing to reject"
    ALL_FAILED = "all_failed", "problem", "every decided candidate failed, so there is nothing to choose"
    ONE_SIDE_LEFT = "one_side_left", "problem", "the guards left no policy a candidate to choose and one to reject"
    NEAR_TEST_PROBLEM = "near_test_problem", "problem", "a near-duplicate of a held-out one"

    UNKNOWN_PROBLEM = "unknown_problem", "candidate", "its problem is not in the table of problems"
    INCOMPLETE = "incomplete", "candidate", "its program, verdict or syntax is missing"
    UNDECIDED = "undecided", "candidate", "it has no label"
    FLAKY = "flaky", "candidate", "it gave one answer in one run and another in the next"
    DOUBTFUL = "doubtful", "candidate", "it passes the tests, but not on further inputs"
    CONTAMINATED = "contaminated", "candidate", "its problem or program is part of a benchmark"
    HELD_OUT = "held_out", "candidate", "token for token a right program of a held-out problem"
    LABEL_CONFLICT = "label_conflict", "candidate", "the same program, up to names, passed once and failed once"
    TIE = "tie", "candidate", "it failed although it passed every case"
    DUPLICATE = "duplicate", "candidate", "the same program, up to names, as another one"
    UNPROVEN_REPAIR = "unproven_repair", "candidate", "a repair that no input beyond the tests confirms"
    EMPTY_ANSWER = "empty_answer", "candidate", "its answer is empty"
    MARKED_LABEL = "marked_label", "candidate", "a person marked its label as wrong"

    SAME_FINGERPRINT = "same_fingerprint", "pair", "both programs are the same up to formatting or names"
    SAME_TEXT = "same_text", "pair", "both answers have the same text"
    DIFFERENT_PROMPT = "different_prompt", "pair", "the two have different prompts, or answers of different form"
    MARKED_BAD = "marked_bad", "pair", "a person marked it as bad"
    MARKED_WRONG = "marked_wrong", "pair", "a person marked one of its labels as wrong, without saying which"
    LENGTH_GAP = "length_gap", "pair", "one answer is too many times longer than the other"
    NOT_PREFERRED = "not_preferred", "pair", "its policy finds no difference between the two, or a too small one"
    BEYOND_REACH = "beyond_reach", "pair", "one of the two comes after the candidates that its policy considers"
    PAIR_TAKEN = "pair_taken", "pair", "another policy has made a pair of these two, in this order or the other"
    OVER_APPROACH_CAP = "over_approach_cap", "pair", "the problem has its maximum of pairs with this approach"
    OVER_CANDIDATE_CAP = "over_candidate_cap", "pair", "one of the two is already in its maximum of pairs"
    OVER_PROBLEM_CAP = "over_problem_cap", "pair", "the problem already has its maximum of pairs"
    OVER_TRIVIAL_SHARE = "over_trivial_share", "pair", "too many rejected answers have no runnable code"
    OVER_REPAIR_SHARE = "over_repair_share", "pair", "too many pairs of the split are repairs"
    LENGTH_TELLS = "length_tells", "pair", "too many pairs are in the order that length alone predicts"
    STYLE_TELLS = "style_tells", "pair", "too many pairs are in the order that style alone predicts"


def first_reason(rules: Iterable[tuple[Drop, pl.Expr]]) -> pl.Expr:
    """Return the reason of the first rule that holds, null where none does."""
    return pl.coalesce(*(pl.when(holds).then(pl.lit(reason.value)) for reason, holds in rules))


MARKS = "marks.parquet"


def read_marks(run: Path) -> list[Mark]:
    """Return the marks of a run, sorted by pair; empty without a file.

    Raises:
        FolderError: if the file can't be read: what people marked must not be lost silently.
    """
    path = run / MARKS
    if not path.is_file():
        return []
    try:
        return from_table(pq.read_table(path), Mark)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise FolderError(f"{path}: can't be read ({reason}); move the file to build without its marks") from None


def write_marks(run: Path, marks: Iterable[Mark]) -> None:
    """Write all marks of a run.

    Raises:
        FolderError: if the file can't be written; what was there before is still there.
    """
    rows = sorted(marks, key=lambda mark: (mark.problem_id, mark.pair_id))
    write_whole(run / MARKS, as_parquet(to_table(rows, Mark)))


def dropping(marks: Iterable[Mark]) -> list[Mark]:
    """Return the marks that leave something out."""
    return [mark for mark in marks if mark.mark is not MarkKind.GOOD]


def marks_digest(run: Path) -> str:
    """Return a digest of what the marks leave out; empty where they leave out nothing."""
    rows = sorted(dropping(read_marks(run)), key=lambda mark: (mark.chosen_id, mark.rejected_id))
    return content_digest(rows, Mark) if rows else ""


def drop_marked(entries: pl.DataFrame, marks: pl.LazyFrame) -> pl.DataFrame:
    """Return entries, with a reason for those marked as wrongly labelled; equal programs go with them."""
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
