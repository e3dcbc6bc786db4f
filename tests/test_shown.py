"""Hostile text is shown harmlessly, and at once whatever its size."""

import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.run.safe_text import shown_arguments, shown_text, shown_value, visible
from pairsmith.schemas.values import encode_value
from tests.hostile import FORBIDDEN, HOSTILE, LARGE


@pytest.mark.parametrize("show", [shown_text, shown_value, shown_arguments])
@pytest.mark.parametrize("text", [HOSTILE, LARGE, encode_value(HOSTILE), "\x1b" * 30_000])
def test_nothing_hidden_is_left_and_the_size_is_bounded(show: Callable[[str], str], text: str) -> None:
    began = time.process_time()
    shown = show(text)
    assert time.process_time() - began < 2
    assert not [bad for bad in FORBIDDEN if bad in shown]
    assert len(shown) < 10 * 20_000


def test_what_is_left_out_is_told() -> None:
    assert shown_text("abc", n_chars=2) == "ab\n… 1 more characters"
    assert shown_text("a\nb\nc", n_lines=2) == "a\nb\n… 2 more characters"
    assert shown_text("a\nb") == "a\nb"


def test_values_are_shown_as_python_writes_them() -> None:
    assert shown_value(encode_value((1, {"a": {2}}))) == "(1, {'a': {2}})"
    assert shown_arguments(encode_value([1, "x"])) == "1, 'x'"
    assert shown_value("1 2\n3\n", is_plain=True) == "1 2⏎ 3⏎ "
    assert shown_value("no value") == "no value"


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
    assert visible(text) == shown


@given(st.text(st.characters(codec=None), max_size=60))
def test_visible_leaves_nothing_hidden(text: str) -> None:
    shown = visible(text)
    hidden = {char for char in shown if unicodedata.category(char)[0] == "C" or char in "\u2028\u2029"}
    assert hidden <= {"\n", "\t"}
    assert visible(shown) == shown
    shown.encode("utf-8")
