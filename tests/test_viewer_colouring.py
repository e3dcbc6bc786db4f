"""The diff: every line on its side, changed words marked, bounded for any text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.run.safe_text import shown_text
from pairsmith.pipeline.viewer.colouring import Span, colour_lines, side_by_side
from tests.hostile import LARGE

LINES = st.lists(st.sampled_from(["a = 1", "b = a + 1", "    return b", "", "# x", '"""']), max_size=8)


def text_of(spans: tuple[Span, ...] | None) -> str:
    return "".join(span.text for span in spans or ())


def test_changed_lines_stand_beside_each_other_with_their_words_marked() -> None:
    left = "def f(c):\n    return c * (9 / 5) + 32\n"
    right = 'def f(c):\n    """Convert."""\n    return c * 9 + 4\n'
    rows = side_by_side(left, right, "python")
    assert [(row.kind, row.left_number, row.right_number) for row in rows] == [
        ("same", 1, 1), ("added", None, 2), ("changed", 2, 3),
    ]  # fmt: skip
    assert [span.text for span in rows[2].right or () if span.is_changed] == ["4"]
    kinds = {span.text: span.kind for span in rows[0].left or ()}
    assert (kinds["def"], kinds["f"]) == ("k", "nf")


@pytest.mark.parametrize(
    "language", ["python", "cpp", "rust", "bash", "java", "go", "javascript", "typescript", "c"]
)
def test_each_language_has_colours(language: str) -> None:
    assert any(span.kind for line in colour_lines('x = "text";', language) for span in line)


@given(LINES, LINES)
def test_no_line_is_lost_or_out_of_order(left: list[str], right: list[str]) -> None:
    texts = ["\n".join(lines) for lines in (left, right)]
    rows = side_by_side(texts[0], texts[1], "python")
    for side, text in (("left", texts[0]), ("right", texts[1])):
        lines = [getattr(row, side) for row in rows if getattr(row, f"{side}_number") is not None]
        assert [text_of(line) for line in lines] == text.rstrip("\n").split("\n")
        numbers = [getattr(row, f"{side}_number") for row in rows if getattr(row, f"{side}_number") is not None]
        assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    "text", [LARGE, "x" * 10_000_000, "(" * 50_000, '"""' * 9_000, "\\" * 30_000, "f(" * 9_000, "x=1\n" * 5_000]
)
def test_no_program_keeps_the_page_busy(text: str) -> None:
    began = time.process_time()
    side_by_side(shown_text(text), shown_text(text[::-1]), "python")
    assert time.process_time() - began < 3
