import pytest

from pairsmith.pipeline.report import words
from pairsmith.schemas.score import Gain, Interval


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("a\nb\n", "a\nb"),
        ("a\nb\nc", "a\nb\n… 2 more characters"),
        ("x" * 12, "x" * 10 + "\n… 2 more characters"),
    ],
)
def test_excerpt_says_what_it_left_out(code: str, shown: str) -> None:
    assert words.excerpt(code, n_lines=2, n_chars=10) == shown


def test_a_name_breaks_after_its_parts_and_stays_text() -> None:
    assert words.breakable("starter/run_<b>\u202e") == "starter/<wbr>run_<wbr>&lt;b&gt;⟨U+202E⟩"


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(1, 3, "33%"), (0, 3, "0%"), (3, 3, "100%"), (2, 640, "0.3%"), (1, 0, "–"), (float("nan"), 1, "–")],
)
def test_percent(part: float, whole: float, shown: str) -> None:
    assert words.percent(part, whole) == shown


def test_numbers_have_true_minus_signs_and_separators() -> None:
    assert words.decimal(-0.126) == "−0.13"
    assert words.signed(0.05) == "+0.05"
    assert words.signed(-0.05) == "−0.05"
    assert words.decimal(float("nan")) == words.signed(float("inf")) == "–"
    assert words.change(Interval(0.05, -0.02, 0.12)) == "+0.05 (−0.02 to +0.12)"
    assert words.counted(1, "pair") == "1 pair"
    assert words.counted(1200, "pair") == "1,200 pairs"


@pytest.mark.parametrize(
    ("value", "significant", "said"),
    [
        (0.1, True, "rose"),
        (-0.1, True, "fell"),
        (0.1, False, "not significant"),
        (float("nan"), False, "nothing to measure"),
    ],
)
def test_significance_is_said_in_words(value: float, significant: bool, said: str) -> None:
    estimate = Interval(value, value - 0.05, value + 0.05)
    assert words.significance(Gain("pass@1", estimate, estimate, estimate, significant)) == said
