import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.report.counting import length_auc
from pairsmith.pipeline.report.facts import LengthCount

LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=30)


def count(chosen: list[int], rejected: list[int]) -> list[LengthCount]:
    return [LengthCount(n, chosen.count(n), rejected.count(n)) for n in sorted({*chosen, *rejected})]


@given(LENGTHS, LENGTHS)
def test_auc_is_the_share_of_ordered_couples_with_ties_half(chosen: list[int], rejected: list[int]) -> None:
    twice = sum(2 * (left > right) + (left == right) for left in chosen for right in rejected)
    assert length_auc(count(chosen, rejected)) == twice / (2 * len(chosen) * len(rejected))


@given(LENGTHS, LENGTHS)
def test_auc_of_swapped_sides_is_the_rest(chosen: list[int], rejected: list[int]) -> None:
    there, back = length_auc(count(chosen, rejected)), length_auc(count(rejected, chosen))
    assert there is not None
    assert back is not None
    assert there + back == pytest.approx(1.0)


def test_auc_needs_no_order() -> None:
    counts = count([1, 2, 9], [2, 3])
    assert length_auc(counts[::-1]) == length_auc(counts) == 2.5 / 6


@pytest.mark.parametrize(("chosen", "rejected"), [([], []), ([1], []), ([], [1])])
def test_auc_of_one_side_alone_is_none(chosen: list[int], rejected: list[int]) -> None:
    assert length_auc(count(chosen, rejected)) is None
