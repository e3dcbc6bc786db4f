import ast

import pytest

from pipeline.sampling.errors import SamplingError
from pipeline.sampling.opening import find_signature, make_opening, prompts_folder
from schemas.problem import Interface
from tests.sampling_kit import make_problem


def test_a_chat_message_holds_the_task_and_asks_for_one_function_in_one_block() -> None:
    opening = make_opening(make_problem(), "chat")
    assert opening.template == "chat"
    assert opening.text.startswith("Double it.\n")
    assert opening.text.endswith("Answer with one Python function named `double` in one code block.")


def test_a_continuation_is_the_problems_own_to_the_byte() -> None:
    start = 'def double(x):\n    """ Twice x. """\n'
    opening = make_opening(make_problem(continuation=start), "continuation")
    assert (opening.template, opening.text) == ("continuation", start)


def test_without_one_it_is_built_from_the_signature() -> None:
    opening = make_opening(make_problem(prompt="def double(x: int) -> int:\nTwice."), "continuation")
    assert opening.text == 'def double(x: int) -> int:\n    """def double(x: int) -> int:\n    Twice."""\n'
    compile(opening.text + "    return 2 * x\n", "built", "exec")


@pytest.mark.parametrize(
    ("prompt", "reference", "signature"),
    [
        ("Write\n```python\ndef double(x: int) -> int:\n```", "", "def double(x: int) -> int:"),
        ("Write `def double(x=(1, 2)):`.", "", "def double(x=(1, 2)):"),
        ("Write `double(x: int) -> int`.", "", "def double(x: int) -> int:"),
        ("Double it.", "def double(x: int, *, y=1) -> int:\n    pass", "def double(x: int, *, y=1) -> int:"),
        ("See def doubled(z):", "def double(a):\n    return a", "def double(a):"),
    ],
)  # fmt: skip
def test_signatures_are_found_in_the_prompt_else_in_the_reference(
    prompt: str, reference: str, signature: str
) -> None:
    assert find_signature(make_problem(prompt=prompt, reference=reference)) == signature


@pytest.mark.parametrize("reference", ["", "def other(): pass", "def double(:", "\0"])
def test_no_signature_anywhere_is_an_error_that_names_the_problem(reference: str) -> None:
    with pytest.raises(SamplingError, match="p/double: no signature of double"):
        find_signature(make_problem(prompt="Double it.", reference=reference))


def test_templates_lie_where_the_module_looks() -> None:
    assert {path.name for path in prompts_folder().iterdir()} == {"chat.jinja", "continuation.jinja"}


def test_a_program_on_stdin_is_asked_for_whole() -> None:
    problem = make_problem(prompt='Read n, print n\\n and """.', interface=Interface.STDIN, entry_point="")
    assert make_opening(problem, "chat").text.endswith("\n\nAnswer with the whole program in one code block.")
    opening = make_opening(problem, "continuation")
    assert ast.get_docstring(ast.parse(opening.text)) == "Read n, print n\\n and '''."


def test_a_method_is_asked_for_with_its_class() -> None:
    text = make_opening(make_problem(entry_point="Solution.twice"), "chat").text
    assert text.endswith("\n\nAnswer with the class `Solution` and its method `twice` in one code block.")
