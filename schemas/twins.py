"""Values of the standard library that cross a sandbox exactly: their parts go over, the same object comes back.

A twin is told by `type(value) is ...` and rebuilt by the reader's standard library, so its behaviour is
never the candidate's. This module is shipped into sandboxes as source: standard library only, Python 3.9 upwards.
"""

from __future__ import annotations

import array
import dataclasses
import datetime
import decimal
import fractions
import importlib
import pathlib
import sys
import types
import uuid
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, UserString, defaultdict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

_MAX_RATIO_BITS = 1 << 17  # of a Fraction's parts: their greatest common divisor is looked for on the host


class Value(NamedTuple):
    """An immutable twin: `parts` are constructor arguments, `make` takes them."""

    name: str
    kind: type
    parts: Callable[[Any], list[Any]]
    make: Callable[..., Any]


class Container(NamedTuple):
    """A mutable twin.

    Attributes:
        header: what it is made with, such as a deque's length.
        items: all else that it holds, flat; a dict's keys and values take turns.
        fill: makes of an object of this kind what such items say, in place.
    """

    name: str
    kind: type
    header: Callable[[Any], list[Any]]
    items: Callable[[Any], list[Any]]
    make: Callable[..., Any]
    fill: Callable[[Any, list[Any]], None]


def _fraction(numerator: int, denominator: int) -> fractions.Fraction:
    if max(numerator.bit_length(), denominator.bit_length()) > _MAX_RATIO_BITS:
        raise ValueError("a Fraction of too many bits")
    return fractions.Fraction(numerator, denominator)


def _timezone_parts(value: Any) -> list[Any]:
    offset, name = value.utcoffset(None), value.tzname(None)
    return [offset] if name == datetime.timezone(offset).tzname(None) else [offset, name]


def _datetime_parts(value: Any) -> list[Any]:
    day = [value.year, value.month, value.day] if isinstance(value, datetime.datetime) else []
    return [*day, value.hour, value.minute, value.second, value.microsecond, value.tzinfo, value.fold]


def _datetime(*parts: Any) -> Any:
    *rest, zone, fold = parts
    kind: Any = datetime.datetime if len(rest) == 7 else datetime.time
    return kind(*rest, tzinfo=zone, fold=fold)


def _value(kind: type, parts: Callable[[Any], list[Any]], make: Any = None) -> Value:
    return Value(kind.__name__, kind, parts, make or kind)


VALUES = (
    _value(decimal.Decimal, lambda value: [str(value)]),
    _value(fractions.Fraction, lambda value: [value.numerator, value.denominator], _fraction),
    _value(datetime.date, lambda value: [value.year, value.month, value.day]),
    _value(datetime.datetime, _datetime_parts, _datetime),
    _value(datetime.time, _datetime_parts, _datetime),
    _value(datetime.timedelta, lambda value: [value.days, value.seconds, value.microseconds]),
    _value(datetime.timezone, _timezone_parts),
    _value(uuid.UUID, lambda value: [str(value)]),
    _value(pathlib.PurePosixPath, lambda value: [str(value)]),
    _value(pathlib.PosixPath, lambda value: [str(value)]),
    _value(range, lambda value: [value.start, value.stop, value.step]),
    _value(slice, lambda value: [value.start, value.stop, value.step]),
    _value(UserString, lambda value: [value.data]),
    _value(type(Ellipsis), lambda value: []),
    _value(type(NotImplemented), lambda value: []),
)  # fmt: skip


def _flat(mapping: Any) -> list[Any]:
    return [part for pair in dict.items(mapping) for part in pair]


def _flat_ordered(mapping: Any) -> list[Any]:
    return [part for pair in OrderedDict.items(mapping) for part in pair]


def _fill_dict(value: Any, items: list[Any]) -> None:
    dict.clear(value)
    for key, part in zip(items[::2], items[1::2]):  # noqa: B905 (Python 3.9)
        dict.__setitem__(value, key, part)


def _fill_ordered(value: Any, items: list[Any]) -> None:
    value.clear()
    for key, part in zip(items[::2], items[1::2]):  # noqa: B905 (Python 3.9)
        value[key] = part


def _fill_list(value: Any, items: list[Any]) -> None:
    list.__setitem__(value, slice(None), items)


def _fill_bytes(value: Any, items: list[Any]) -> None:
    value[:] = items[0]


def _fill_deque(value: Any, items: list[Any]) -> None:
    value.clear()
    value.extend(items)


def _fill_set(value: Any, items: list[Any]) -> None:
    set.clear(value)
    set.update(value, items)


def _fill_array(value: Any, items: list[Any]) -> None:
    del value[:]
    value.frombytes(items[0])


def _default(factory: Any = None) -> Any:
    return defaultdict(factory if callable(factory) else None)


def _nothing(value: Any) -> list[Any]:
    return []


CONTAINERS = (
    Container("list", list, _nothing, list, list, _fill_list),
    Container("dict", dict, _nothing, _flat, dict, _fill_dict),
    Container("set", set, _nothing, list, set, _fill_set),
    Container("bytearray", bytearray, _nothing, lambda value: [bytes(value)], bytearray,
              _fill_bytes),
    Container("Counter", Counter, _nothing, _flat, Counter, _fill_dict),
    Container("OrderedDict", OrderedDict, _nothing, _flat_ordered, OrderedDict, _fill_ordered),
    Container("defaultdict", defaultdict, lambda value: [value.default_factory], _flat, _default, _fill_dict),
    Container("deque", deque, lambda value: [value.maxlen], list, lambda length: deque(maxlen=length),
              _fill_deque),
    Container("array", array.array, lambda value: [value.typecode], lambda value: [value.tobytes()], array.array,
              _fill_array),
    Container("UserList", UserList, _nothing, lambda value: list(value.data), UserList,
              lambda value, items: _fill_list(value.data, items)),
    Container("UserDict", UserDict, _nothing, lambda value: _flat(value.data), UserDict,
              lambda value, items: _fill_dict(value.data, items)),
    Container("ChainMap", ChainMap, _nothing, lambda value: list(value.maps), ChainMap,
              lambda value, items: _fill_list(value.maps, items)),
    Container("SimpleNamespace", types.SimpleNamespace, _nothing, lambda value: _flat(vars(value)),
              types.SimpleNamespace, lambda value, items: _fill_dict(vars(value), items)),
)  # fmt: skip

VALUE_OF = {twin.kind: twin for twin in VALUES}
VALUE_NAMED = {twin.name: twin for twin in VALUES}
CONTAINER_OF = {twin.kind: twin for twin in CONTAINERS}
CONTAINER_NAMED = {twin.name: twin for twin in CONTAINERS}


def has_plain_hash(kind: Any) -> bool:
    """Return whether a class is looked up as Python does, and not as its metaclass says."""
    meta: Any = type(kind)
    return meta.__hash__ is type.__hash__ and meta.__eq__ is type.__eq__


# Types of modules that few programs import, and how to read their parts.
_LATER: dict[str, dict[str, Callable[[Any], list[Any]]]] = {
    "ipaddress": {
        f"IPv{version}{what}": lambda value: [str(value)]
        for version in (4, 6)
        for what in ("Address", "Network", "Interface")
    },
    "zoneinfo": {"ZoneInfo": lambda value: [value.key]},
}
_LATER_NAMES = {name: module for module, kinds in _LATER.items() for name in kinds}


def know(module: str) -> bool:
    """Add a module's types to the tables, where it has been imported and has such types; return whether it has."""
    if module == "numpy":
        return know_numpy()
    loaded = sys.modules.get(module)
    if loaded is None or module not in tuple(_LATER):
        return False
    for name, parts in _LATER[module].items():
        twin = _value(getattr(loaded, name), parts)
        VALUE_OF[twin.kind] = VALUE_NAMED[name] = twin
    return True


def make_value(name: str, parts: list[Any]) -> Any:
    """Return the immutable twin of that name.

    Raises:
        ValueError: if there is none, or if it refuses these parts.
    """
    if name in _LATER_NAMES:
        importlib.import_module(_LATER_NAMES[name])
        know(_LATER_NAMES[name])
    twin = VALUE_NAMED.get(name)
    if twin is None:
        raise ValueError("no such twin")
    if twin.kind in (type(Ellipsis), type(NotImplemented)):
        return Ellipsis if twin.kind is type(Ellipsis) else NotImplemented
    try:
        return twin.make(*parts)
    except (TypeError, AttributeError, ArithmeticError, LookupError, OSError) as error:
        raise ValueError("not a " + name + ": " + type(error).__name__) from None


def know_numpy() -> bool:
    """Add numpy's arrays and scalars to the tables, where numpy has been imported; return whether it has."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or "ndarray" in CONTAINER_NAMED:
        return numpy is not None

    def make(dtype: str, shape: Any) -> Any:
        return numpy.zeros(tuple(shape), numpy.dtype(dtype))

    def fill(value: Any, items: list[Any]) -> None:
        if value.dtype.hasobject:
            for index, item in enumerate(items):
                value.flat[index] = item
            return
        value[...] = numpy.frombuffer(items[0], value.dtype).reshape(value.shape)

    array_twin = Container(
        "ndarray",
        numpy.ndarray,
        lambda value: [value.dtype.str if value.dtype.names is None else value.dtype.descr, tuple(value.shape)],
        lambda value: list(value.flat) if value.dtype.hasobject else [value.tobytes()],
        make,
        fill,
    )
    CONTAINER_OF[numpy.ndarray] = CONTAINER_NAMED["ndarray"] = array_twin
    for kind in {numpy.dtype(code).type for code in "?bhilqBHILQefdFD"}:
        twin = Value("numpy." + kind.__name__, kind, lambda value: [value.item()], kind)
        VALUE_OF[kind] = VALUE_NAMED[twin.name] = twin
    return True


# Built-in types, and how to read the value of an object of a subclass past the subclass.
_NATIVE: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (str, lambda text: str.__getitem__(text, slice(None))),
    (bytes, lambda data: bytes.__getitem__(data, slice(None))),
    (tuple, lambda items: tuple(tuple.__iter__(items))),
    (frozenset, lambda items: frozenset(frozenset.__iter__(items))),
    (set, lambda items: set(set.__iter__(items))),
    (list, lambda items: list(list.__iter__(items))),
    (dict, lambda items: dict(dict.items(items))),
)
# What a subclass must keep to be, for Python's `==` and the wrappers of tests, the value that it holds.
COMPARED = (
    "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__len__", "__iter__", "__getitem__",
    "__contains__", "__bool__",
)  # fmt: skip
KEPT = (*COMPARED, "__abs__", "__float__", "__int__", "__index__", "__add__", "__radd__", "__sub__", "__rsub__")


def found(kind: Any, name: str) -> Any:
    """Return what a class has under a name, looked up as operators do: past its metaclass."""
    return next((base.__dict__[name] for base in type.mro(kind) if name in base.__dict__), None)


def native_base(kind: Any, kept_names: tuple[str, ...] = KEPT) -> tuple[type, Callable[[Any], Any]] | None:
    """Return the built-in type that a class derives from and keeps these methods of, and how to read its value."""
    for base, read in _NATIVE:
        if issubclass(kind, base):
            kept = all(found(kind, name) is found(base, name) for name in kept_names)
            return (base, read) if kept else None
    return None


def named_fields(kind: Any) -> list[str] | None:
    """Return the fields of a dataclass without own equality or of a true named tuple; None for other classes."""
    if dataclasses.is_dataclass(kind):
        equality: Any = getattr(kind.__eq__, "__code__", None)
        made = kind.__eq__ is object.__eq__ or (equality is not None and equality.co_filename != "<solution>")
        return [field.name for field in dataclasses.fields(kind)] if made else None
    names = kind.__dict__.get("_fields")
    if kind.__bases__ != (tuple,) or type(names) is not tuple:
        return None
    getters = [type(kind.__dict__.get(name)).__name__ for name in names]
    return list(names) if all(getter == "_tuplegetter" for getter in getters) else None
