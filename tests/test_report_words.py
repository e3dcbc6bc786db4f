import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import words
from schemas.score import Gain, Interval


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("def f(x):\n\treturn x", "def f(x):\n\treturn x"),
        ("a\r\nb\rc", "a\nb⟨U+000D⟩c"),
        ("\x1b[31mred\x00\x7f", "⟨U+001B⟩[31mred⟨U+0000⟩⟨U+007F⟩"),
        ("a\u202eb\u2066c", "a⟨U+202E⟩b⟨U+2066⟩c"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("line\u2028end", "line⟨U+2028⟩end"),
        ("lone \ud800", "lone ⟨U+D800⟩"),
        ("é \u05d0 中 😀", "é \u05d0 中 😀"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 4),
    ],
)
def test_visible_writes_out_what_hides(text: str, shown: str) -> None:
    assert words.visible(text) == shown


@given(st.text(st.characters(codec=None), max_size=60))
def test_visible_leaves_nothing_hidden(text: str) -> None:
    shown = words.visible(text)
    hidden = {char for char in shown if unicodedata.category(char)[0] == "C" or char in "\u2028\u2029"}
    assert hidden <= {"\n", "\t"}
    assert words.visible(shown) == shown
    shown.encode("utf-8")


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
        (0.1, False, "no difference shown"),
        (float("nan"), False, "nothing to measure"),
    ],
)
def test_significance_is_said_in_words(value: float, significant: bool, said: str) -> None:
    estimate = Interval(value, value - 0.05, value + 0.05)
    assert words.significance(Gain("pass@1", estimate, estimate, estimate, significant)) == said
