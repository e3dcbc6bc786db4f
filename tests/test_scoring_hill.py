import math
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.evaluation.scores.kinds import expected_frequencies, rarefied_hill

COUNTS = st.lists(st.integers(1, 5), min_size=1, max_size=5)


@given(COUNTS, st.data())
def test_frequencies_hold_all_kinds_and_all_draws(counts: list[int], data: st.DataObject) -> None:
    m = data.draw(st.integers(1, sum(counts)))
    frequencies = expected_frequencies(counts, m)
    assert sum(frequencies) == pytest.approx(rarefied_hill(counts, m, 0))
    assert sum(k * f for k, f in enumerate(frequencies, start=1)) == pytest.approx(m)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.data())
def test_frequencies_are_the_mean_over_every_subset(counts: list[int], data: st.DataObject) -> None:
    items = [kind for kind, count in enumerate(counts) for _ in range(count)]
    m = data.draw(st.integers(1, min(len(items), 6)))
    subsets = [Counter(Counter(subset).values()) for subset in combinations(items, m)]
    mean = [sum(subset[k] for subset in subsets) / len(subsets) for k in range(1, m + 1)]
    assert expected_frequencies(counts, m) == pytest.approx(mean)


@given(COUNTS)
def test_with_all_draws_it_is_the_plain_hill_number(counts: list[int]) -> None:
    n = sum(counts)
    shares = [count / n for count in counts]
    assert rarefied_hill(counts, n, 1) == pytest.approx(math.exp(-sum(p * math.log(p) for p in shares)))
    assert rarefied_hill(counts, n, 2) == pytest.approx(1 / sum(p * p for p in shares))


@pytest.mark.parametrize("order", [0, 1, 2])
def test_all_alike_is_one_and_all_different_is_m(order: int) -> None:
    assert rarefied_hill([16], 8, order) == pytest.approx(1.0)
    assert rarefied_hill([1] * 16, 8, order) == pytest.approx(8.0)


def test_a_dominant_kind_counts_less_the_higher_the_order() -> None:
    found = [rarefied_hill([13, 1, 1, 1], 8, order) for order in (0, 1, 2)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 2.4 > found[2] > 1.0


@pytest.mark.parametrize(("m", "order"), [(0, 0), (4, 0), (2, 3)])
def test_what_is_not_defined_is_refused(m: int, order: int) -> None:
    with pytest.raises(ValueError, match=r"draws|order"):
        rarefied_hill([2, 1], m, order)
