"""Stand-ins for objects of the other side, and for their classes.

A class of the other side becomes a class here with its name, its bases and those operators that it has, so that
`isinstance`, `len`, `for` and `with` find what they would find there. Enums, true named tuples and plain
dataclasses become real ones: what they compare and hash is this side's own code. Subclasses of built-in types
that keep their equality become subclasses of them here. Every other operator, call and attribute is a request to
the other side.
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import enum
import math
import operator
import types
from collections.abc import Callable
from typing import Any

from pairsmith.schemas import twins

_BINARY = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "matmul", "lshift", "rshift", "and", "or", "xor",
)  # fmt: skip
COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")


def _swapped(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda right, left: function(left, right)


def _on_type(name: str) -> Callable[..., Any]:
    return lambda value, *rest: getattr(type(value), name)(value, *rest)


def _deepcopy(value: Any, memo: Any = None) -> Any:
    return copy.deepcopy(value)


OPERATORS: dict[str, Callable[..., Any]] = {
    **{f"__{name}__": getattr(operator, name.replace("and", "and_").replace("or", "or_").replace("xor_", "xor")
                              if name in ("and", "or") else name) for name in _BINARY},
    **{name: getattr(operator, name.strip("_")) for name in COMPARISONS},
    "__len__": len, "__iter__": iter, "__next__": next, "__getitem__": operator.getitem, "__reversed__": reversed,
    "__setitem__": operator.setitem, "__delitem__": operator.delitem, "__contains__": operator.contains,
    "__bool__": bool, "__str__": str, "__repr__": repr, "__format__": format, "__hash__": hash, "__bytes__": bytes,
    "__neg__": operator.neg, "__pos__": operator.pos, "__abs__": abs, "__invert__": operator.invert,
    "__int__": int, "__float__": float, "__complex__": complex, "__index__": operator.index, "__round__": round,
    "__trunc__": math.trunc, "__floor__": math.floor, "__ceil__": math.ceil, "__divmod__": divmod, "__pow__": pow,
    "__rpow__": _swapped(pow), "__rdivmod__": _swapped(divmod), "__ipow__": operator.ipow,
    "__enter__": _on_type("__enter__"), "__exit__": _on_type("__exit__"), "__call__": operator.call
    if hasattr(operator, "call") else lambda value, *rest: value(*rest),
}  # fmt: skip
for _name in _BINARY:
    OPERATORS[f"__r{_name}__"] = _swapped(OPERATORS[f"__{_name}__"])
    OPERATORS[f"__i{_name}__"] = getattr(operator, "i" + _name)
COPIES: dict[str, Callable[..., Any]] = {"__copy__": copy.copy, "__deepcopy__": _deepcopy}
_LOOKS: dict[str, Any] = {
    str(kind.__name__): kind
    for kind in (types.FunctionType, types.GeneratorType, types.MethodType, types.BuiltinFunctionType,
                 types.CoroutineType)
}  # fmt: skip
_ENUMS = ("StrEnum", "IntFlag", "Flag", "IntEnum", "Enum")
_SOURCES = ("<solution>", "<setup>", "<tests>")
_GENERATED = "<string>"  # where dataclasses compile their methods


class UnsupportedTestError(BaseException):
    """A test asks for what can't cross over: it shows nothing about the candidate."""


class Meta(type):
    """The class of stand-ins' classes."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        """Refuse: only this module makes such classes."""
        raise UnsupportedTestError("a class derived from one of the other side's")

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        """Make an object, over there."""
        return cls.__peer__.request("call", cls, list(arguments), options)

    def __getattr__(cls, name: str) -> Any:
        """Return an attribute of the class."""
        if name.startswith(("__", "_pytest", "pytest", "_partialmethod")) and name != "__annotations__":
            raise AttributeError(name)
        return cls.__peer__.request("get", cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        """Set an attribute of the class, over there."""
        if name.startswith("__"):
            type.__setattr__(cls, name, value)
        else:
            cls.__peer__.request("set", cls, name, value)

    def __getitem__(cls, key: Any) -> Any:
        """Return `cls[key]`, over there."""
        return cls.__peer__.request("op", "__getitem__", [cls, key])


class _RecordMeta(Meta):
    """The class of dataclasses that were made here: their objects are made here too."""

    __call__ = type.__call__


class Remote:
    """What all stand-ins have."""

    __slots__ = ()
    __peer__: Any

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the object."""
        if name.startswith(("__", "_pytest", "pytest")) and name not in (
            "__name__",
            "__doc__",
            "__qualname__",
            "__wrapped__",
        ):
            raise AttributeError(name)
        return self.__peer__.request("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute of the object, over there."""
        if name.startswith("__"):
            object.__setattr__(self, name, value)
        else:
            self.__peer__.request("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        """Delete an attribute of the object, over there."""
        self.__peer__.request("delete", self, name)

    def __copy__(self) -> Any:
        """Return a shallow copy, made over there."""
        return self.__peer__.request("op", "__copy__", [self])

    def __deepcopy__(self, memo: Any) -> Any:
        """Return a deep copy, made over there."""
        return self.__peer__.request("op", "__deepcopy__", [self])


def describe(kind: Any, peer: Any) -> list[Any]:
    """Return what the other side needs for the stand-in of a class, as `make_class` takes it."""
    style = _style(kind, peer)
    native = twins.native_base(kind)
    is_error = issubclass(kind, BaseException)
    built_in = [base for base in type.mro(kind)[1:] if not _is_heap(base) and base is not object]
    loses_base = bool(built_in) and native is None and not is_error
    bases = [] if loses_base else [base for base in kind.__bases__ if base is not object and not _is_library(base)]
    operators = []
    for name in OPERATORS:
        owner = next((base for base in type.mro(kind) if name in base.__dict__), object)
        is_plain = owner is object or (not loses_base and owner is not kind and not _is_heap(owner))
        if is_plain or (style[0] != "plain" and not _is_written(owner.__dict__[name])):
            continue
        operators.append(name if owner.__dict__[name] is not None else "-" + name)
    methods = sorted(
        {
            name
            for base in type.mro(kind)
            for name, value in base.__dict__.items()
            if base is not object and not name.startswith("_") and isinstance(name, str) and _is_method(value)
            if base is kind or _is_heap(base) or loses_base
        }
    )
    name = str(kind.__name__)[:100]
    looks = name if _LOOKS.get(name) is kind else ""
    return [name, [peer.tree(base) for base in bases], operators, methods, style, looks]


def _style(kind: Any, peer: Any) -> list[Any]:
    if issubclass(kind, enum.Enum) and kind.__eq__ in (object.__eq__, int.__eq__, str.__eq__):
        base = next(name for name in _ENUMS if hasattr(enum, name) and issubclass(kind, getattr(enum, name)))
        mixin = next((known for known in (int, str, float) if issubclass(kind, known)), None)
        members = [[name, peer.tree(member._value_)] for name, member in kind.__members__.items()]
        return ["enum", base, peer.tree(mixin) if base == "Enum" else None, members]
    if is_record(kind):
        fields = []
        for field in dataclasses.fields(kind):
            is_given = field.default is not dataclasses.MISSING
            made = None if field.default_factory is dataclasses.MISSING else peer.tree(field.default_factory)
            fields.append([field.name, is_given, peer.tree(field.default) if is_given else made])
        known = kind.__dataclass_params__
        return ["record", fields, [known.eq, known.order, known.frozen]]
    names = twins.named_fields(kind)
    if names is not None and issubclass(kind, tuple):
        defaults = [peer.tree(value) for value in kind._field_defaults.values()]
        return ["named", names, defaults]
    return ["plain"]


def make_class(parts: list[Any], peer: Any, register: Callable[[type], None]) -> None:
    """Make the stand-in of a class from its description.

    Raises:
        ValueError: if it is none.
    """
    name, base_trees, operators, methods, style, looks = parts
    made: Any
    if style[0] == "enum":
        members = [(str(member), peer.value(value)) for member, value in style[3]]
        base, mixin = getattr(enum, style[1] if style[1] in _ENUMS else "Enum"), peer.value(style[2])
        made = base(name, members, module="solution", **({"type": mixin} if isinstance(mixin, type) else {}))
    elif style[0] == "named":
        defaults = [peer.value(value) for value in style[2]]
        make: Any = collections.namedtuple
        made = make(name, style[1], defaults=defaults, module="solution")
    else:
        made = _plain_class(name, [peer.value(base) for base in base_trees], style, looks, peer)
    register(made)
    set_on = type.__setattr__
    for operator_name in operators:
        bare = operator_name.lstrip("-")
        if bare not in OPERATORS:
            raise ValueError("no such operator")
        set_on(made, bare, None if bare != operator_name else _operator(bare, peer))
    if "__len__" in operators and "__bool__" not in operators:
        set_on(made, "__bool__", _operator("__bool__", peer))
    for method in methods:
        if not hasattr(Remote, method):
            set_on(made, str(method), _method(method, peer))
    if style[0] in ("enum", "named"):
        set_on(made, "__getattr__", lambda self, attribute: _attribute_of(self, attribute, peer))
    if style[0] == "record":
        eq, order, frozen = style[2]
        dataclasses.dataclass(eq=bool(eq), order=bool(order), frozen=bool(frozen))(made)
        peer.shared.add(made)


def _plain_class(name: str, bases: list[Any], style: list[Any], looks: str, peer: Any) -> Any:
    namespace: dict[str, Any] = {"__module__": "solution", "__qualname__": name, "__peer__": peer}
    if looks in _LOOKS:
        namespace["__class__"] = property(lambda self: _LOOKS[looks])
    meta: Any = Meta
    if style[0] == "record":
        meta = _RecordMeta
        namespace["__annotations__"] = {field: object for field, _, _ in style[1]}
        for field, is_given, value in style[1]:
            if is_given:
                namespace[field] = peer.value(value)
            elif value is not None:
                namespace[field] = dataclasses.field(default_factory=peer.value(value))
    elif not any(issubclass(base, Remote) for base in bases):
        bases = [Remote, *bases]
    try:
        return type.__new__(meta, name, tuple(bases), namespace)
    except TypeError:  # bases that do not go together here
        return type.__new__(meta, name, (Remote,), namespace)


def make_object(kind: str, mirror: Any, parts: list[Any], peer: Any) -> Any:
    """Return the stand-in of an object.

    Raises:
        ValueError: if its class does not fit.
    """
    if not isinstance(mirror, type):
        raise ValueError("no class")
    if kind == "obj" and (mirror in peer.shared or mirror in peer.setup.values() or is_record(mirror)):
        return object.__new__(mirror)
    if kind == "exc" and issubclass(mirror, BaseException):
        arguments = tuple(peer.value(part) for part in parts[0])
        made = mirror.__new__(mirror, *arguments)
        made.args = arguments
        if isinstance(made, (SystemExit, StopIteration)):
            made.__init__(*arguments)  # type: ignore[misc]
        return made
    if kind == "sub" and isinstance(parts[0], list) and issubclass(mirror, (list, dict, set)):
        return mirror.__new__(mirror)  # type: ignore[type-var]
    if kind == "sub" and not isinstance(parts[0], list):
        value = peer.value(parts[0])
        base = type(value)
        if base in (int, float, str, bytes, tuple, frozenset) and issubclass(mirror, base):
            return base.__new__(mirror, value)
    if kind == "own" and issubclass(mirror, Remote):
        if mirror.__dict__.get("__class__") is not None and mirror.__name__ == "coroutine":
            return _coroutine(peer)
        return object.__new__(mirror)
    raise ValueError("an object of another class than it says")


def _coroutine(peer: Any) -> Any:
    holder: list[Any] = []

    async def run() -> Any:
        return peer.request("await", holder.pop())

    made = run()
    holder.append(made)
    return made


def _operator(name: str, peer: Any) -> Callable[..., Any]:
    if name == "__call__":
        return lambda self, *arguments, **options: peer.request("call", self, list(arguments), options)
    if name in COMPARISONS:
        return lambda self, other: peer.compare(name, self, other)
    if name == "__next__":
        return lambda self: peer.next_of(self)
    return lambda self, *rest: peer.request("op", name, [self, *rest])


def _method(name: str, peer: Any) -> Callable[..., Any]:
    def forward(self: Any, *arguments: Any, **options: Any) -> Any:
        return peer.request("method", self, name, list(arguments), options)

    forward.__name__ = name
    return forward


def _attribute_of(value: Any, name: str, peer: Any) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return peer.request("get", value, name)


def value_parts(value: Any) -> list[Any] | None:
    """Return the parts of an enum's member or of a true named tuple; None for all else."""
    if isinstance(value, enum.Enum):
        whole = isinstance(value, enum.Flag) or type(value._name_) is not str
        return [value._value_] if whole else [value._name_, None]
    if isinstance(value, tuple) and twins.named_fields(type(value)) is not None:
        return list(tuple.__iter__(value))
    return None


def make_named(kind: Any, parts: list[Any]) -> Any:
    """Return the member or named tuple that has these parts.

    Raises:
        ValueError: if the class has no such one.
    """
    if isinstance(kind, enum.EnumMeta):
        return kind(parts[0]) if len(parts) == 1 else kind[parts[0]]
    if isinstance(kind, type) and issubclass(kind, tuple):
        return tuple.__new__(kind, parts)
    raise ValueError("neither an enum nor a named tuple")


def is_record(kind: Any) -> bool:
    """Return whether a class is a dataclass whose methods Python made, so that its fields say all."""
    if not dataclasses.is_dataclass(kind) or not has_plain_layout(kind) or hasattr(kind, "__post_init__"):
        return False
    made = (twins.found(kind, "__init__"), twins.found(kind, "__eq__"))
    if any(getattr(getattr(one, "__code__", None), "co_filename", "") != _GENERATED for one in made):
        return False
    if any(_is_written(twins.found(kind, name)) for name in ("__getattr__", "__setattr__", "__getattribute__")):
        return False
    return all(
        field.init
        and field.compare
        and not getattr(field, "kw_only", False)
        and field.default_factory in (dataclasses.MISSING, list, dict, set)
        for field in dataclasses.fields(kind)
    ) and all(dataclasses.is_dataclass(base) for base in _classes_of(kind))


def _classes_of(kind: Any) -> list[Any]:
    """Return a class and its bases, without `object`."""
    return list(type.mro(kind))[:-1]


def has_plain_layout(kind: Any) -> bool:
    """Return whether objects of a class are nothing but their attributes."""
    return kind.__new__ is object.__new__ and all(
        type(base) in (type, _RecordMeta) and _is_heap(base) for base in _classes_of(kind)
    )


def state_of(value: Any) -> dict[str, Any]:
    """Return the attributes of an object of plain layout."""
    state = dict(getattr(value, "__dict__", {}))
    for name, slot in _slots_of(type(value)).items():
        try:
            state[name] = slot.__get__(value)
        except AttributeError:
            continue
    return state


def set_state(value: Any, state: dict[str, Any]) -> None:
    """Make these the attributes of an object of plain layout, and no others."""
    slots = _slots_of(type(value))
    for name in slots.keys() & state.keys():
        slots[name].__set__(value, state[name])
    if hasattr(value, "__dict__"):
        value.__dict__.clear()
        value.__dict__.update({name: part for name, part in state.items() if name not in slots})


def _slots_of(kind: Any) -> dict[str, Any]:
    kinds = types.MemberDescriptorType
    return {name: slot for base in type.mro(kind) for name, slot in base.__dict__.items() if type(slot) is kinds}


def _is_method(value: Any) -> bool:
    return isinstance(value, (types.FunctionType, types.MethodDescriptorType))


def _is_written(value: Any) -> bool:
    """Return whether a function stands in the source of a solution, a setup or a test."""
    code = getattr(value, "__code__", None)
    return code is not None and code.co_filename != _GENERATED and code.co_filename.startswith(("<", "/tmp"))


def _is_heap(kind: Any) -> bool:
    return bool(kind.__flags__ & 1 << 9)


def _is_library(kind: Any) -> bool:
    """Return whether a class that Python code made belongs to the standard library."""
    return _is_heap(kind) and kind.__module__ not in ("solution", "builtins", "__main__", "test_solution")
