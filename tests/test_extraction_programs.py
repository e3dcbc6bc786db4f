"""Whole programs for stdin/stdout problems, and classes for methods."""

import itertools
from typing import Any

import pytest

from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.sampling.opening import make_opening
from pairsmith.schemas.candidate import Candidate, Extraction, Program
from pairsmith.schemas.problem import Interface
from tests.answers.make_corpus import LANGUAGES
from tests.pairing_records import problem as make_problem

GOOD = "import sys\n\n\ndef solve(n):\n    return n * 2\n\n\n"
GOOD += "if __name__ == '__main__':\n    print(solve(int(input())))\n"
PLAIN = "n = int(input())\nprint(n * 2)\n"


def extract(completion: str, template: str = "chat", asked: str = "", **problem: Any) -> Program:
    candidate = Candidate(
        candidate_id="0" * 32, problem_id="p/1", index=0, backend="files", model="m", revision="",
        template=template, prompt=asked, completion=completion, temperature=0.8, top_p=0.95, max_tokens=300,
        seed=-1, n_prompt_tokens=-1, n_tokens=-1, finish_reason="", mean_logprob=None,
    )  # fmt: skip
    values = {"interface": Interface.STDIN, "entry_point": ""} | problem
    return extract_program(candidate, make_problem(**values))


@pytest.mark.parametrize(
    ("completion", "form", "code"),
    [
        (f"Sure:\n\n```python\n{GOOD}```\nIt doubles.", "fenced", GOOD),
        (f"```\n3\n1 2 3\n```\nThe program:\n```python\n{PLAIN}```\nprints\n```\n6\n```", "fenced", PLAIN),
        (f"```\n5\n```\n```python\n{PLAIN}```", "fenced", PLAIN),
        (f"```python\ndef half(n): return n / 2\n```\n```python\n{PLAIN}```", "fenced", PLAIN),
        (f"```python\n{PLAIN}```\nor\n```python\n{GOOD}```", "fenced", GOOD),
        ("```python\nprint(42)\n```", "fenced", "print(42)\n"),
        (GOOD, "bare", GOOD),
        (f"Here is the program:\n\n{PLAIN}\nIt doubles the number.", "bare", PLAIN),
    ],
)
def test_the_whole_program_is_kept(completion: str, form: str, code: str) -> None:
    program = extract(completion)
    assert (program.extraction, program.form, program.code) == (Extraction.OK, form, code)


@pytest.mark.parametrize(
    ("completion", "extraction"),
    [
        ("", Extraction.NO_CODE),
        ("I can't do that.", Extraction.NO_CODE),
        ("42", Extraction.NO_CODE),
        ("```python\nn = int(input()\nprint(n)\n```", Extraction.SYNTAX_ERROR),
        ("```python\nn = int(input()\nprint(n)\n```\nso\n```python\nprint(6)\n```", Extraction.SYNTAX_ERROR),
        ("```\n1 2 3\n```", Extraction.SYNTAX_ERROR),
        ("n = int(input()\nprint(n)", Extraction.SYNTAX_ERROR),
    ],
)
def test_what_is_no_program_says_why(completion: str, extraction: Extraction) -> None:
    assert extract(completion).extraction is extraction


def test_a_continuation_goes_on_to_the_last_line_that_makes_a_program() -> None:
    opening = '"""Double the number."""\n'
    program = extract("n = int(input())\nprint(n * 2)\nwhile (n", "continuation", opening)
    assert (program.extraction, program.form) == (Extraction.OK, "continuation")
    assert program.code == f"{opening}n = int(input())\nprint(n * 2)\n"
    assert extract("def (", "continuation", "x = (").extraction is Extraction.SYNTAX_ERROR


JAVASCRIPT = "const n = parseInt(require('fs').readFileSync(0, 'utf8'));\nconsole.log(n * 2);\n"
CPP = "#include <iostream>\nint main() { int n; std::cin >> n; std::cout << n * 2; }\n"


@pytest.mark.parametrize(("language", "code"), [("python", PLAIN), ("javascript", JAVASCRIPT), ("cpp", CPP)])
@pytest.mark.parametrize("words", ["Here is the program (it doubles):", "Answer", "# Solution", "Note: (short)"])
def test_a_completion_that_answers_in_markdown_is_no_continuation(words: str, language: str, code: str) -> None:
    opening = (
        '"""Double the number (an integer)."""\n' if language == "python" else "// Double the number (an int).\n"
    )
    text = f"{words}\n\n```{language}\n{code}```\nIt doubles."
    program = extract(text, "continuation", opening, language=language)
    assert (program.extraction, program.form, program.code) == (Extraction.OK, "fenced", code)
    begun = extract(f"{code}\n```\nExample:\n```\n5\n```", "continuation", opening, language=language)
    assert (begun.form, begun.code) == ("continuation", opening + code)


HEADS = (
    "Here is the program:\n\n", "Sure! This reads one number (an int):\n\n", "Answer\n\n", "Solution:\n",
    "We read n, add one; then print it.\n\n", "I'd use a scanner to readLine from System.in (stdin):\n\n",
)  # fmt: skip
TAILS = ("", "\nIt takes constant time.\n", "\n\nThis reads `n` from stdin (cin), and prints it; done.\n")


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "python"])
def test_bare_code_between_prose_is_no_continuation_of_the_comments(language: str) -> None:
    """`test_every_label_is_right` has each language's own tools judge the same programs without the prose."""
    code = LANGUAGES[language].on_stdin.replace("OP", "+")
    task = make_problem(
        interface=Interface.STDIN, entry_point="", language=language, prompt="Add one (an int).\nRead it."
    )
    opening = make_opening(task, "completion").text
    for head, tail in itertools.product(("", *HEADS), TAILS):
        program = extract(head + code + tail, "continuation", opening, language=language)
        form, expected = ("bare", code) if head else ("continuation", opening + code)
        assert (program.form, program.code.rstrip()) == (form, expected.rstrip()), (head, tail)
    begun, rest = code.split("\n", 1)
    program = extract(f"{rest}{TAILS[1]}", "continuation", f"{begun}\n", language=language)
    assert (program.form, program.code.rstrip()) == ("continuation", code.rstrip())


def test_other_languages_keep_their_whole_block() -> None:
    code = "#include <iostream>\nint main() { int n; std::cin >> n; std::cout << n * 2; }\n"
    program = extract(f"```\n5\n```\n```cpp\n{code}```", language="cpp")
    assert (program.extraction, program.code) == (Extraction.OK, code)


def test_a_methods_class_is_kept_with_what_it_needs() -> None:
    code = "from math import *\n\n\nclass Solution:\n    def f(self, n):\n        return floor(n)\n"
    program = extract(
        f"```python\n{code}\nprint(Solution().f(2))\n```", interface=Interface.FUNCTION, entry_point="Solution.f"
    )
    assert (program.extraction, program.pruned) == (Extraction.OK, code)
    missing = extract("```python\ndef f(n): return n\n```", interface=Interface.FUNCTION, entry_point="Solution.f")
    assert missing.extraction is Extraction.NO_ENTRY_POINT
