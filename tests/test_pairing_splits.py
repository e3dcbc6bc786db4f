import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.pairing.splits import split_of


@pytest.mark.parametrize(
    ("problem_id", "split"),
    [("HumanEval/10", "train"), ("HumanEval/11", "test"), ("HumanEval/12", "test"), ("HumanEval/13", "train")],
)
def test_splits_are_pinned(problem_id: str, split: str) -> None:
    # A change here would move problems from test to train in everybody's next refresh.
    assert split_of(problem_id, 0.25) == split


def test_the_share_is_met_in_expectation() -> None:
    n_test = sum(split_of(f"p/{index}", 0.25) == "test" for index in range(10_000))
    assert abs(n_test - 2_500) < 4 * (10_000 * 0.25 * 0.75) ** 0.5  # four standard deviations


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_never_moves_a_problem_from_test_to_train(
    problem_id: str, one: float, other: float
) -> None:
    small, large = sorted((one, other))
    assert split_of(problem_id, small) == "train" or split_of(problem_id, large) == "test"


@given(st.text())
def test_nothing_or_all_is_held_out_at_the_ends(problem_id: str) -> None:
    assert (split_of(problem_id, 0.0), split_of(problem_id, 1.0)) == ("train", "test")


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="test_share"):
        split_of("p/1", share)
