import pytest

from pairsmith.pipeline.sampling.protocol import Opening
from pairsmith.pipeline.sampling.stopping import find_end, stop_texts
from tests.sampling_kit import make_request

ANSWER = "Sure:\n```python\ndef double(x):\n    return 2 * x\n```"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (ANSWER, len(ANSWER)),
        (ANSWER + "\nIt doubles.\n```\nmore\n```", len(ANSWER)),
        (ANSWER.removesuffix("```"), None),
        ("", None),
        ("def double(x):\n    return 2 * x\n", None),
        ("```\nprint(1)\n```", None),  # a block without the function isn't the answer
        ("```\nx = 1\n```\n" + ANSWER, len("```\nx = 1\n```\n" + ANSWER)),
        ("```python\ndef doubled(x): pass\n```", None),
        ("```python\ndef double(x):\n    '''use ``` here'''\n", None),  # a fence begins a line
    ],
)
def test_a_chat_answer_ends_behind_the_first_closed_block_that_defines_the_function(
    text: str, end: int | None
) -> None:
    assert find_end(text, make_request(), stop_at_code=True) == end
    assert find_end(text, make_request(), stop_at_code=False) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("    return 2 * x\n\ndef other():", "    return 2 * x\n"),
        ("    return 1\nprint(double(2))\ndef f", "    return 1"),
        ("    if x:\n        return 1\n    print(x)", None),  # indented: part of the function
        ("\nclass A:", ""),
    ],
)
def test_a_continuation_ends_at_the_next_statement_of_the_module(text: str, kept: str | None) -> None:
    request = make_request(
        opening=Opening("continuation", "def double(x):\n"), stop=stop_texts("continuation", "python")
    )
    end = find_end(text, request, stop_at_code=True)
    assert (None if end is None else text[:end]) == kept


@pytest.mark.parametrize(
    "language", ["python", "javascript", "typescript", "java", "c", "cpp", "go", "rust", "bash"]
)
def test_every_language_has_stop_texts_that_servers_take_and_none_ends_in_a_chat(language: str) -> None:
    texts = stop_texts("continuation", language)
    assert 1 <= len(texts) <= 4
    assert all(
        text.startswith("\n") and "}" not in text for text in texts
    )  # a closing brace belongs to the function
    assert stop_texts("chat", language) == ()


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("```js\nconst double = (x) => 2 * x;\n```\nmore", True),
        ("```go\nfunc double(x int) int {\n\treturn 2 * x\n}\n```\nmore", True),
        ("```c\nint double(int x) {\n    return 2 * x;\n}\n```\nmore", True),
        ("```js\nconsole.log(double(2));\n```\nmore", False),
        ('```python\nprint(f"{double(2)} {3}")\n```\nmore', False),
    ],
)
def test_functions_of_other_languages_end_an_answer_too(text: str, ends: bool) -> None:
    assert (find_end(text, make_request(), stop_at_code=True) is not None) is ends


@pytest.mark.parametrize(
    ("entry_point", "block"),
    [("", "n = int(input())\nprint(n)"), ("Solution.f", "class Solution:\n    def f(self): pass")],
)
def test_an_answer_ends_behind_the_first_program_or_class(entry_point: str, block: str) -> None:
    text = f"For\n```\n5\n```\nwrite\n```python\n{block}\n```"
    assert find_end(f"{text}\nIt works.", make_request(entry_point=entry_point), stop_at_code=True) == len(text)
