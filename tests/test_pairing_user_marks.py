"""What people marked makes no pair any more, and is counted."""

import pytest

from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.pipeline.pairing.pairs import make_pairs
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.pair import Mark, MarkKind
from pairsmith.schemas.verdict import Label
from tests.pairing_records import judged, problem, tables_of

CONFIG = PairsConfig(test_share=0.0, max_trivial_share=1.0, max_per_candidate=8, max_length_ratio=None)
ROWS = [judged("1"), judged("2"), judged("3", Label.FAILED), judged("4", Label.FAILED)]


def pair(marks: list[Mark]) -> tuple[set[tuple[str, str]], dict[Drop, int]]:
    tables = tables_of([problem()], ROWS, marks=marks)
    made = make_pairs(tables, CONFIG, 0)
    return set(made.pairs.select("chosen_id", "rejected_id").iter_rows()), dict(made.dropped)


def mark(kind: MarkKind, chosen: str = "1", rejected: str = "3", side: str = "") -> Mark:
    return Mark(chosen, rejected, "pair", "p/1", kind, side)


ALL = {("1", "3"), ("1", "4"), ("2", "3"), ("2", "4")}


@pytest.mark.parametrize(
    ("marks", "left_out", "dropped"),
    [
        ([], set(), {}),
        ([mark(MarkKind.GOOD)], set(), {}),
        ([mark(MarkKind.BAD)], {("1", "3")}, {Drop.MARKED_BAD: 1}),
        ([mark(MarkKind.BAD, "3", "1")], {("1", "3")}, {Drop.MARKED_BAD: 1}),  # in the other order
        ([mark(MarkKind.WRONG_LABEL)], {("1", "3")}, {Drop.MARKED_WRONG: 1}),
        ([mark(MarkKind.WRONG_LABEL, side="chosen")], {("1", "3"), ("1", "4")}, {Drop.MARKED_LABEL: 1}),
        ([mark(MarkKind.WRONG_LABEL, side="rejected")], {("1", "3"), ("2", "3")}, {Drop.MARKED_LABEL: 1}),
        ([mark(MarkKind.BAD, "gone", "3")], set(), {}),
    ],
)
def test_marks_leave_out_what_they_say(
    marks: list[Mark], left_out: set[tuple[str, str]], dropped: dict[Drop, int]
) -> None:
    pairs, reasons = pair(marks)
    assert pairs == ALL - left_out
    marked = (Drop.MARKED_BAD, Drop.MARKED_WRONG, Drop.MARKED_LABEL)
    assert {reason: n for reason, n in reasons.items() if reason in marked} == dropped
