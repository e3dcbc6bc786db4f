from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.evaluation.scores import Abundances, ScoringError, count_abundances, rarefied_distinct
from pairsmith.schemas.verdict import Cause, Label
from tests.pairing_records import judged


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_rarefaction_is_the_mean_over_every_subset(counts: list[int], data: st.DataObject) -> None:
    items = [kind for kind, count in enumerate(counts) for _ in range(count)]
    m = data.draw(st.integers(1, min(len(items), 6)))
    subsets = [len(set(subset)) for subset in combinations(items, m)]
    assert rarefied_distinct(counts, m) == pytest.approx(sum(subsets) / len(subsets))


@given(st.lists(st.integers(1, 300), min_size=1, max_size=50))
def test_all_draws_hold_all_kinds_and_one_draw_holds_one(counts: list[int]) -> None:
    assert rarefied_distinct(counts, sum(counts)) == len(counts)
    assert rarefied_distinct(counts, 1) == pytest.approx(1.0)


@pytest.mark.parametrize(("counts", "m"), [((2, 1), 4), ((2, 1), 0), ((), 1)])
def test_more_draws_than_items_are_refused(counts: tuple[int, ...], m: int) -> None:
    with pytest.raises(ValueError, match="draws"):
        rarefied_distinct(counts, m)


def test_programs_and_behaviours_are_counted_by_kind() -> None:
    rows = [
        judged("1", renamed="r"),
        judged("2", renamed="r"),
        judged("3", renamed="s"),
        judged("4", Label.FAILED, renamed="", exact="e", signature="x"),
        judged("5", Label.FAILED, renamed="", exact="e", signature="y"),
        judged("6", Label.FAILED, cause=Cause.NO_CODE, signature=""),
        judged("7", Label.FAILED, cause=Cause.NO_CODE, signature=""),
        judged("8", Label.UNDECIDED, renamed="u"),
        judged("9", problem_id="p/3"),
    ]
    syntax = [row.syntax for row in rows if row.verdict.cause is not Cause.NO_CODE]
    assert count_abundances([row.verdict for row in rows], syntax, ["p/2", "p/1"]) == {
        "p/1": Abundances("p/1", syntax=(2, 2, 2, 1), behaviour=(3, 2, 1, 1), passed=(2, 1)),
        "p/2": Abundances("p/2", (), (), ()),
    }


def test_a_candidate_without_syntax_is_named() -> None:
    with pytest.raises(ScoringError, match="candidate 1"):
        count_abundances([judged("1").verdict], [], ["p/1"])
