import json
import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.evaluation.estimates import ScoringError
from pairsmith.pipeline.evaluation.score import (
    gains_from_json,
    left_out,
    score_candidates,
    score_from_json,
    scores_to_json,
)
from pairsmith.schemas.config import ScoringConfig
from pairsmith.schemas.score import Gain, Interval, ProblemScore, Score
from pairsmith.schemas.verdict import Cause, Label
from tests.pairing_records import Judged, judged

CONFIG = ScoringConfig(k=(1, 2, 9), n_bootstrap=200)
ROWS = [
    judged("1", renamed="r", tags=("loop",), n_lines=4),
    judged("2", renamed="r", tags=("loop", "recursion"), n_lines=4),
    judged("3", Label.FAILED, signature="x", tags=(), n_lines=2),
    judged("4", Label.UNDECIDED, tags=("imports",), n_lines=99),
    judged("5", Label.FAILED, problem_id="q/1", signature="", cause=Cause.TIMEOUT, tags=("loop",), n_lines=6),
    judged("6", problem_id="elsewhere"),
]


def score(rows: Sequence[Judged], problem_ids: Sequence[str] = ("q/1", "p/1", "none/1")) -> Score:
    verdicts, syntax = [row.verdict for row in rows], [row.syntax for row in rows]
    return score_candidates("before", "smollm2", verdicts, syntax, problem_ids, CONFIG, seed=1)


def test_every_rate_is_a_mean_over_the_problems_that_have_one() -> None:
    made = score(ROWS)
    assert (made.name, made.model, made.n_candidates, made.n_undecided) == ("before", "smollm2", 5, 1)
    assert made.problems == (
        ProblemScore("none/1", 0, 0, 0, 0, 0),
        ProblemScore("p/1", n=3, c=2, n_distinct_syntax=2, n_distinct_behaviour=2, n_distinct_passed=1),
        ProblemScore("q/1", n=1, c=0, n_distinct_syntax=1, n_distinct_behaviour=1, n_distinct_passed=0),
    )
    assert {k: interval.value for k, interval in made.pass_at.items()} == pytest.approx({1: 1 / 3, 2: 1.0})
    assert (made.pass_at[1].low, made.pass_at[1].high) == pytest.approx((0.0, 2 / 3))
    assert made.distinct_syntax.value == pytest.approx((2 / 3 + 1) / 2)
    assert made.distinct_behaviour.value == pytest.approx((2 / 3 + 1) / 2)
    assert made.distinct_passed.value == pytest.approx(1 / 2)
    assert made.mean_lines == pytest.approx((10 / 3 + 6) / 2)


def test_problems_that_a_k_leaves_out_are_named() -> None:
    made = score(ROWS)
    assert [left_out(made, k) for k in (1, 2)] == [("none/1",), ("none/1", "q/1")]


def test_the_order_of_rows_and_ids_does_not_matter() -> None:
    shuffled = random.Random(4).sample(ROWS, len(ROWS))
    assert score(shuffled, ["none/1", "p/1", "q/1"]) == score(ROWS)


def test_a_mean_over_nothing_is_not_zero() -> None:
    made = score([judged("1", Label.UNDECIDED)])
    assert made.pass_at == {}
    assert all(math.isnan(share.value) for share in (made.distinct_syntax, made.distinct_passed))
    assert math.isnan(made.mean_lines)


@pytest.mark.parametrize(
    ("rows", "problem_ids", "message"),
    [
        (ROWS, [], "no held-out problems"),
        ([*ROWS, ROWS[0]], ["p/1"], "candidate 1: 2 verdicts"),
    ],
)
def test_what_cannot_be_scored_is_refused(rows: list[Judged], problem_ids: list[str], message: str) -> None:
    with pytest.raises(ScoringError, match=message):
        score(rows, problem_ids)


NUMBERS = st.floats(allow_infinity=False, allow_nan=False)
INTERVALS = st.builds(Interval, NUMBERS, NUMBERS, NUMBERS)
COUNTS = st.integers(0, 10**6)
SCORES = st.builds(
    Score,
    name=st.text(),
    model=st.text(),
    n_candidates=COUNTS,
    n_undecided=COUNTS,
    pass_at=st.dictionaries(st.integers(1, 1000), INTERVALS, max_size=3),
    distinct_syntax=INTERVALS,
    distinct_behaviour=INTERVALS,
    distinct_passed=INTERVALS,
    mean_lines=NUMBERS,
    problems=st.lists(st.builds(ProblemScore, st.text(), COUNTS, COUNTS, COUNTS, COUNTS, COUNTS), max_size=3).map(
        tuple
    ),
)
GAINS = st.lists(st.builds(Gain, st.text(), INTERVALS, INTERVALS, INTERVALS, st.booleans()), max_size=4).map(tuple)
NOTHING = Interval(math.nan, math.nan, math.nan)
EMPTY = Score("before", "m", 0, 0, {}, NOTHING, NOTHING, NOTHING, math.nan, ())


@given(SCORES)
def test_a_score_comes_back_as_it_was(score: Score) -> None:
    assert score_from_json(scores_to_json(score)) == score


@given(GAINS)
def test_gains_come_back_as_they_were(gains: tuple[Gain, ...]) -> None:
    assert gains_from_json(scores_to_json(gains)) == gains


def test_a_mean_over_nothing_is_null_and_comes_back() -> None:
    text = scores_to_json(EMPTY)
    assert json.loads(text)["distinct_passed"] == {"value": None, "low": None, "high": None}
    back = score_from_json(text)
    assert math.isnan(back.mean_lines)
    assert math.isnan(back.distinct_passed.low)
    assert scores_to_json(back) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a score"),
        ("[]", "not a score"),
        ("{}", "name"),
        (scores_to_json(EMPTY).replace('"pass_at": {}', '"pass_at": {"one": {}}'), "pass_at"),
    ],
)
def test_what_is_no_score_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ScoringError, match=message) as caught:
        score_from_json(text)
    assert "\n" not in str(caught.value)
