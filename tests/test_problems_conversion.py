"""Tests of the conversion of assert-style tests: what becomes a case, what a tester's, what nobody can take."""

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.problems.constants import NotConvertibleError, Scope, constant
from pairsmith.pipeline.problems.conversion import TestSyntaxError, convert_tests
from pairsmith.schemas.problem import Case, JudgedBy
from pairsmith.schemas.values import decode_value, encode_arguments, encode_value

NOTHING_NEEDED = Scope(frozenset({"f"}))


def expect(arguments: list[Any], expected: Any, **more: Any) -> Case:
    return Case(encode_arguments(arguments), encode_value(expected), **more)


@pytest.mark.parametrize(
    ("line", "case"),
    [
        ("assert f(1) == 2", expect([1], 2)),
        ("assert f(1) == 2, 'message ' + str(f(1))", expect([1], 2)),
        ("assert (f(1) == 2), 'message'", expect([1], 2)),
        ("assert f (1, 'a') == (2, 3)", expect([1, "a"], (2, 3))),
        ("assert f() == []", expect([], [])),
        ("assert 2 == f(1)", expect([1], 2)),
        ("assert f(-1, +2.5) == -3j", expect([-1, 2.5], -3j)),
        ("assert f([1, (2, {3: {4}})]) == {'a': None}", expect([[1, (2, {3: {4}})]], {"a": None})),
        ("assert f(1) is None", expect([1], None)),
        ("assert f(1) == True", expect([1], True)),
        ("assert f(1)", expect([1], True, compare="truthy")),
        ("assert not f(1)", expect([1], False, compare="falsy")),
        ("assert sorted(f(1)) == [1, 2]", expect([1], [1, 2], view="sorted")),
        ("assert set(f(1)) == set((1, 2))", expect([1], {1, 2}, view="set")),
        ("assert tuple([1]) == tuple(f(1))", expect([1], (1,), view="tuple")),
        ("assert len(f(1)) == 3", expect([1], 3, view="len")),
        ("assert f(3 * 19 * 3) == [0] * 3 + [2**3]", expect([171], [0, 0, 0, 8])),
        ("assert f('ab' * 2 + 'c') == 7 // 2 - 7 % 2", expect(["ababc"], 2)),
        ("assert f(list(range(3))) == float('-inf')", expect([[0, 1, 2]], float("-inf"))),
        ("x = [3, 1]\nassert f(x) == 1", expect([[3, 1]], 1)),
        ("x = 2\ny = x + 1\nassert f(x, x) == y", expect([2, 2], 3)),
        ("import math\nassert f(math.pi) == 3", expect([3.141592653589793], 3)),
        ("from math import inf as big\nassert f(big) == 3", expect([float("inf")], 3)),
        ("def check(g):\n    '''doc'''\n    print\n    assert True\n    assert g(1) == 2", expect([1], 2)),
        ("METADATA = {}\ndef check(g):\n    assert g(1) == 2\ncheck(f)", expect([1], 2)),
    ],
)  # fmt: skip
def test_becomes_a_case(line: str, case: Case) -> None:
    conversion = convert_tests(line, "f")
    assert (conversion.judged_by, conversion.cases, conversion.reason) == (JudgedBy.CASES, (case,), "")


@pytest.mark.parametrize(
    ("line", "expected", "inside", "outside"),
    [
        ("assert abs(f(1) - 0.5) < 0.25", 0.5, [0.26, 0.74], [0.25, 0.75]),
        ("assert abs(f(1) - 0.5) <= 0.25", 0.5, [0.25, 0.75], [0.24, 0.76]),
        ("assert 0.25 > abs(0.5 - f(1))", 0.5, [0.26, 0.74], [0.25, 0.75]),
        ("assert abs(f(1) - 10) < 2", 10.0, [9, 11], [8, 12]),
        ("import math\nassert math.fabs(f(1) - 0.5) < 0.25", 0.5, [0.26], [0.25]),
        ("import math\nassert math.isclose(f(1), 100, rel_tol=0.01)", 100.0, [99.1, 101.0], [98.9, 102.1]),
        ("from math import isclose\nassert isclose(0.5, f(1), abs_tol=0.25)", 0.5, [0.25], [0.24]),
        ("import math\nassert math.isclose(f(1), 1.0)", 1.0, [1.0 + 5e-10], [1.0 + 2e-9]),
    ],
)
def test_tolerances(line: str, expected: float, inside: list[float], outside: list[float]) -> None:
    (case,) = convert_tests(line, "f").cases
    assert (case.compare, case.expected) == ("approx", encode_value(expected))
    for value in inside:
        assert abs(value - expected) <= case.atol
        exec_assert(line, value)
    for value in outside:
        assert abs(value - expected) > case.atol
        with pytest.raises(AssertionError):
            exec_assert(line, value)


def exec_assert(line: str, answer: float) -> None:
    """Run one of the lines above, as a yardstick for its case."""
    exec(line, {"f": lambda argument: answer})


@pytest.mark.parametrize(
    "line",
    [
        "assert f(1) != 2",
        "assert f(1) in (2, 3)",
        "assert 1 < f(1) < 3",
        "assert f(1) > 0",
        "assert f(1) == 2 and f(2) == 3",
        "assert f(1) is True",  # `==` would take 1
        "assert f(1) is not None",
        "assert f(1) == f(2)",
        "assert f(f(1)) == 2",
        "assert f(1)[0] == 2",
        "assert round(f(1), 2) == 0.33",
        "assert sorted(f(1), reverse=True) == [2, 1]",
        "assert isinstance(f(1), list)",
        "assert (f(1) == 2, 'always true')",
        "assert f(*[1, 2]) == 2",
        "assert f('%s' % 1) == 2",
        "for n in [1, 2]:\n    assert f(n) == n",
        "x = [1]\nassert f(x) == 1\nassert f(x) == 2",  # the first call may have changed x
        "x = [1]\nassert f(x) == x",
        "x = [1]\ny = [x]\nassert f(x) == 1\nassert f(y) == 2",
        "x = ([1],)\nassert f(x) == 1\nassert f(x) == 1",
        "sorted = list\nassert sorted(f(1)) == [1]",
        "def sorted(x):\n    return x\nassert sorted(f(1)) == [1]",
        "from heapq import merge as sorted\nassert sorted(f(1)) == [1]",
        "import math\nmath = 1\nassert f(math.pi) == 1",
        "answer = f(1)\nassert answer == 2",
        "assert f(10 ** 10 ** 10) == 1",
        "assert f([0] * 10 ** 9) == 1",
        "assert f(len(range(10 ** 12))) == 1",
        "assert f(1 / 0) == 1",
        "import math\nassert math.isclose(f(1), 1.0, rel_tol=0.5)",
        "def check(candidate):\n    assert candidate(1) == 2\n    if True:\n        assert f(2) == 3",
        "assert f(Pair(1, 2)) == 2",
        "assert f(lambda x: x) == 2",
        "assert f([1, lambda x: x]) == 2",
        "assert f(len, [1]) == 2",
        "assert f(x for x in [1]) == 2",
        "assert f(range(3)) == 2",
        "class P:\n    pass\nassert f(P()) == 2",
        "def g(x):\n    return x\nassert f(g) == 2",
        "assert f.calls == 2",
        "x = [3, 1]\nf(x)\nassert x == [1, 3]",
        "assert f(n=1) == 2",
        "try:\n    f(-1)\nexcept ValueError:\n    pass",
    ],
)
def test_goes_to_the_tester_whole(line: str) -> None:
    conversion = convert_tests(f"assert f(0) == 0\n{line}", "f")
    assert conversion.judged_by is JudgedBy.TESTER
    assert conversion.cases == ()
    assert line in conversion.test_code
    assert conversion.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import pytest\nwith pytest.raises(ValueError):\n    f(-1)", "import pytest"),
        ("assert True", "no assert"),
        ("assert g(1) == 2", "no test calls"),
        ("pass", "no assert"),
        ("def test_g():\n    pass", "no test calls"),
    ],
)
def test_nobody_can_take(line: str, reason: str) -> None:
    conversion = convert_tests(line, "f")
    assert (conversion.judged_by, conversion.cases, conversion.test_code) == (JudgedBy.NOTHING, (), "")
    assert reason in conversion.reason


def test_tester_may_pass_what_calls_give() -> None:
    line = "import copy\nfor x in [[1]]:\n    assert f(copy.deepcopy(x), sorted(x, key=lambda y: -y)) == 1"
    assert convert_tests(line, "f").judged_by is JudgedBy.TESTER


@pytest.mark.parametrize(
    ("source", "last"),
    [
        ("def check(candidate):\n    for n in [1]:\n        assert candidate(n) == n", "check(f)"),
        ("def check(candidate):\n    for n in [1]:\n        assert candidate(n) == n\ncheck(f)", "check(f)"),
        ("def test_one():\n    assert f(1) == 1", "test_one()"),
        ("for n in [1]:\n    assert f(n) == n", "    assert f(n) == n"),
    ],
)
def test_tester_runs_the_functions_that_hold_tests(source: str, last: str) -> None:
    code = convert_tests(source, "f").test_code
    assert code.splitlines()[-1] == last
    assert code.count("check(f)") <= 1
    called = []
    exec(code, {"f": lambda n: called.append(n) or n})  # type: ignore[func-returns-value]
    assert called == [1]


def test_random_tests_draw_the_same_numbers() -> None:
    source = "import random\nfor n in range(9):\n    f(random.random())"
    drawn: list[list[float]] = []
    for _ in range(2):
        drawn.append([])
        exec(convert_tests(source, "f").test_code, {"f": drawn[-1].append})
    assert drawn[0] == drawn[1]


def test_setup_covers_builtins_and_imports_math() -> None:
    assert convert_tests("assert set(f(1)) == {1}", "f", "def set(x):\n    return 0\n").cases == ()
    (case,) = convert_tests("assert math.isclose(f(1), 2.0, abs_tol=1.0)", "f", "import math").cases
    assert case.atol == 1.0


def test_entry_point_named_like_a_builtin() -> None:
    assert convert_tests("assert sum([1, 2]) == 3", "sum").cases == (expect([[1, 2]], 3),)


def test_keywords_find_their_position_where_the_signature_is_known() -> None:
    line = "assert f(1, c=3, b=2) == 6"
    assert convert_tests(line, "f", parameters=("a", "b", "c")).cases == (expect([1, 2, 3], 6),)
    for unfit in ((), ("a", "x", "c"), ("a", "x", "b", "c")):
        assert convert_tests(line, "f", parameters=unfit).cases == ()


@pytest.mark.parametrize("source", ["assert f(1) = 2", "assert f(\x00)", "(" * 5000])
def test_tests_that_are_no_python(source: str) -> None:
    with pytest.raises(TestSyntaxError):
        convert_tests(source, "f")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(plain, max_size=3), plain)
def test_any_plain_values_keep_their_value(arguments: list[Any], expected: Any) -> None:
    call = f"f({', '.join(map(repr, arguments))})"
    source = f"from math import inf\nassert {call} == {expected!r}"
    (case,) = convert_tests(source, "f").cases
    assert decode_value(case.arguments) == arguments
    assert decode_value(case.expected) == expected


numbers = st.integers(-9, 9).map(str) | st.sampled_from(["0.5", "2j", "'ab'", "[1]", "(2,)", "float('2')"])
expressions = st.recursive(
    numbers,
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner).map(
        lambda parts: "({} {} {})".format(*parts)
    ),
    max_leaves=4,
)


@given(expressions)
def test_constants_have_the_value_that_python_gives(expression: str) -> None:
    """Whatever has a value here has it in Python too; the reverse need not hold."""
    try:
        value = constant(ast.parse(expression, mode="eval").body, NOTHING_NEEDED)
    except NotConvertibleError:
        return
    expected = eval(expression)
    assert type(value) is type(expected)
    # Python writes no integer of more than 4300 digits.
    assert value == expected if isinstance(expected, int) else repr(value) == repr(expected)
