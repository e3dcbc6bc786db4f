"""Stand-ins for objects of the other side, and for their classes.

A class of the other side becomes a class here with its name, its bases and those operators that it has, so that
`isinstance`, `len`, `for` and `with` find what they would find there. Enums, true named tuples and plain
dataclasses become real ones: what they compare and hash is this side's own code. Subclasses of built-in types
that keep their equality become subclasses of them here. Every other operator, call and attribute is a request to
the other side.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import sys
import types
from collections.abc import Callable
from typing import Any

from pairsmith.pipeline.sandbox.inside import layouts
from pairsmith.pipeline.sandbox.inside.coroutines import coroutine_of
from pairsmith.pipeline.sandbox.inside.describing import ENUMS, LOOKS, OPEN, RECORD_OPTIONS
from pairsmith.pipeline.sandbox.inside.metas import Meta, RecordMeta
from pairsmith.pipeline.sandbox.inside.methods import Method, forwarding
from pairsmith.pipeline.sandbox.inside.remote import (
    COMPARISONS,
    OPERATORS,
    Attributes,
    Remote,
)

_NEVER_LOOKS = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, type)


def _looked_up(looks: str) -> Any:
    if looks in LOOKS:
        return LOOKS[looks]
    module, _, name = looks.partition(":")
    found: Any = getattr(sys.modules.get(module), name, None) if layouts.is_standard(module) else None
    return found if isinstance(found, type) and found not in _NEVER_LOOKS else None


def make_class(parts: list[Any], peer: Any, register: Callable[[type], None], is_stand_in: bool) -> None:
    """Make the stand-in of a class from its description.

    Args:
        is_stand_in: whether it is for objects; else a class of the standard library is this side's own.

    Raises:
        ValueError: if it is none.
    """
    name, base_trees, operators, methods, style, looks, abstract, meta = parts
    _check_names(methods, style)
    own: Any = _looked_up(looks)
    if own is not None and not is_stand_in and own.__name__ == name:
        register(own)
        return
    made: Any
    if style[0] == "enum":
        members = [(str(member), peer.value(value)) for member, value in style[3]]
        base, mixin = getattr(enum, style[1] if style[1] in ENUMS else "Enum"), peer.value(style[2])
        made = base(name, members, module="solution", **({"type": mixin} if isinstance(mixin, type) else {}))
    elif style[0] == "named":
        defaults = [peer.value(value) for value in style[2]]
        make: Any = collections.namedtuple
        made = make(name, style[1], defaults=defaults, module="solution")
        for constant, value in style[3]:
            type.__setattr__(made, str(constant), peer.value(value))
    elif style[0] == "meta":
        metas = tuple(peer.value(base) for base in base_trees) or (Meta,)
        made = type.__new__(Meta, name, metas, {"__module__": "solution", "__qualname__": name, "__peer__": peer})
    else:
        bases = [peer.value(base) for base in base_trees]
        if peer.is_test and any(peer.is_own(peer.number_of(base) or 1) for base in bases):
            raise ValueError("a base of the tests' own")  # nobody derives from one: see `Meta.__derive__`
        made = _plain_class(name, bases, style, looks, peer, peer.value(meta))
    if peer.is_test and type(sys.modules.get("solution")) is types.ModuleType:
        vars(sys.modules["solution"]).setdefault(name, made)  # where a pickle looks for it
    register(made)
    set_on = type.__setattr__
    if style[0] == "plain" and "__slots__" in vars(made):
        type.__delattr__(made, "__slots__")
    if style[0] == "plain" and style[2] is not None:
        set_on(made, "__slots__", peer.value(style[2]))
    for operator_name in operators:
        bare = operator_name.lstrip("-")
        if bare not in OPERATORS:
            raise ValueError("no such operator")
        set_on(made, bare, None if bare != operator_name else _operator(bare, peer))
    for method in methods:
        if method.startswith("@"):
            set_on(made, method[1:], classmethod(forwarding(method[1:], peer)))
        elif method in OPEN or not (hasattr(Remote, method) or (style[0] == "meta" and hasattr(type, method))):
            set_on(made, str(method), Method(str(method), made, peer))
    if style[0] != "plain":
        set_on(made, "__getattr__", lambda self, attribute: _attribute_of(self, attribute, peer))
    if style[0] == "record":
        options = {name: bool(style[2][name]) for name in RECORD_OPTIONS}
        if style[2]["slots"] and not options["frozen"]:
            set_on(made, "__setattr__", _set_slot)
        dataclasses.dataclass(init=not style[2]["made_there"], **options)(made)
        for field, _, _, hint, *_ in style[1]:
            made.__dataclass_fields__[field].type = peer.value(hint)
        set_on(made, "__annotations__", {str(key): peer.value(hint) for key, hint in style[2]["annotations"]})
        if style[2]["made_there"] or not all(field[-1] for field in style[1]):
            set_on(made, "__eq__", _counted_equality(made, made.__eq__, peer))
        peer.shared.add(made)
    layouts.count_as(made, *abstract)


def _check_names(methods: list[str], style: list[Any]) -> None:
    """Raise ValueError if a name would be an operator's: those are asked for, and what they say is counted."""
    bare = [name for name in methods if name not in ("@_missing_", *OPEN)]
    bare += [name for name, _ in style[3]] if style[0] == "named" else []
    inner = style[3] if style[0] == "enum" else style[1] if style[0] == "record" else []
    if any(name.lstrip("@").startswith("_") for name in bare) or any(name.startswith("__") for name, *_ in inner):
        raise ValueError("no such name")
    if style[0] == "record" and not all(type(name) is str and name.isidentifier() for name, *_ in inner):
        raise ValueError("no name of a field")  # `dataclass` makes code of it


def _plain_class(name: str, bases: list[Any], style: list[Any], looks: str, peer: Any, written: Any) -> Any:
    namespace: dict[str, Any] = {"__module__": "solution", "__qualname__": name, "__peer__": peer}
    as_what = _looked_up(looks)
    if as_what is not None:
        namespace["__class__"] = property(lambda self: as_what)
    if style[0] == "plain":
        namespace["__doc__"] = _Asked("__doc__", peer)
    if as_what in (types.FunctionType, types.MethodType):
        namespace["__annotations__"] = _asked("__annotations__", peer)
        namespace["__module__"] = _Module("solution")
    meta: Any = Meta
    if style[0] == "record":
        if not all(isinstance(base, Meta) for base in bases):
            raise ValueError("no base of a dataclass")
        meta = RecordMeta
        namespace["__doc__"] = style[2]["doc"]
        namespace["__annotations__"] = {field: object for field, *_ in style[1]}
        namespace["__field_names__"] = [field for field, *_ in style[1]]
        namespace["__made_there__"] = bool(style[2]["made_there"])
        for field, is_given, value, _, is_shown, is_named, is_taken, is_compared in style[1]:
            options: dict[str, Any] = {"default": peer.value(value)} if is_given else {}
            if not is_given and value is not None:
                options = {"default_factory": peer.value(value)}
            if is_named and sys.version_info >= (3, 10):
                options["kw_only"] = True
            options.update(repr=bool(is_shown), init=bool(is_taken), compare=bool(is_compared))
            namespace[field] = dataclasses.field(**options)
    elif not any(issubclass(base, Remote) for base in bases):
        bases = [Remote, *bases]
    known = tuple(dict.fromkeys(type(base) for base in bases if type(base) not in (Meta, type)))
    if isinstance(written, type) and issubclass(written, Meta) and style[0] == "plain":
        meta = written
    elif len(known) == 1:
        meta = known[0]
    if style[0] == "plain" and all(base is Remote or not base.__dictoffset__ for base in bases):
        namespace["__slots__"] = ("__weakref__",) if bases == [Remote] else ()
        if style[1]:
            namespace["__dict__"] = _asked("__dict__", peer) if peer.is_test else property(Attributes)
    try:
        return type.__new__(meta, name, tuple(bases), namespace)
    except TypeError:  # bases that do not go together here
        return type.__new__(meta, name, (Remote,), namespace)


def _counted_equality(kind: Any, equality: Callable[[Any, Any], Any], peer: Any) -> Callable[[Any, Any], Any]:
    """Return the equality of a dataclass that leaves out fields, or whose own code saw what the tests made."""
    left_out = [field.name for field in dataclasses.fields(kind) if not field.compare]

    def compare(self: Any, other: Any) -> Any:
        is_equal = equality(self, other)
        if is_equal is True:
            peer.own["__eq__"] += not all(getattr(self, name) == getattr(other, name) for name in left_out)
        if type(self).__dict__.get("__is_made_by_tests__", False):
            peer.own["__eq__"] += not (peer.guard.is_as_made(self) and peer.guard.is_as_made(other))
        return is_equal

    return compare


def _set_slot(self: Any, name: str, value: Any) -> None:
    """Set an attribute of a dataclass with slots."""
    if name not in type(self).__dataclass_fields__:
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
    object.__setattr__(self, name, value)


def _asked(name: str, peer: Any) -> property:
    """Return the property of a stand-in that asks the other side."""
    return property(lambda self: peer.request("get", self, name))


class _Asked:
    """An attribute of a stand-in and of its class, for which the other side is asked."""

    def __init__(self, name: str, peer: Any) -> None:
        self._name, self._peer = name, peer

    def __get__(self, value: Any, owner: Any) -> Any:
        return self._peer.request("get", owner if value is None else value, self._name)


class _Module(str):
    """The module of a stand-in's class; for an object the other side is asked."""

    __slots__ = ()

    def __get__(self, value: Any, owner: Any) -> Any:
        return self if value is None else value.__peer__.request("get", value, "__module__")


def make_object(kind: str, mirror: Any, parts: list[Any], peer: Any) -> Any:
    """Return the stand-in of an object.

    Raises:
        ValueError: if its class does not fit.
    """
    if not isinstance(mirror, type):
        raise ValueError("no class")
    if kind == "obj" and (mirror in peer.shared or mirror in peer.setup.values() or layouts.is_record(mirror)):
        return object.__new__(mirror)
    if kind == "exc" and issubclass(mirror, BaseException):
        arguments = tuple(peer.value(part) for part in parts[0])
        made = mirror.__new__(mirror, *arguments)
        BaseException.__setattr__(made, "args", arguments)
        layouts.set_error_chain(made, *[peer.value(part) for part in parts[1]])
        if isinstance(made, (SystemExit, StopIteration)) or not layouts.is_heap(mirror):
            made.__init__(*arguments)  # type: ignore[misc]
        for name, tree in parts[2]:
            BaseException.__setattr__(made, str(name), peer.value(tree))
        return made
    if kind == "sub" and isinstance(parts[0], list) and issubclass(mirror, (list, dict, set)):
        return mirror.__new__(mirror)  # type: ignore[type-var]
    if kind == "sub" and not isinstance(parts[0], list):
        value = peer.value(parts[0])
        base = type(value)
        if base in (int, float, str, bytes, tuple, frozenset) and issubclass(mirror, base):
            return base.__new__(mirror, value)
    if kind == "own" and issubclass(mirror, Remote):
        stand_in = object.__new__(mirror)
        return coroutine_of(peer) if isinstance(stand_in, types.CoroutineType) else stand_in
    raise ValueError("an object of another class than it says")


def _operator(name: str, peer: Any) -> Callable[..., Any]:
    if name == "__call__":
        return lambda self, /, *arguments, **options: peer.request("call", self, list(arguments), options)
    if name == "__await__":
        return lambda self: _awaited(self, peer).__await__()
    if name in COMPARISONS:
        return lambda self, other: peer.compare(name, self, other)
    if name == "__next__":
        return lambda self: peer.next_of(self)
    return lambda self, *rest: peer.request("op", name, [self, *rest])


async def _awaited(value: Any, peer: Any) -> Any:
    return peer.request("await", value)


def _attribute_of(value: Any, name: str, peer: Any) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return peer.request("get", value, name)
