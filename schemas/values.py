"""Portable text form of the values that enter and leave a sandbox.

One value has one text: JSON without spaces, in ASCII, sets sorted, dicts in their own order, since programs see
that order. `canonical` sorts the dicts too: equal values, equal canonical texts, to be digested. Whatever JSON
lacks is an object with one key:

    {"int": "-0x..."}      an int beyond 2**53        {"bytes": "00ff"}       bytes, as hex
    {"float": "nan"}       nan, inf, -inf             {"complex": [re, im]}   complex
    {"tuple": [...]}       tuple                      {"set": [...]}          set; likewise "frozenset"
    {"dict": [[k, v]...]}  dict, in its order         {"record": [name, [[field, v]...]]}  dataclass
    {"namedtuple": [name, [[field, v]...]]}  named tuple
    {"lazy": [kind, [...]]}  generator, iterator, view: materialised, bounded
    {"std": [name, [...], [...]]}  a twin of the standard library (`schemas.twins`): header and items
    {"viewed": [view, v]}  what `list`, `len`, ... gave for an object of the program's own class
    {"array": [dtype, [...], [...]]}  numpy's array: shape and items, row by row; its scalars are numbers
    {"type": name}         a built-in type such as int: an argument, as in `remove_all(xs, str)`
    {"cycle": n}           the value n levels up      {"opaque": name}        anything else: equals nothing
    {"own": name}          likewise, but its class has an `__eq__` of its own, which nobody here can ask

The types are told by `type(value) is ...`. An object of a subclass of a built-in type that keeps its equality,
order and length is the value that it is for Python's `==`; one that changes them is "own". This module is
shipped into sandboxes as source: standard library only, Python 3.9 upwards.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from pairsmith.schemas import twins
from pairsmith.schemas.crossed import Array, Cycle, Lazy, Opaque, Record, Viewed

__all__ = [
    "BUILTIN_TYPES", "JSON_INT", "MAX_COLLISIONS", "MAX_DEPTH", "MAX_INT_BITS", "MAX_NODES", "NO_SCALAR", "Array",
    "Cycle", "Lazy", "Opaque", "Record", "ValueTooLargeError", "Viewed", "canonical", "decode_value",
    "encode_arguments", "encode_scalar", "encode_value", "normalise", "refuse_collisions", "to_set", "value_twin",
]  # fmt: skip
MAX_DEPTH = 100
MAX_NODES = 1_000_000
MAX_INT_BITS = 1 << 22  # 4 million bits: 1.2 million decimal digits, one MiB of hex
JSON_INT = 1 << 53  # beyond it other languages' JSON readers lose digits
MAX_COLLISIONS = 100  # of one hash in a set or dict; 150,000 ints made to collide would take a host minutes

BUILTIN_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, object)
}
_TYPE_NAMES = {kind: name for name, kind in BUILTIN_TYPES.items()}
_VIEWS: tuple[Any, ...] = (type({}.keys()), type({}.values()), type({}.items()))
_LAZY: tuple[Any, ...] = (
    map, filter, zip, enumerate, reversed, *_VIEWS,
    type(iter([])), type(iter(())), type(iter("")), type(iter("\u00e9")), type(iter(set())), type(iter(b"")),
    type(iter({})), type(iter({}.values())), type(iter({}.items())), type(reversed({})),
    type(reversed([])), type(iter(deque())), type(iter(range(0))), type(iter(range(1 << 70))), type(_ for _ in ()),
    *(kind for kind in vars(itertools).values() if isinstance(kind, type) and hasattr(kind, "__next__")),
)  # fmt: skip


class ValueTooLargeError(ValueError):
    """A value is nested too deep, has too many parts or an int of too many bits to leave the sandbox."""


class _State:
    """What one encoding has left and is asked for."""

    __slots__ = ("n_left", "sorts_dicts")

    def __init__(self, n_left: int, sorts_dicts: bool) -> None:
        self.n_left, self.sorts_dicts = n_left, sorts_dicts


def encode_value(value: object, max_nodes: int = MAX_NODES) -> str:
    """Return the text of a value.

    Args:
        value: any Python object; those that can't cross over become `{"opaque": type name}`.
        max_nodes: parts that the value may have, itself included; bounds endless generators too.

    Raises:
        ValueTooLargeError: over `max_nodes` parts, MAX_DEPTH levels or MAX_INT_BITS bits.
    """
    return _dump(_encode(value, _State(max_nodes, sorts_dicts=False), ()))


def encode_arguments(arguments: Iterable[object]) -> str:
    """Return the text of a call's positional arguments, as one list value."""
    return encode_value(list(arguments))


def decode_value(text: str) -> Any:
    """Return the value of a text; the inverse of `encode_value` for everything but opaque values.

    Raises:
        ValueError: if the text is not such a text (hostile text included).
    """
    try:
        return _decode(json.loads(text, parse_constant=_refuse))
    except ValueError:
        raise
    except (TypeError, KeyError, IndexError, RecursionError, OverflowError) as error:
        raise ValueError("not an encoded value: " + type(error).__name__) from None


def normalise(text: str) -> str:
    """Return the text that this module would give for the value of `text`: sandboxes are not trusted to sort.

    Raises:
        ValueError: if the text is not an encoded value.
    """
    return encode_value(decode_value(text))


def canonical(text: str) -> str:
    """Return the one text of all values that are equal to that of `text`, dicts sorted by the text of their keys.

    Equal means of equal types too: 1, 1.0 and True keep texts of their own. Opaque values keep their text.

    Raises:
        ValueError: if the text is not an encoded value.
    """
    return _dump(_encode(decode_value(text), _State(MAX_NODES, sorts_dicts=True), ()))


def to_set(items: Iterable[Any]) -> set[Any]:
    """Return the set of items that come from a sandbox.

    Raises:
        ValueError: if more than MAX_COLLISIONS of them have one hash.
        TypeError: if one can't be in a set.
    """
    known = list(items)
    refuse_collisions(known)
    return set(known)


def refuse_collisions(items: list[Any]) -> None:
    """Check that few items have one hash, so that a set or dict of them costs no minutes.

    Raises:
        ValueError: if more than MAX_COLLISIONS have.
        TypeError: if one has none.
    """
    counts = Counter(map(hash, items))
    if counts and max(counts.values()) > MAX_COLLISIONS:
        raise ValueError("too many values of one hash")


def _dump(tree: object) -> str:
    return json.dumps(tree, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def _refuse(name: str) -> None:
    raise ValueError("bare " + name)


NO_SCALAR: Any = object()


def encode_scalar(value: Any, kind: Any) -> Any:
    """Return the tree of a value without parts of its own; NO_SCALAR for all others.

    Raises:
        ValueTooLargeError: for an int of more than MAX_INT_BITS bits.
    """
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        if -JSON_INT <= value <= JSON_INT:
            return value
        if value.bit_length() > MAX_INT_BITS:
            raise ValueTooLargeError(f"an int of more than {MAX_INT_BITS} bits")
        return {"int": hex(value)}
    if kind is float:
        return value if value - value == 0.0 else {"float": repr(value)}
    if kind is complex:
        return {"complex": [encode_scalar(value.real, float), encode_scalar(value.imag, float)]}
    if kind is bytes:
        return {"bytes": value.hex()}
    if kind is type and value in _TYPE_NAMES:
        return {"type": _TYPE_NAMES[value]}
    return NO_SCALAR


def value_twin(kind: Any) -> twins.Value | None:
    """Return the immutable twin of a type, if it is one; numpy's scalars are where numpy is."""
    if not twins.has_plain_hash(kind):
        return None
    known = twins.VALUE_OF.get(kind)
    if known is None and kind.__module__ in ("numpy", "ipaddress", "zoneinfo") and twins.know(kind.__module__):
        known = twins.VALUE_OF.get(kind)
    return known


def _encode(value: Any, state: _State, above: tuple[Any, ...]) -> Any:
    state.n_left -= 1
    if state.n_left < 0:
        raise ValueTooLargeError("a value of too many parts")
    kind = type(value)
    plain = encode_scalar(value, kind)
    if plain is not NO_SCALAR:
        return plain
    if kind is bytearray:
        return {"bytes": value.hex()}
    known = value_twin(kind)
    if known is not None:
        return {"std": [known.name, [_encode(part, state, above) for part in known.parts(value)]]}
    return _encode_container(value, kind, state, above)


def _encode_container(value: Any, kind: Any, state: _State, above: tuple[Any, ...]) -> Any:
    for level, container in enumerate(reversed(above)):
        if container is value:
            return {"cycle": level + 1}
    if len(above) >= MAX_DEPTH:
        raise ValueTooLargeError(f"a value nested deeper than {MAX_DEPTH}")
    inner = (*above, value)

    def encode_all(items: Iterable[Any]) -> list[Any]:
        return [_encode(item, state, inner) for item in items]

    if kind is list:
        return encode_all(value)
    if kind is tuple:
        return {"tuple": encode_all(value)}
    if kind is set or kind is frozenset:
        return {kind.__name__: sorted(encode_all(value), key=_dump)}
    if kind is dict:
        pairs = [encode_all(pair) for pair in dict.items(value)]
        return {"dict": sorted(pairs, key=lambda pair: _dump(pair[0])) if state.sorts_dicts else pairs}
    twin = twins.CONTAINER_OF.get(kind) if twins.has_plain_hash(kind) else None
    if twin is not None and twin.name == "ndarray":
        return {"array": [value.dtype.str, list(value.shape), encode_all(value.ravel().tolist())]}
    if twin is not None:
        return {"std": [twin.name, encode_all(twin.header(value)), encode_all(twin.items(value))]}
    if any(kind is known for known in _LAZY):
        return {"lazy": [kind.__name__, encode_all(value)]}
    if kind is Record:
        fields = [[name, _encode(part, state, inner)] for name, part in value.fields]
        return {"namedtuple" if value.is_tuple else "record": [value.name, fields]}
    if kind is Lazy:
        return {"lazy": [value.kind, encode_all(value.items)]}
    if kind is Array:
        return {"array": [value.dtype, list(value.shape), encode_all(value.items)]}
    if kind is Cycle:
        return {"cycle": value.levels}
    if kind is Viewed:
        return {"viewed": [value.view, _encode(value.value, state, inner)]}
    if kind is Opaque:
        return {"own" if value.has_equality else "opaque": value.name}
    read = object.__getattribute__
    names = twins.named_fields(kind)
    if names is not None:
        tag = "namedtuple" if issubclass(kind, tuple) else "record"
        parts = tuple(value) if issubclass(kind, tuple) else [read(value, name) for name in names]
        named = [[name, _encode(part, state, inner)] for name, part in zip(names, parts)]  # noqa: B905
        return {tag: [kind.__name__, named]}
    base = twins.native_base(kind)
    if base is not None:
        return _encode(base[1](value), state, above)
    name = str(kind.__name__)[:100]
    is_own = type(twins.found(kind, "__eq__")) is not type(object.__eq__)
    return {"own" if is_own else "opaque": name}


def _decode(tree: Any) -> Any:
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    if isinstance(tree, list):
        return [_decode(item) for item in tree]
    if len(tree) != 1:
        raise ValueError(f"not an encoded value: an object with {len(tree)} keys")
    ((tag, body),) = tree.items()
    decode = _DECODERS.get(tag)
    if decode is None:
        raise ValueError("not an encoded value: unknown tag " + repr(tag)[:40])
    return decode(body)


def _decode_int(body: str) -> int:
    value = int(body, 16)
    if value.bit_length() > MAX_INT_BITS:
        raise ValueError("an int of too many bits")
    return value


def _decode_set(body: Any) -> set[Any]:
    return to_set([_decode(item) for item in body])


def _decode_dict(body: Any) -> dict[Any, Any]:
    pairs = [(_decode(key), _decode(value)) for key, value in body]
    refuse_collisions([key for key, _ in pairs])
    return dict(pairs)


def _decode_record(body: Any, is_tuple: bool = False) -> Record:
    name, fields = body
    return Record(str(name), tuple((str(field), _decode(part)) for field, part in fields), is_tuple)


def _decode_array(dtype: str, shape: list[int], items: list[Any]) -> Array:
    if (
        not all(type(n) is int and n >= 0 for n in shape)
        or math.prod(shape) != len(items)
        or len(shape) > MAX_DEPTH
    ):
        raise ValueError("an array whose items do not fill its shape")
    return Array(str(dtype), tuple(shape), tuple(_decode(item) for item in items))


def _decode_twin(name: str, header: Any, items: Any = None) -> Any:
    parts = [_decode(part) for part in header]
    if name.startswith("numpy."):
        return parts[0]  # a number: the host need not have numpy
    if items is None:
        return twins.make_value(name, parts)
    twin = twins.CONTAINER_NAMED[name]
    inner = [_decode(item) for item in items]
    if name in ("Counter", "OrderedDict", "defaultdict", "UserDict"):
        refuse_collisions(inner[::2])
    value = twin.make(*parts)
    twin.fill(value, inner)
    return value


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "int": _decode_int,
    "float": lambda body: {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}[body],
    "complex": lambda body: complex(_decode(body[0]), _decode(body[1])),
    "bytes": bytes.fromhex,
    "tuple": lambda body: tuple(_decode(item) for item in body),
    "set": _decode_set,
    "frozenset": lambda body: frozenset(_decode_set(body)),
    "dict": _decode_dict,
    "lazy": lambda body: Lazy(str(body[0]), tuple(_decode(item) for item in body[1])),
    "array": lambda body: _decode_array(*body),
    "record": _decode_record,
    "namedtuple": lambda body: _decode_record(body, is_tuple=True),
    "std": lambda body: _decode_twin(*body),
    "viewed": lambda body: Viewed(str(body[0]), _decode(body[1])),
    "type": lambda body: BUILTIN_TYPES[body],
    "cycle": lambda body: Cycle(int(body)),
    "opaque": lambda body: Opaque(str(body)),
    "own": lambda body: Opaque(str(body), has_equality=True),
}
