import math
from typing import Any

import pytest
from hypothesis import given, settings

from pairsmith.pipeline.judging.equality import matches, same_value
from pairsmith.pipeline.judging.tolerance import Tolerance
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import Cycle, Lazy, Opaque, Record, decode_value, encode_value
from tests.value_strategies import SMALL

NAN, INF = math.nan, math.inf
HUGE = 10**400


def point(x: object, y: object, name: str = "Point") -> Record:
    return Record(name, (("x", x), ("y", y)), is_tuple=True)


def data(x: object, name: str = "Data", field: str = "x") -> Record:
    return Record(name, ((field, x),))


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, True), (1.0, 1), (True, 1.0), (0, False), (-0.0, 0.0), (2**70, 2.0**70), (1 + 0j, 1), (2.5, 2.5 + 0j),
        (INF, INF), (-INF, -INF), (NAN, NAN), (complex(NAN, 0), NAN), ("a", "a"), (b"a", b"a"), (None, None),
        ([1, [2.0]], [True, [2]]), ((), ()), ([], []), ([NAN], [NAN]), ({"a": NAN}, {"a": NAN}),
        ({1, 2}, {2, 1}), ({1, 2}, frozenset({1, 2})), ({NAN}, {NAN}), ({(NAN, 1)}, {(NAN, 1)}),
        (set(), frozenset()),
        ({1: "a", 2: "b"}, {2: "b", 1: "a"}), ({1.0: 1}, {1: True}), ({NAN: 1}, {NAN: 1}),
        ({(1, NAN): 2}, {(1, NAN): 2}),
        (point(1, 2), (1, 2)), ((1, 2), point(1, 2)), (point(1, 2), point(1, 2, "Pair")),
        ([point(1, NAN)], [(1, NAN)]),
        ({point(1, 2)}, {(1, 2)}), ({point(1, 2): 3}, {(1, 2): 3}), (data([1]), data([1.0])),
        (Lazy("range", (0, 1)), Lazy("range", (0, 1))), (Lazy("dict_keys", (1, 2)), {2, 1}),
        (frozenset({(1, 2)}), Lazy("dict_items", ((1, 2),))),
        (Lazy("dict_keys", (1, 2)), Lazy("dict_keys", (2, 1))),
        ([Cycle(1)], [Cycle(1)]), (HUGE, HUGE),
    ],
)  # fmt: skip
def test_these_are_equal(got: object, expected: object) -> None:
    assert same_value(got, expected)
    assert same_value([got], [expected])
    assert same_value({"k": (got,)}, {"k": (expected,)})


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, 2), (True, False), (1, "1"), ("1", 1), (None, False), (None, 0), (0, ""), ("", None),
        ("a", b"a"), (b"", ""),
        (0.1 + 0.2, 0.3), (NAN, 0.0), (0, NAN), (INF, -INF), (2**53 + 1, 2.0**53), (HUGE, INF), (1j, 1),
        ([1], (1,)), ((1,), [1]), ([1], [1, 1]), ([], None), ([], ()), ([], {}), (set(), {}),
        ({1}, [1]), ([1], {1}),
        ({1, 2}, {1, 3}), ({1}, {1, 2}), ({"1"}, {1}), ({(1, 2)}, {(2, 1)}),
        ({1: 2}, {1: 3}), ({1: 2}, {2: 2}), ({1: 2}, {1: 2, 3: 4}), ({"1": 2}, {1: 2}), ({NAN: 1}, {NAN: 2}),
        ({NAN: 1}, {1: 1}), (point(1, 2), [1, 2]), (point(1, 2), (2, 1)), (point(1, 2), (1, 2, 3)),
        (data(1), data(2)), (data(1), data(1, "Other")), (data(1), data(1, field="y")), (data(1), (1,)),
        (data(1), {"x": 1}), (Lazy("range", (0,)), [0]), (Lazy("range", (0,)), Lazy("map", (0,))),
        (Lazy("range", (0,)), Lazy("range", (1,))), (Lazy("dict_values", (1,)), {1}),
        (Lazy("dict_keys", (1,)), [1]),
        (Lazy("dict_keys", (1, 1, 2)), {1, 2, 3}), (Lazy("dict_keys", (1, 1)), {1}),
        (Lazy("dict_items", ((1, []),)), {(1, 2)}), (Cycle(1), Cycle(2)), ([Cycle(1)], [[1]]), (HUGE, HUGE + 1),
        (Lazy("dict_keys", tuple(k * (2**61 - 1) for k in range(1, 300))), set(range(299))),
    ],
)  # fmt: skip
def test_these_are_not_equal(got: object, expected: object) -> None:
    assert not same_value(got, expected)
    assert not same_value(expected, got)
    assert not same_value([got], [expected])
    assert not same_value({"k": (got,)}, {"k": (expected,)})


@pytest.mark.parametrize(
    "hide", [lambda x: x, lambda x: [x], lambda x: (x,), lambda x: {x}, lambda x: {1: x}, lambda x: {x: 1},
             lambda x: {(x,)}, lambda x: data(x), lambda x: point(x, 1), lambda x: Lazy("map", (x,)),
             lambda x: Lazy("dict_keys", (x,))],
)  # fmt: skip
def test_an_opaque_value_equals_nothing(hide: Any) -> None:
    for expected in (Opaque("Node"), 1, None, "Node"):
        assert not same_value(hide(Opaque("Node")), hide(expected))
        assert not same_value(hide(expected), hide(Opaque("Node")))
    assert not same_value(hide(Opaque("Node")), hide(Opaque("Node")), Tolerance(9.0))


@pytest.mark.parametrize(
    ("got", "expected", "equal"),
    [
        (1.05, 1, True), (1, 1.05, True), (1.2, 1, False), (True, 1.05, True), (1, 2, False), (1.05j, 1j, True),
        ([1.05, "a"], [1, "a"], True), ([1.2], [1.0], False), (({"k": [1.05]},), ({"k": [1.0]},), True),
        ({1.05, 7.0}, {1.0, 7.0}, True), ({1.05, 7.2}, {1.0, 7.0}, False), ({(1.05, "a")}, {(1.0, "a")}, True),
        ({1.05: "a"}, {1.0: "a"}, True), ({1.05: "a", 2.0: "b"}, {1.0: "b", 2.0: "b"}, False),
        (data(1.05), data(1.0), True), (point(1.05, 2), (1.0, 2), True),
        (Lazy("map", (1.05,)), Lazy("map", (1.0,)), True),
        (Lazy("dict_keys", (1.05,)), {1.0}, True), (INF, INF, True), (INF, 1.0, False), (-INF, INF, False),
        (NAN, 1.0, False), (NAN, NAN, True), ("1.05", 1.0, False), (None, 0.0, False), (HUGE, 1.0, False),
        (HUGE, INF, False), (complex(HUGE % 7, 1e308), complex(0, -1e308), False), ([1.05], (1.0,), False),
        (1.1, 1.0, True), (1.2, 1.1, True),
        ({1.0, 1.05}, {1.02, 5.0}, False), ({1.0: 1, 1.05: 1}, {1.02: 1, 5.0: 1}, False),  # each is matched once
    ],
)  # fmt: skip
def test_floats_may_differ_at_any_depth(got: object, expected: object, equal: bool) -> None:
    assert same_value(got, expected, Tolerance(0.1 + 1e-9)) is equal


@pytest.mark.slow
@given(SMALL, SMALL)
@settings(max_examples=400)
def test_it_is_python_equality(got: object, expected: object) -> None:
    assert same_value(decode_value(encode_value(got)), decode_value(encode_value(expected))) is (got == expected)


@given(SMALL)
def test_equality_is_reflexive_across_the_border(value: object) -> None:
    assert same_value(decode_value(encode_value(value)), decode_value(encode_value(value)))


def run(value: object = None, status: Status = Status.OK, exception: str = "") -> CaseRun:
    text = encode_value(value) if status is Status.OK else ""
    return CaseRun(status, text, "", exception, 0.0)


def raw(text: str) -> CaseRun:
    return CaseRun(Status.OK, text, "", "", 0.0)


@pytest.mark.parametrize(
    ("view", "got", "expected", "passes"),
    [
        ("sorted", [2, 1], [1, 2], True), ("sorted", {2, 1}, [1, 2], True), ("sorted", (2, 1), (1, 2), False),
        ("sorted", iter([2, 1]), [1, 2], True), ("sorted", {2: 0, 1: 0}.keys(), [1, 2], True),
        ("sorted", 5, [5], False),
        ("sorted", [1, "a"], [1, "a"], False), ("sorted", None, [], False), ("sorted", "ba", ["a", "b"], True),
        ("list", (1, 2), [1, 2], True), ("list", range(2), [0, 1], True), ("list", {1: 2}, [1], True),
        ("list", (x for x in "ab"), ["a", "b"], True), ("list", object(), [], False), ("list", 3, [3], False),
        ("tuple", [1], (1,), True), ("tuple", [1], [1], False), ("set", [1, 1, 2], {1, 2}, True),
        ("set", [[1]], {1}, False), ("set", map(abs, [-1]), {1}, True), ("len", [1, 2], 2, True),
        ("len", {1: 2}.values(), 1, True), ("len", range(7), 7, True), ("len", iter([1, 2]), 2, False),
        ("len", 5, 1, False), ("len", object(), 0, False), ("str", 12, "12", True),
        ("str", [1, "a"], "[1, 'a']", True),
        ("str", object(), "object", False), ("str", iter([]), "[]", False), ("str", [10**5000], "1", False),
        ("abs", -3, 3, True), ("abs", "a", "a", False), ("abs", 3 + 4j, 5.0, True), ("sum", [1, 2], 3, True),
        ("sum", range(4), 6, True), ("sum", ["a"], "a", False), ("", [2, 1], [1, 2], False),
    ],
)  # fmt: skip
def test_views_are_those_of_the_test(view: Any, got: object, expected: object, passes: bool) -> None:
    assert matches(Case("[]", encode_value(expected), view=view), run(got)) is passes


def test_a_view_of_a_named_tuple_is_that_of_its_tuple() -> None:
    text = encode_value(point(2, 1))
    assert matches(Case("[]", "[1,2]", view="sorted"), raw(text))
    assert matches(Case("[]", "2", view="len"), raw(text))
    assert not matches(Case("[]", "1", view="len"), raw(encode_value(data([1]))))


@pytest.mark.parametrize(
    ("got", "truth"),
    [
        (True, True), (1, True), ("a", True), ([0], True), (NAN, True), (False, False), (0, False), ("", False),
        (None, False), ([], False), ({}, False), (0.0, False), (set(), False), (range(0), False), (range(1), True),
        ({}.keys(), False), (iter([]), True), (object(), None), (point(0, 0), True), (data(0), True),
        (Record("Empty", (), True), False), (Record("Empty", ()), True),
    ],
)  # fmt: skip
def test_truthy_and_falsy_ask_for_the_truth(got: object, truth: bool | None) -> None:
    assert matches(Case("[]", "true", "truthy"), run(got)) is (truth is True)
    assert matches(Case("[]", "false", "falsy"), run(got)) is (truth is False)


def test_the_tolerance_counts_for_close_only() -> None:
    assert matches(Case("[]", "1.0", "approx", 0.1), run(1.05))
    assert not matches(Case("[]", "1.0", "equal", 0.1), run(1.05))
    assert not matches(Case("[]", "1.0", "approx", 0.0), run(1.05))


@pytest.mark.parametrize(
    "text", ["", "NaN", '{"set":[[]]}', "[" * 5000, '{"opaque":"int"}', '{"cycle":1}', '{"x":1}']
)
def test_what_is_no_value_matches_nothing(text: str) -> None:
    for compare in ("equal", "approx", "truthy", "falsy"):
        for view in ("", "list", "sorted", "str", "len"):
            assert not matches(Case("[]", "1", compare, 1.0, view), raw(text))


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_only_a_value_matches(status: Status) -> None:
    assert not matches(Case("[]", "1"), CaseRun(status, "1", "", "", 0.0))
    assert not matches(Case("[]", "null", "falsy"), CaseRun(status, "null", "", "", 0.0))
