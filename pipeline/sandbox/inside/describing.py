"""Describes a class of this side for the other one, which makes a stand-in of it (`mirrors`)."""

from __future__ import annotations

import dataclasses
import enum
import types
from typing import Any

from pairsmith.pipeline.sandbox.inside import layouts
from pairsmith.pipeline.sandbox.inside.remote import OPERATORS
from pairsmith.schemas import twins

LOOKS: dict[str, Any] = {
    str(kind.__name__): kind
    for kind in (types.FunctionType, types.GeneratorType, types.MethodType, types.BuiltinFunctionType,
                 types.CoroutineType)
}  # fmt: skip
RECORD_OPTIONS = ("eq", "order", "frozen", "unsafe_hash", "repr")
OPEN = ("__init__", "__instancecheck__", "__subclasscheck__")  # special methods that tests may call as others
ENUMS = ("StrEnum", "IntFlag", "Flag", "IntEnum", "Enum")


def describe(kind: Any, peer: Any) -> list[Any]:
    """Return what the other side needs for the stand-in of a class, as `make_class` takes it."""
    style = _style(kind, peer)
    native = twins.native_base(kind, twins.COMPARED)
    is_error = issubclass(kind, BaseException)
    built_in = [base for base in type.mro(kind)[1:] if not layouts.is_heap(base) and base is not object]
    loses_base = bool(built_in) and native is None and not is_error and style[0] != "meta"
    bases = [] if loses_base else [base for base in kind.__bases__ if base not in (object, type)]
    if not is_error:
        bases = [base for base in bases if not layouts.is_library(base)]
    operators = []
    for name in OPERATORS:
        owner = next((base for base in type.mro(kind) if name in base.__dict__), object)
        is_plain = owner is object or (not loses_base and owner is not kind and not layouts.is_heap(owner))
        if is_plain or (style[0] != "plain" and not layouts.is_written(owner.__dict__[name])):
            continue
        operators.append(name if owner.__dict__[name] is not None else "-" + name)
    methods = sorted(
        {
            name
            for base in type.mro(kind)
            for name, value in base.__dict__.items()
            if base is not object
            and isinstance(name, str)
            and (not name.startswith("_") or name in _open_of(kind, style, base))
            and layouts.is_method(value)
            if base is kind or layouts.is_heap(base) or loses_base
        }
    )
    if style[0] in ("enum", "named"):
        methods += ["@" + name for name in layouts.class_methods(kind)]
    name = str(kind.__name__)[:100]
    looks = "" if native is not None or (is_error and layouts.is_written_class(kind)) else _looks(kind)
    abstract = layouts.abstract_parts(kind)
    meta = peer.tree(type(kind)) if layouts.is_written_class(type(kind)) and style[0] == "plain" else None
    return [name, [peer.tree(base) for base in bases], operators, methods, style, looks, abstract, meta]


def _open_of(kind: Any, style: list[Any], base: Any) -> tuple[str, ...]:
    """Return the special methods of a class or of one of its bases that tests may call as they call others."""
    if not layouts.is_written_class(base) or style[0] not in ("plain", "meta") or issubclass(kind, BaseException):
        return ()
    return OPEN[1:] if style[0] == "meta" else OPEN[:1]


def _style(kind: Any, peer: Any) -> list[Any]:
    if issubclass(kind, type):
        return ["meta"]
    if issubclass(kind, enum.Enum) and kind.__eq__ in (object.__eq__, int.__eq__, str.__eq__):
        base = next(name for name in ENUMS if hasattr(enum, name) and issubclass(kind, getattr(enum, name)))
        mixin = next((known for known in (int, str, float) if issubclass(kind, known)), None)
        members = [[name, peer.tree(member._value_)] for name, member in kind.__members__.items()]
        return ["enum", base, peer.tree(mixin) if base == "Enum" else None, members]
    if layouts.is_record(kind):
        fields = []
        for field in dataclasses.fields(kind):
            is_given = field.default is not dataclasses.MISSING
            made = None if field.default_factory is dataclasses.MISSING else peer.tree(field.default_factory)
            default = peer.tree(field.default) if is_given else made
            is_named = getattr(field, "kw_only", False)
            kind_of = peer.tree(field.type)
            options = [field.repr, is_named, field.init, field.compare]
            fields.append([field.name, is_given, default, kind_of, *options])
        known: dict[str, Any] = {name: bool(getattr(kind.__dataclass_params__, name)) for name in RECORD_OPTIONS}
        own = vars(kind).get("__annotations__", {})
        known["annotations"] = [[name, peer.tree(hint)] for name, hint in own.items()]
        known["doc"] = kind.__doc__ if type(kind.__doc__) is str else None
        known["slots"], known["made_there"] = not kind.__dictoffset__, layouts.has_own_init(kind)
        return ["record", fields, known]
    names = twins.named_fields(kind)
    if names is not None and issubclass(kind, tuple):
        defaults = [peer.tree(value) for value in kind._field_defaults.values()]
        constants = [
            [name, peer.tree(value)]
            for name, value in kind.__dict__.items()
            if not name.startswith("_") and not hasattr(value, "__get__")
        ]
        return ["named", names, defaults, constants]
    slots = kind.__dict__.get("__slots__", ())
    is_plain = type(slots) in (tuple, list, str) and all(type(name) is str for name in slots)
    return [
        "plain",
        bool(kind.__dictoffset__),
        peer.tree(slots) if "__slots__" in kind.__dict__ and is_plain else None,
    ]


def _looks(kind: Any) -> str:
    """Return by what name the other side finds the nearest class of the standard library; empty for none."""
    name = str(kind.__name__)
    if name.startswith("async_generator_a") and not layouts.is_heap(kind):
        return "coroutine"  # what its `__anext__` and others give to be awaited
    if name in LOOKS and LOOKS[name] is kind:
        return name
    known: list[Any] = [
        base
        for base in type.mro(kind)[:-1]
        if not layouts.is_heap(base) or (layouts.is_library(base) and (base is kind or type(base) is type))
    ]  # abstract ones: see `layouts.abstract_parts`
    return f"{known[0].__module__}:{known[0].__name__}" if known else ""
