"""What a model wrote in a step of the chain: read in any form, or left out with a reason."""

import pytest

from pairsmith.pipeline.synthesis.parsing import fits_signature, parse_concepts, parse_instruction

WORDS = "Return the sum of all even numbers in the list, zero for none."


@pytest.mark.parametrize(
    "text",
    [
        "- loops\n- string formatting",
        "1. **Loops**\n2) String formatting.",
        "Here are the ideas:\n\n* loops\n* string formatting\n\nI hope that this helps you with what you do!",
        "Ideas: loops, string formatting, loops",
        "loops\nstring formatting",
    ],
)
def test_concepts_in_any_form(text: str) -> None:
    assert [concept.lower() for concept in parse_concepts(text)] == ["loops", "string formatting"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "```python\n- x\n```",
        "The code uses a loop to go over all of the numbers that are in the list, and then it formats them.",
    ],
)
def test_prose_has_no_concepts(text: str) -> None:
    assert parse_concepts(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        f"Task: {WORDS}\nSignature:\n```python\ndef even_sum(xs: list[int]) -> int:\n```",
        f"**Task:** {WORDS}\n\n**Signature:**\n\n```\ndef even_sum(xs: list[int]) -> int:\n    pass\n```\n",
        f"### Task\n{WORDS}\n### Signature\n`def even_sum(xs: list[int]) -> int:`",
        f"{WORDS}\n\n```python\ndef even_sum(\n    xs: list[int],\n) -> int:\n    return 0\n```\nExample: f([2])",
    ],
)  # fmt: skip
def test_instructions_in_any_form(text: str) -> None:
    stated = parse_instruction(text)
    assert (stated.words, stated.entry_point, stated.reason) == (WORDS, "even_sum", "")
    assert stated.signature == "def even_sum(xs: list[int]) -> int:"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (WORDS, "no_signature"),
        ("I can't help with that.", "no_signature"),
        (f"{WORDS}\ndef f():", "no_parameters"),
        (f"{WORDS}\ndef f(*xs):", "open_parameters"),
        (f"{WORDS}\ndef f(a b):", "bad_signature"),
        (f"{WORDS}\ndef f(a", "bad_signature"),
        ("Task:\n```python\ndef f(x: int) -> int:\n```", "no_words"),
        ("many words " * 300 + "\ndef f(x):", "too_long"),
    ],
)
def test_why_an_instruction_is_left_out(text: str, reason: str) -> None:
    assert parse_instruction(text).reason == reason


@pytest.mark.parametrize(
    ("signature", "arguments", "value", "fits"),
    [
        ("def f(x: int) -> str:", [1], "a", True),
        ("def f(x: int) -> str:", [1], 1, False),
        ("def f(x: int) -> str:", [True], "a", False),
        ("def f(x: int) -> str:", [1, 2], "a", False),
        ("def f(x: int, y: int = 0) -> str:", [1], "a", True),
        ("def f(x: list[int]) -> dict[str, int]:", [[1]], {"a": 1}, True),
        ("def f(x: list[int]) -> dict[str, int]:", [["a"]], {"a": 1}, False),
        ("def f(x: list[int]) -> dict[str, int]:", [[1]], {1: 1}, False),
        ("def f(x: float) -> int | None:", [1], None, True),
        ("def f(x: Optional[str]) -> Union[int, str]:", [None], "a", True),
        ("def f(x: tuple[int, ...]) -> tuple[int, str]:", [(1, 2, 3)], (1, "a"), True),
        ("def f(x: tuple[int, int]) -> bool:", [(1, 2, 3)], True, False),
        ("def f(x: Board) -> Any:", [[[0]]], 1.5, True),
        ("def f(x):", ["anything"], object, True),
    ],
)
def test_what_a_signature_says_of_values(
    signature: str, arguments: list[object], value: object, fits: bool
) -> None:
    assert fits_signature(signature, arguments, value) is fits
