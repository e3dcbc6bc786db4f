import ast
import itertools
import json
import math
import sys
from array import array
from collections import (
    ChainMap,
    Counter,
    OrderedDict,
    UserDict,
    UserList,
    UserString,
    defaultdict,
    deque,
    namedtuple,
)
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import pairsmith.pipeline.sandbox.inside
import pairsmith.schemas.values
from pairsmith.schemas import twins
from pairsmith.schemas.values import (
    MAX_COLLISIONS,
    MAX_DEPTH,
    MAX_INT_BITS,
    Cycle,
    Lazy,
    Opaque,
    Record,
    ValueTooLargeError,
    canonical,
    decode_value,
    encode_arguments,
    encode_value,
    normalise,
    to_set,
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**60), 10**60),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=8),  # lone surrogates too
    st.binary(max_size=8),
)
HASHABLE = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3), max_leaves=6
)
PLAIN = st.recursive(
    SCALARS | st.sets(HASHABLE, max_size=3) | st.frozensets(HASHABLE, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=3)
    ),
    max_leaves=8,
)


def look(value: Any) -> Any:
    """Return something comparable that tells types, nan, the sign of zero and the order of dicts apart."""
    kind = type(value).__name__
    if isinstance(value, complex):
        return kind, look(value.real), look(value.imag)
    if isinstance(value, float):
        return kind, repr(value)
    if isinstance(value, (set, frozenset)):
        return kind, sorted(map(repr, map(look, value)))
    if isinstance(value, dict):
        return kind, [(look(key), look(part)) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return kind, [look(part) for part in value]
    return kind, value


@given(PLAIN)
@settings(deadline=None)
@example([math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 2**53, 2**53 + 1, -(2**53) - 1, 10**4000])
@example({(1, frozenset({b"\0", None})): {"x": {1.5: {True}}}, math.nan: "\ud800"})
def test_plain_values_come_back(value: object) -> None:
    text = encode_value(value)
    assert text.isascii()
    json.loads(text, parse_constant=pytest.fail)  # real JSON: no bare NaN
    assert look(decode_value(text)) == look(value)
    assert normalise(text) == text
    assert look(decode_value(canonical(text))) == look(sort_dicts(value))


def sort_dicts(value: Any) -> Any:
    """Return the value with its dicts in canonical order, keys being without dicts here."""
    if isinstance(value, dict):
        return {key: sort_dicts(value[key]) for key in sorted(value, key=encode_value)}
    if isinstance(value, (list, tuple)):
        return type(value)(sort_dicts(part) for part in value)
    return value


@pytest.mark.slow
@given(st.dictionaries(HASHABLE, PLAIN, max_size=5), st.randoms())
@settings(deadline=None)
def test_canonical_knows_no_order_of_dicts_and_sets(value: dict[Any, Any], random: Any) -> None:
    pairs = list(value.items())
    random.shuffle(pairs)
    keys = list(value)
    one, other = [value, set(keys)], [dict(pairs), {*reversed(keys)}]
    assert canonical(encode_value(one)) == canonical(encode_value(other))


def test_canonical_tells_types_apart() -> None:
    texts = [
        canonical(encode_value(value)) for value in (1, 1.0, True, "1", b"1", (1,), [1], {1}, frozenset({1}), 1j)
    ]
    assert len(set(texts)) == len(texts)


def test_dicts_keep_their_own_order() -> None:
    assert list(decode_value(encode_value({2: 0, 1: 0}))) == [2, 1]
    assert (
        canonical(encode_value({2: {"b": 0, "a": 0}, 1: 0})) == '{"dict":[[1,0],[2,{"dict":[["a",0],["b",0]]}]]}'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, (2.5,), None], '[1,{"tuple":[2.5]},null]'),
        ("é\n", '"\\u00e9\\n"'),
        (2**53, "9007199254740992"),
        (-(2**53) - 1, '{"int":"-0x20000000000001"}'),
        (math.nan, '{"float":"nan"}'),
        (-math.inf, '{"float":"-inf"}'),
        (1j, '{"complex":[0.0,1.0]}'),
        (bytearray(b"\xff"), '{"bytes":"ff"}'),
        ({"b", "a"}, '{"set":["a","b"]}'),
        ({"int": 1}, '{"dict":[["int",1]]}'),
        (OrderedDict(a=1), '{"std":["OrderedDict",[],["a",1]]}'),
        (Counter("a"), '{"std":["Counter",[],["a",1]]}'),
        (defaultdict(int, a=1), '{"std":["defaultdict",[{"type":"int"}],["a",1]]}'),
        (range(2), '{"std":["range",[0,2,1]]}'),
        ({1: 2}.items(), '{"lazy":["dict_items",[{"tuple":[1,2]}]]}'),
        (deque([1]), '{"std":["deque",[null],[1]]}'),
    ],
)
def test_texts_are_these(value: object, text: str) -> None:
    assert encode_value(value) == text


def test_arguments_are_a_list() -> None:
    assert encode_arguments((1, "a")) == '[1,"a"]'


class _Int(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class _Str(str):
    pass


class _List(list[int]):
    pass


class _Dict(dict[str, int]):
    pass


class _Tuple(tuple[int, ...]):
    pass


class _Float(float):
    pass


class _Set(set[int]):
    pass


class _Colour(IntEnum):
    RED = 1


@pytest.mark.parametrize("value", [object(), len, type])
def test_strangers_are_opaque(value: object) -> None:
    name = type(value).__name__
    assert encode_value(value) == f'{{"opaque":"{name}"}}'
    back = decode_value(encode_value([value, {1: (value,)}]))
    assert isinstance(back[0], Opaque)
    assert back[1] != decode_value(encode_value({1: (value,)}))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (_Str("a"), "a"),
        (_List([1]), [1]),
        (_Dict(a=1), {"a": 1}),
        (_Tuple((1,)), (1,)),
        (_Float(1), 1.0),
        (_Set({1}), {1}),
        (_Colour.RED, 1),
    ],
)
def test_a_subclass_that_keeps_its_equality_is_the_value_that_it_is_for_python(
    value: object, plain: object
) -> None:
    assert encode_value(value) == encode_value(plain)


def test_a_class_with_an_equality_of_its_own_says_so() -> None:
    assert encode_value(_Int(1)) == '{"own":"_Int"}'
    back = decode_value(encode_value([_Int(1)]))[0]
    assert isinstance(back, Opaque)
    assert back.has_equality
    assert back != 1


@pytest.mark.parametrize("twin", [*twins.VALUES, *twins.CONTAINERS], ids=lambda twin: twin.name)
def test_every_twin_comes_back_as_it_was(twin: Any) -> None:
    samples = {
        "Decimal": Decimal("1.10"), "Fraction": Fraction(1, 3), "date": date(2020, 2, 29),
        "datetime": datetime(2020, 2, 29, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2))), "time": time(1, 2, 3,
        4), "timedelta": timedelta(-1, 5, 7), "timezone": timezone(timedelta(hours=-3), "X"), "UUID": UUID(int=7),
        "PurePosixPath": PurePosixPath("a/b"), "PosixPath": Path("a"), "range": range(1, 9, 3), "slice": slice(1,
        None), "UserString": UserString("a"), "ellipsis": ..., "NotImplementedType": NotImplemented, "list": [1],
        "dict": {1: 2}, "set": {1}, "bytearray": bytearray(b"a"), "Counter": Counter("aab"),
        "OrderedDict": OrderedDict(b=1, a=2), "defaultdict": defaultdict(list, {1: [2]}), "deque": deque([1, 2],
        3), "array": array("d", [1.5]), "UserList": UserList([1]), "UserDict": UserDict(a=1),
        "ChainMap": ChainMap({1: 2}, {3: 4}), "SimpleNamespace": SimpleNamespace(x=[1]),
    }  # fmt: skip
    value: Any = samples[twin.name]
    text = encode_value(value)
    back: Any = decode_value(text)
    is_bytes = twin.name == "bytearray"  # equal to the bytes that it becomes
    assert ((type(back) is type(value) or is_bytes) and back == value and repr(back) == repr(value)) or is_bytes
    assert normalise(text) == text


def test_an_opaque_value_equals_nothing_not_even_itself() -> None:
    one = Opaque("x")
    assert not one == one  # noqa: SIM201 - this is what is tested
    assert one != Opaque("x")
    assert len(decode_value('{"set":[{"opaque":"x"},{"opaque":"x"}]}')) == 2


class _Named(NamedTuple):
    x: int
    y: list[int]


@dataclass
class _Data:
    x: object
    y: int = 2


@dataclass(eq=False)
class _ById:
    parts: list[int]


def test_dataclasses_and_named_tuples_become_records() -> None:
    point = namedtuple("point", "x y")
    assert decode_value(encode_value(point(1, [2]))) == Record("point", (("x", 1), ("y", [2])), is_tuple=True)
    assert decode_value(encode_value(_Named(1, [2]))) == Record("_Named", (("x", 1), ("y", [2])), is_tuple=True)
    record = decode_value(encode_value(_Data(_Data(1))))
    assert record == Record("_Data", (("x", Record("_Data", (("x", 1), ("y", 2)))), ("y", 2)))
    for text in (encode_value(_Data({2, 1})), encode_value(_Named(1, []))):
        assert encode_value(decode_value(text)) == text


def test_a_class_that_hashes_by_identity_crosses_inside_a_set() -> None:
    text = encode_value({_ById([1]), _ById([2])})
    assert len(decode_value(text)) == 2
    assert normalise(text) == text
    assert hash(Lazy("map", ([1],))) == hash(Lazy("map", ([1],)))


LAZIES: list[Callable[[], Any]] = [
    lambda: (x for x in [1, 2]), lambda: map(abs, [1, 2]), lambda: filter(None, [1, 2]), lambda: iter([1, 2]),
    lambda: iter((1, 2)), lambda: iter({1: 0, 2: 0}), lambda: iter({0: 1, 1: 2}.values()), lambda: iter({1, 2}),
    lambda: reversed([2, 1]), lambda: reversed({2: 0, 1: 0}), lambda: iter(range(1, 3)),
    lambda: itertools.chain([1], [2]), lambda: itertools.islice(itertools.count(1), 2), lambda: iter(b"\1\2"),
    lambda: itertools.accumulate([1, 1]), lambda: iter(deque([1, 2])),
    lambda: itertools.takewhile(bool, [1, 2, 0]),
    lambda: {1: 0, 2: 0}.keys(), lambda: {0: 1, 1: 2}.values(), lambda: reversed((2, 1)),
    lambda: itertools.tee([1, 2])[0],
]  # fmt: skip


@pytest.mark.parametrize("make", LAZIES)
def test_lazy_values_cross_with_their_items(make: Callable[[], Any]) -> None:
    value = decode_value(encode_value(make()))
    assert isinstance(value, Lazy)
    assert value.items == (1, 2)


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (iter("ab"), ("a", "b")),
        (iter("é"), ("é",)),
        (iter(range(2**70, 2**70 + 1)), (2**70,)),
        (zip([1], [2], strict=True), ((1, 2),)),
        (enumerate("a"), ((0, "a"),)),
        (itertools.permutations([1, 2]), ((1, 2), (2, 1))),
        (iter({1: 2}.items()), ((1, 2),)),
    ],
)
def test_lazy_values_of_other_items(value: object, items: tuple[object, ...]) -> None:
    assert decode_value(encode_value(value)).items == items


def endless() -> Iterator[int]:
    n = 0
    while True:
        yield n
        n += 1


@pytest.mark.parametrize("value", [endless(), itertools.count(), itertools.repeat(0)])
def test_endless_values_are_too_large(value: object) -> None:
    with pytest.raises(ValueTooLargeError, match="too many parts"):
        encode_value(value, max_nodes=1000)


def test_parts_are_counted_to_the_last() -> None:
    assert encode_value([0] * 9, max_nodes=10) == "[0,0,0,0,0,0,0,0,0]"
    with pytest.raises(ValueTooLargeError):
        encode_value([0] * 10, max_nodes=10)


WRAPS: list[Callable[[Any], Any]] = [
    lambda x: [x], lambda x: (x,), lambda x: {1: x}, lambda x: frozenset({x}), lambda x: iter([x]), _Data,
    lambda x: Record("r", (("a", x),)), lambda x: Lazy("map", (x,)), lambda x: deque([x]),
]  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPS)
def test_depth_is_bounded_for_every_container(wrap: Callable[[Any], Any]) -> None:
    def nested(depth: int) -> Any:
        value: Any = 7
        for _ in range(depth):
            value = wrap(value)
        return value

    text = encode_value(nested(MAX_DEPTH))
    assert normalise(text) == text
    with pytest.raises(ValueTooLargeError, match="deeper than 100"):
        encode_value(nested(MAX_DEPTH + 1))


def test_ints_are_bounded() -> None:
    largest = (1 << MAX_INT_BITS) - 1
    assert decode_value(encode_value(-largest)) == -largest
    with pytest.raises(ValueTooLargeError, match="bits"):
        encode_value(largest + 1)
    with pytest.raises(ValueError, match="bits"):
        decode_value('{"int":"' + hex(largest + 1) + '"}')


def test_cycles_tell_how_far_up_they_go() -> None:
    one: list[Any] = [1]
    one.append(one)
    assert encode_value(one) == '[1,{"cycle":1}]'
    two: dict[str, Any] = {}
    two["a"] = [(two,)]
    assert decode_value(encode_value(two)) == {"a": [(Cycle(3),)]}
    data = _Data(None)
    data.x = [data]
    assert (
        normalise(encode_value(data))
        == encode_value(data)
        == ('{"record":["_Data",[["x",[{"cycle":2}]],["y",2]]]}')
    )


def test_what_is_seen_twice_is_no_cycle() -> None:
    shared: list[Any] = []
    assert encode_value([shared, shared, (), ((),)]) == '[[],[],{"tuple":[]},{"tuple":[{"tuple":[]}]}]'


TAGS = (
    "int", "float", "complex", "bytes", "tuple", "set", "frozenset", "dict", "lazy", "record", "namedtuple",
    "cycle", "opaque", "other",
)  # fmt: skip
JSON_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
HOSTILE = st.recursive(
    JSON_SCALARS | st.sampled_from(["nan", "0x1", "ff"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(TAGS), inner, max_size=2)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=12,
)


def refuse_or_decode(text: str) -> None:
    """Decode a text, which may raise ValueError and nothing else; what is decoded has a stable text."""
    for read in (decode_value, normalise, canonical):
        try:
            value = read(text)
        except ValueError:
            continue
        if read is not decode_value:
            assert read(value) == value


@pytest.mark.slow
@given(HOSTILE.map(json.dumps))
@settings(max_examples=400, deadline=None)
def test_hostile_json_raises_nothing_but_value_error(text: str) -> None:
    refuse_or_decode(text)


@given(st.text() | st.text('[]{}",:0123456789.eE-intsudclazy', max_size=40))
@settings(max_examples=300, deadline=None)
def test_hostile_text_raises_nothing_but_value_error(text: str) -> None:
    refuse_or_decode(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "NaN", "[Infinity]", "-Infinity", "[1,]", "{}", '{"a":1}', '{"int":"1","float":"nan"}',
        '{"int":5}',
        '{"int":"x"}', '{"int":null}', '{"float":"1"}', '{"float":[]}', '{"complex":[1]}', '{"complex":["1","2"]}',
        '{"complex":[{"int":"0x1' + "0" * 400 + '"},0]}', '{"bytes":"0"}', '{"bytes":1}', '{"tuple":1}',
        '{"set":[[]]}', '{"frozenset":[{"dict":[]}]}', '{"dict":[[1]]}', '{"dict":[[[],1]]}', '{"dict":5}',
        '{"lazy":[]}', '{"lazy":["a",5]}', '{"record":["a"]}', '{"record":["a",[["b"]]]}', '{"cycle":"x"}',
        '{"cycle":1e999}', '{"cycle":null}', "[" * 100_000, "[" * 100_000 + "]" * 100_000,
        '{"tuple":[' * 50_000, '{"tuple":[' * 5_000 + "]}" * 5_000, "9" * 5_000, '"\\ud800', "\ud800", "\ufeff1",
    ],
    ids=lambda text: ascii(text[:30]),
)  # fmt: skip
def test_no_value_is_read_from_these(text: str) -> None:
    for read in (decode_value, normalise, canonical):
        with pytest.raises(ValueError):  # noqa: PT011 - json's own words are as good
            read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e999", math.inf), ('{"int":"1","int":"0x2"}', 2), ('{"dict":[[1,2],[1,3]]}', {1: 3}), ("-0.0", 0.0)],
)
def test_odd_texts_have_one_value(text: str, value: object) -> None:
    assert decode_value(text) == value
    assert normalise(normalise(text)) == normalise(text)


def test_a_text_too_deep_to_be_ours_is_refused_by_normalise() -> None:
    text = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    with pytest.raises(ValueTooLargeError):
        normalise(text)


@pytest.mark.parametrize("form", ['{{"set":[{}]}}', '{{"frozenset":[{}]}}', '{{"dict":[{}]}}'])
def test_values_made_to_collide_are_refused(form: str) -> None:
    # Multiples of 2**61 - 1 all have the hash 0: a set of n of them takes n * n / 2 steps to build.
    ints = [json.dumps({"int": hex(k * (2**61 - 1))}) for k in range(1, MAX_COLLISIONS + 2)]
    items = [f"[{text},0]" for text in ints] if "dict" in form else ints
    assert len(decode_value(form.format(",".join(items[:-1])))) == MAX_COLLISIONS
    with pytest.raises(ValueError, match="one hash"):
        decode_value(form.format(",".join(items)))
    with pytest.raises(ValueError, match="one hash"):
        to_set(k * (2**61 - 1) for k in range(1, MAX_COLLISIONS + 2))


def test_many_opaque_values_are_read_in_no_time() -> None:
    text = '{"set":[' + ",".join(['{"opaque":"Node"}'] * 20_000) + "]}"
    assert len(decode_value(text)) == 20_000  # by a hash of the name: 200 million comparisons


@pytest.mark.parametrize("name", ["crossed", "twins", "values"])
def test_what_is_shipped_into_sandboxes_is_python_3_9_and_standard_library_only(name: str) -> None:
    path = Path(pairsmith.schemas.values.__file__).with_name(f"{name}.py")
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    modules = {
        name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert {module.partition(".")[0] for module in modules if module} - {"pairsmith"} <= sys.stdlib_module_names
    ours = {module for module in modules if module and module.startswith("pairsmith")}
    assert ours <= {"pairsmith.schemas", "pairsmith.schemas.crossed"}


def test_what_runs_inside_needs_no_newer_python_than_3_9() -> None:
    newer = {"stdlib_module_names", "orig_argv", "aiter", "anext", "pairwise", "zip_strict"}  # since 3.10
    for path in sorted(Path(pairsmith.pipeline.sandbox.inside.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not used & newer, path.name
