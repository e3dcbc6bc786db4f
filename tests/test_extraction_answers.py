"""Thoughts, several blocks, and what a model says of them."""

import pytest

from pairsmith.pipeline.extraction.parts import answer_parts
from pairsmith.pipeline.extraction.thoughts import find_thoughts
from pairsmith.schemas.candidate import Extraction
from tests.test_extraction import GOOD, extract

OTHER = "def f(a):\n    return 0\n"


def block(code: str) -> str:
    return f"```python\n{code}```\n"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>a</think>b", "b"),
        ("<think>a<think>b</think>c</think>d", "d"),
        ("<think>one <think> more</think>d", "d"),
        ("a\n</think>\nb", "\nb"),
        ("<THINKING>a</THINKING>b", "b"),
        ("[THINK]a[/THINK]b", "b"),
        ("analysisWe think.assistantfinalb", "b"),
        ("say `<think>` and `</think>`", "say `<think>` and `</think>`"),
        ("<think>print('</think>')\n</think>b", "b"),
        ("no marks", "no marks"),
    ],
)
def test_the_answer_is_behind_the_thoughts(text: str, answer: str) -> None:
    thoughts = find_thoughts(text, ("auto",), lambda part: ())
    assert not thoughts.is_unclosed
    assert text[thoughts.spans[-1][1] if thoughts.spans else 0 :] == answer


def test_further_tags_are_configuration() -> None:
    assert find_thoughts("<plan>a</plan>b", ("auto",), lambda part: ()).spans == ()
    for tags in (("auto", "plan"), ("<plan> </plan>",)):
        assert find_thoughts("<plan>a</plan>b", tags, lambda part: ()).spans == ((0, 14),)


def test_a_thought_that_is_never_closed_is_no_answer() -> None:
    assert extract(f"<think>\n{block(GOOD)}").extraction is Extraction.NO_ANSWER
    assert extract("<think>a</think>").extraction is Extraction.NO_ANSWER


def test_marks_in_code_are_data() -> None:
    code = 'def f(a):\n    return """\n<think>\n</think>\n"""\n'
    for text in (code, block(code), f"Here:\n{block(code)}"):
        program = extract(text)
        assert (program.code, program.thoughts) == (code, ())


@pytest.mark.parametrize(
    ("between", "code", "n_others"),
    [
        ("Or:", GOOD, 1),
        ("The final version:", GOOD, 1),
        ("That is wrong for edge cases. The final version:", GOOD, 1),
        ("That is wrong. The final version:", GOOD, 0),
        ("The corrected version:", GOOD, 0),
        ("This does not work:", OTHER, 0),
        ("An incorrect alternative:", OTHER, 0),
    ],
)
def test_what_a_model_takes_back_is_no_answer(between: str, code: str, n_others: int) -> None:
    program = extract(f"{block(OTHER)}\n{between}\n\n{block(GOOD)}")
    assert (program.code, len(program.other_blocks)) == (code, n_others)


def test_the_parts_of_an_answer_are_its_text() -> None:
    text = f"<think>\n{block(OTHER)}</think>\nHere:\n{block(GOOD)}Done."
    parts = answer_parts(text, "", extract(text))
    assert "".join(part.text for part in parts) == text
    assert [part.kind for part in parts] == ["thought", "", "judged", ""]
    assert parts[2].text.strip() == GOOD.strip()
