"""pytest and unittest suites: the tests in one sandbox, the candidate in another, on every backend."""

from typing import Any

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.conversion import convert_tests
from pairsmith.pipeline.sandbox.channel import _make_kit, suite_kit, why_no_suites
from pairsmith.pipeline.sandbox.contract import SandboxError
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.execution import Execution, Status
from pairsmith.schemas.problem import JudgedBy
from pairsmith.schemas.verdict import Cause, Label, Verdict
from tests.pairing_records import problem as make_problem

RIGHT = """
LIMIT = 10
def add(a, b=0): return a + b
def divide(a, b): return a / b
def check(n):
    if n > LIMIT: raise TooLarge(f"{n} is over {LIMIT}")
    return n
class TooLarge(ValueError): pass
def double_all(xs):
    for i in range(len(xs)): xs[i] *= 2
def first(pairs): return {k: v for k, v in pairs}
def evens(n): yield from range(0, n, 2)
"""
WRONG = RIGHT.replace("return a + b", "return a - b")
PYTEST = """
import pytest
from solution import add, divide

@pytest.fixture
def numbers():
    return [1, 2, 3]

def test_add():
    assert add(1, 2) == 3

@pytest.mark.parametrize(("a", "b", "total"), [(0, 0, 0), (1, 1, 2), (0.1, 0.2, pytest.approx(0.3))])
def test_add_many(a, b, total):
    assert add(a, b) == total

def test_keywords(numbers):
    assert add(a=numbers[0], b=numbers[2]) == 4

def test_zero():
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)

@pytest.mark.skip(reason="later")
def test_later():
    assert False

class TestMore:
    def test_default(self):
        assert add(5) == 5
"""
UNITTEST = """
import unittest
import solution

class Adding(unittest.TestCase):
    def setUp(self):
        self.numbers = [1, 2]

    def test_sum(self):
        self.assertEqual(solution.add(*self.numbers), 3)

    def test_raises(self):
        with self.assertRaises(ValueError):
            solution.check(11)
        self.assertRaises(ZeroDivisionError, solution.divide, 1, 0)

    @unittest.skip("later")
    def test_later(self):
        self.fail()

    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertEqual(solution.add(n, n), 2 * n)

if __name__ == "__main__":
    unittest.main()
"""


def run(pool: SandboxPool, code: str, tests: str, **changes: Any) -> tuple[Execution, Verdict]:
    """Return what came of a candidate and a suite."""
    problem = make_problem(**{"judged_by": JudgedBy.SUITE, "entry_point": "add", "test_code": tests, **changes})
    program = Program("c", problem.problem_id, Extraction.OK, "bare", code)
    (execution,) = execute_programs([program], {problem.problem_id: problem}, pool)
    return execution, judge(problem, execution)


def outcomes(execution: Execution) -> dict[str, str]:
    return {test.name: test.outcome for test in execution.tests}


def test_a_pytest_module(pool: SandboxPool) -> None:
    execution, verdict = run(pool, RIGHT, PYTEST)
    assert outcomes(execution) == {
        "test_add": "passed",
        "test_add_many[0-0-0]": "passed",
        "test_add_many[1-1-2]": "passed",
        "test_add_many[0.1-0.2-total2]": "passed",
        "test_keywords": "passed",
        "test_zero": "passed",
        "test_later": "skipped",
        "TestMore::test_default": "passed",
    }
    assert (verdict.label, verdict.n_cases, verdict.n_passed) == (Label.PASSED, 7, 7)
    assert [run.value or run.exception for run in execution.runs][-2:] == ["ZeroDivisionError", "5"]


def test_a_wrong_candidate_fails_by_share(pool: SandboxPool) -> None:
    execution, verdict = run(pool, WRONG, PYTEST)
    assert (verdict.label, verdict.cause) == (Label.FAILED, Cause.TEST_FAILED)
    assert (verdict.n_cases, verdict.n_passed) == (7, 3)  # 0 - 0, the division, and the default
    assert verdict.detail == "test_add and 3 more of 8 tests"
    assert execution.status is Status.OK


def test_a_unittest_module(pool: SandboxPool) -> None:
    execution, verdict = run(pool, RIGHT, UNITTEST)
    assert verdict.label is Label.PASSED, execution
    assert outcomes(execution)["Adding::test_later"] == "skipped"
    execution, verdict = run(pool, WRONG, UNITTEST)
    assert verdict.label is Label.FAILED
    assert outcomes(execution)["Adding::test_raises"] == "passed"
    assert outcomes(execution)["Adding::test_parts"] == "failed"


@pytest.mark.parametrize(
    "body",
    [
        "from solution import TooLarge, check\n with pytest.raises(TooLarge, match='11 is over'): check(11)",
        "from solution import check\n with pytest.raises(ValueError, match='over 10'): check(11)",
        "from solution import check\n with pytest.raises(Exception) as caught: check(11)\n"
        " assert isinstance(caught.value, ValueError) and caught.value.args == ('11 is over 10',)",
        "from solution import LIMIT\n assert LIMIT == 10",
        "from solution import double_all\n xs = [1, 2]\n assert double_all(xs) is None\n assert xs == [2, 4]",
        "import solution\n assert solution.first([('a', (1, 2.5))]) == {'a': (1, 2.5)}",
        "import solution\n assert list(solution.evens(5)) == [0, 2, 4]",
        "import solution as s\n assert s.add({1}.pop(), 2**100) == 2**100 + 1",
        "from solution import nothing_there",
        "import solution\n with pytest.raises(AttributeError): solution.nothing_there",
    ],
)
def test_plain_values_and_exceptions_pass_both_ways(pool: SandboxPool, body: str) -> None:
    is_right = body != "from solution import nothing_there"
    execution, verdict = run(
        pool, RIGHT, f"import pytest\nimport solution\nsolution.add(1)\ndef test_it():\n {body}\n"
    )
    assert verdict.label is (Label.PASSED if is_right else Label.FAILED), (execution, verdict)


def test_a_star_import_brings_what_the_solution_defines(pool: SandboxPool) -> None:
    tests = "from solution import *\ndef test_it():\n assert add(1, 1) == 2 and LIMIT == 10\n"
    _, verdict = run(pool, "from math import *\n" + RIGHT, tests)
    assert verdict.label is Label.PASSED


@pytest.mark.parametrize(
    ("tests", "detail"),
    [
        ("from solution import add\n", "no test passed or failed"),
        ("from solution import add\ndef test_a():\n assert True\n", "no test called the candidate"),
        ("import pytest\nfrom solution import add\n@pytest.mark.skip\ndef test_a():\n add(1)\n", "1 skipped"),
        ("import pytest\ndef test_a():\n pytest.skip('no')\n", "no test passed or failed, 1 skipped"),
        ("from solution import add\ndef test_a(no_such_fixture):\n assert add(1) == 1\n", "test_a could not show"),
        ("import no_such_module\nfrom solution import add\ndef test_a():\n assert add(1) == 1\n", "collecting"),
        ("def test_a():\n assert False\n", "test_a could not show"),
        (
            "from solution import TooLarge\ndef test_a():\n class E(TooLarge): pass\n",
            "no test called the candidate",
        ),
        ("def test_a(:\n", "collecting"),
        # In one process `*` brings these two: a builtin that the solution replaces, and what it imported.
        ("from solution import *\ndef test_a():\n assert add(1, abs(-1)) == 2\n", "collecting"),
        ("from solution import *\ndef test_a():\n assert add(1) == 1 and math.floor(1.5) == 1\n", "collecting"),
        (
            "import doctest, solution\ndef test_a():\n assert solution.add(1) == 1\n"
            " assert doctest.testmod(solution).attempted\n",
            "test_a could not show",
        ),
    ],
)
def test_a_suite_that_shows_nothing_is_undecided(pool: SandboxPool, tests: str, detail: str) -> None:
    for code in (RIGHT, WRONG):
        execution, verdict = run(pool, f"import math\n{code}\ndef abs(x): return x\n", tests)
        assert (verdict.label, verdict.cause) == (Label.UNDECIDED, Cause.NO_CASES), execution
        assert detail in verdict.detail


EQUAL = "class E:\n __eq__ = lambda s, o: True\n __add__ = __radd__ = lambda s, o: s\n"
ONE_TEST = "import pytest\nfrom solution import add\ndef test_a():\n assert add(1, 2) == 3\n"


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (f"{EQUAL}def add(*a): return E()", Cause.OWN_EQUALITY),
        (f"{EQUAL}add = E", Cause.TEST_FAILED),
        (f"{EQUAL}add = E()", Cause.TEST_FAILED),
        ("def add(*a):\n while True: pass", Cause.TIMEOUT),
        ("import os\ndef add(*a): os._exit(0)", Cause.EXITED),
        ("import sys\ndef add(*a): sys.exit(0)", Cause.TEST_FAILED),
        ("def add(*a): raise KeyboardInterrupt", Cause.TEST_FAILED),
        ("def add(*a): return 'x' * 30_000_000", Cause.OUTPUT_LIMIT),
        ("def add(*a): return bytearray(1 << 40)", Cause.MEMORY),
        ("def sub(*a): return 3", Cause.TEST_FAILED),
        ("import os\nos.write(201, b'\\0' * 40)\ndef add(*a): return 3", Cause.FORGED),
        ("raise ValueError", Cause.EXCEPTION),
        ("class Skipped(BaseException): pass\ndef add(*a): raise Skipped", Cause.TEST_FAILED),
        ("def add(*a):\n import pytest\n pytest.skip('x')", Cause.TEST_FAILED),
        ("def add(*a):\n import unittest\n raise unittest.SkipTest('x')", Cause.TEST_FAILED),
        (
            "import pairsmith.pipeline.sandbox.inside.session as s\n"
            "s.Session.answer = lambda *a: ['ok']\ndef add(*a): return 3",
            Cause.FORGED,
        ),
    ],
)
def test_no_candidate_passes_without_the_right_value(pool: SandboxPool, code: str, cause: Cause) -> None:
    execution, verdict = run(pool, code, ONE_TEST)
    label = Label.UNDECIDED if cause is Cause.OWN_EQUALITY else Label.FAILED
    assert (verdict.label, verdict.cause) == (label, cause), (execution, verdict)


@pytest.mark.parametrize("code", ["def add(*a):\n while True: pass", "def add(*a): return 'x' * 30_000_000"])
def test_no_test_can_expect_what_a_limit_ended(pool: SandboxPool, code: str) -> None:
    tests = "import pytest\nfrom solution import add\ndef test_a():\n with pytest.raises(BaseException): add(1)\n"
    _, verdict = run(pool, code, tests)
    assert verdict.label is Label.FAILED


def test_a_suite_that_runs_out_of_time_itself_blames_nobody(pool: SandboxPool) -> None:
    _, verdict = run(pool, RIGHT, "from solution import add\nadd(1)\ndef test_a():\n while True: pass\n")
    assert (verdict.label, verdict.cause) == (Label.UNDECIDED, Cause.SANDBOX_FAULT)


def test_nothing_of_pytest_or_the_suite_enters_the_candidates_sandbox(pool: SandboxPool) -> None:
    code = "import sys\ndef add(*a):\n try:\n  import pytest\n except ImportError: pass\n"
    code += " return not [name for name in sys.modules if 'suite' in name or 'pytest' in name]"
    _, verdict = run(pool, code, "from solution import add\ndef test_a():\n assert add() is True\n")
    assert verdict.label is Label.PASSED


@pytest.mark.parametrize(
    ("tests", "way", "reason"),
    [
        (PYTEST, JudgedBy.SUITE, "a pytest or unittest module"),
        (UNITTEST, JudgedBy.SUITE, "a pytest or unittest module"),
        ("import pytest\ndef test_a():\n assert add(1) == 1", JudgedBy.SUITE, "module"),
        ("import pytest\nfrom solution import add", JudgedBy.NOTHING, "no test calls the entry point"),
        ("import pytest\ndef test_a():\n assert 1", JudgedBy.NOTHING, "no test reaches the solution"),
        ("from solution import add\ndef test_a(capfd):\n add(1)", JudgedBy.NOTHING, "capfd"),
        (
            "from unittest.mock import patch\n@patch('time.tzset')\ndef test_a(m):\n add(1)",
            JudgedBy.NOTHING,
            "time.tzset",
        ),
        (
            "import time, pytest\ndef test_a(monkeypatch):\n monkeypatch.setattr(time.x, 'y', 1)\n add(1)",
            JudgedBy.NOTHING,
            "time",
        ),
        (
            "import json, pytest\ndef test_a(monkeypatch):\n monkeypatch.setattr(json, 'dumps', str)\n add(1)",
            JudgedBy.NOTHING,
            "json.dumps",
        ),
        (
            "from pathlib import Path\nimport pytest\ndef test_a(monkeypatch):\n"
            " monkeypatch.setattr(Path, 'exists', None)\n add(1)",
            JudgedBy.NOTHING,
            "pathlib.Path.exists",
        ),
        (
            "import pytest\ndef test_a(monkeypatch):\n monkeypatch.setenv('A', 'b')\n add(1)",
            JudgedBy.SUITE,
            "",
        ),
        (
            "from unittest.mock import patch\n@patch('solution.time.sleep')\ndef test_a(m):\n add(1)",
            JudgedBy.SUITE,
            "",
        ),
        (
            "from unittest.mock import patch\n@patch('solution.json.dumps')\ndef test_a(m):\n add(1)",
            JudgedBy.NOTHING,
            "json",
        ),
        ("from unittest.mock import patch\n@patch('solution.x')\ndef test_a(m):\n add(1)", JudgedBy.SUITE, ""),
        ("import pytest\ndef test_a(capsys):\n add(1)", JudgedBy.SUITE, ""),
        ("from solution import Stack\ndef test_a():\n assert Stack().pop()", JudgedBy.SUITE, "module"),
        (
            "import pytest\nfrom solution import TooLarge, LIMIT, check\ndef test_a():\n"
            " with pytest.raises(TooLarge): check(LIMIT + 1)",
            JudgedBy.SUITE,
            "module",
        ),
    ],
)
def test_what_is_taken_for_a_suite(tests: str, way: JudgedBy, reason: str) -> None:
    conversion = convert_tests(tests, "add")
    assert conversion.judged_by is way
    assert reason in conversion.reason


def test_the_entry_point_is_imported_where_the_tests_count_on_it(pool: SandboxPool) -> None:
    tests = '"""Tests."""\nfrom __future__ import annotations\nimport pytest\n'
    tests += "def test_a():\n    assert add(1, 2) == 3\n"
    conversion = convert_tests(tests, "add")
    _, verdict = run(pool, RIGHT, conversion.test_code)
    assert verdict.label is Label.PASSED
    _, verdict = run(pool, WRONG, conversion.test_code)
    assert verdict.label is Label.FAILED


def test_without_pytest_it_is_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install pytest" in why_no_suites()
    _make_kit.cache_clear()
    with pytest.raises(SandboxError, match="pip install pytest"):
        suite_kit()


_IN_CONTEXTS = """import asyncio
from solution import set_user, get_user

def test_each_task_has_its_own():
    async def job(name):
        set_user(name)
        await asyncio.sleep(0)
        return get_user()
    async def main():
        return await asyncio.gather(job("a"), job("b"))
    assert asyncio.run(main()) == ["a", "b"]
"""


_BY_CONTEXT = (
    'import contextvars\nuser = contextvars.ContextVar("user")\nset_user, get_user = user.set, user.get\n'
)
_BY_LIST = "user = []\nset_user = user.append\ndef get_user(): return user[-1]\n"


@pytest.mark.parametrize(("code", "label"), [(_BY_CONTEXT, Label.UNDECIDED), (_BY_LIST, Label.FAILED)])
def test_contexts_of_the_tests_prove_nothing(pool: SandboxPool, code: str, label: Label) -> None:
    """In one process the first passes: the context of a task is the solution's too."""
    found = run(pool, code, _IN_CONTEXTS, entry_point="set_user")[1]
    assert found.label is label
    assert found.detail.startswith("contextvars") is (label is Label.UNDECIDED)


def test_an_entry_point_may_be_no_function(pool: SandboxPool) -> None:
    tests = "from solution import PRIMES\n\ndef test_primes():\n    assert PRIMES[:3] == [2, 3, 5]\n"
    assert run(pool, "PRIMES = [2, 3, 5, 7]\n", tests, entry_point="PRIMES")[1].label is Label.PASSED
    assert run(pool, "PRIMES = [1, 2, 3, 5]\n", tests, entry_point="PRIMES")[1].label is Label.FAILED
    assert run(pool, "primes = [2, 3, 5, 7]\n", tests, entry_point="PRIMES")[1].label is Label.FAILED
