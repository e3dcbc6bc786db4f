"""Thoughts, several blocks, and what a model says of them."""

import time

import pytest

from pairsmith.pipeline.extraction.thoughts import answer_parts, find_thoughts
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
        ("Wait, that is wrong: it loops.", GOOD, 0),
        ("Here is the fixed version of the code:", GOOD, 0),
        ("There is nothing wrong with this one:", GOOD, 1),
        ("Many people get this wrong.", GOOD, 1),
        ("With a fixed window:", GOOD, 1),
        ("If it should be fixed, take this:", GOOD, 1),
    ],
)
def test_what_a_model_takes_back_is_no_answer(between: str, code: str, n_others: int) -> None:
    program = extract(f"{block(OTHER)}\n{between}\n\n{block(GOOD)}")
    assert (program.code, len(program.other_blocks)) == (code, n_others)


@pytest.mark.parametrize(
    ("behind", "is_changed"),
    [
        ("```diff\n-    return a\n+    return 0\n```", True),
        ("```diff\n-    return 0\n+    return a\n```", False),  # it shows what the program has already
        ("```python\n    return 0\n```", True),
        ("```python\n    return a\n```", False),
        ("```python\nreturn 0\n```", True),
        ("```\n    0 1\n```", False),
        ("```python\nprint(f(1))\n```", False),
    ],
)
def test_an_answer_that_changes_its_own_program_is_ambiguous(behind: str, is_changed: bool) -> None:
    text = f"{block(GOOD)}\nChange this:\n\n{behind}\n"
    assert extract(text).extraction is (Extraction.AMBIGUOUS if is_changed else Extraction.OK)
    assert extract(text, blocks="last").code == GOOD


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["<think>a</think>\n" * 50_000 + block(GOOD), block(GOOD) + "</s> " * 200_000],
    ids=["thoughts", "end marks"],
)
def test_many_marks_take_bounded_time(text: str) -> None:
    begun = time.process_time()
    assert extract(text).code == GOOD
    assert time.process_time() - begun < 20  # quadratic ones took minutes


def test_bare_code_that_answers_twice_is_ambiguous() -> None:
    text = f"One way is this:\n\n{OTHER}\nAnother way is this:\n\n{GOOD}\nTake one.\n"
    assert extract(text).extraction is Extraction.AMBIGUOUS
    assert extract(text.replace(OTHER, GOOD)).extraction is Extraction.OK


def test_the_parts_of_an_answer_are_its_text() -> None:
    text = f"<think>\n{block(OTHER)}</think>\nHere:\n{block(GOOD)}Done."
    parts = answer_parts(text, "", extract(text))
    assert "".join(part.text for part in parts) == text
    assert [part.kind for part in parts] == ["thought", "", "judged", ""]
    assert parts[2].text.strip() == GOOD.strip()
