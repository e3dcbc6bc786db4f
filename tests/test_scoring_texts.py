import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.evaluation.scores import (
    ScoringError,
    gains_from_json,
    score_from_json,
    scores_to_json,
)
from pairsmith.schemas.score import Gain, Interval, ProblemScore, Score

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
    tag_shares=st.dictionaries(st.text(), NUMBERS, max_size=3),
    mean_lines=NUMBERS,
    problems=st.lists(st.builds(ProblemScore, st.text(), COUNTS, COUNTS, COUNTS, COUNTS, COUNTS), max_size=3).map(
        tuple
    ),
)
GAINS = st.lists(st.builds(Gain, st.text(), INTERVALS, INTERVALS, INTERVALS, st.booleans()), max_size=4).map(tuple)
NOTHING = Interval(math.nan, math.nan, math.nan)
EMPTY = Score("before", "m", 0, 0, {}, NOTHING, NOTHING, NOTHING, {}, math.nan, ())


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
