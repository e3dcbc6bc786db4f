"""The classes of stand-ins' classes: what is asked of a class of the other side is asked there."""

from __future__ import annotations

import copyreg
import dataclasses
import sys
import types
from typing import Any

from pairsmith.pipeline.sandbox.inside.remote import OPERATORS, RefusedError, UnsupportedTestError, signature

_ASKED_OF_CLASSES = ("__annotations__", "__match_args__")
_LOOKING = ("tests", "test_solution", "inspect", "typing")  # modules whose code asks what a class is made of


def _ask(cls: Any, *body: Any) -> Any:
    """Ask for what a class over there has: an answer."""
    found = cls.__peer__.request(body[0], cls, *body[1:])
    cls.__peer__.was_reached = True
    return found


def _looked_at(name: str) -> Any:
    """Return the property of classes by which tests see what the class over there has, and all others this one."""
    plain: Any = type.__dict__[name].__get__ if name != "__class__" else type

    return property(lambda cls: _ask(cls, "get", name) if _is_asked(cls) else plain(cls))


def _is_asked(cls: Any) -> bool:
    """Return whether it is the tests' code that looks at a class, by what called the caller."""
    return sys._getframe(2).f_globals.get("__name__") in _LOOKING and cls.__peer__.is_test


class Meta(type):
    """The class of stand-ins' classes, and the base of the stand-ins of metaclasses."""

    __peer__: Any
    __mro__ = _looked_at("__mro__")
    __bases__ = _looked_at("__bases__")
    __base__ = _looked_at("__base__")
    __dict__ = _looked_at("__dict__")  # type: ignore[misc]
    __class__ = _looked_at("__class__")

    def mro(cls) -> list[type]:
        """Return what `__mro__` says, as a list."""
        found: list[type] = _ask(cls, "method", "mro", [], {}) if _is_asked(cls) else type.mro(cls)
        return found

    def __subclasses__(cls) -> list[Any]:
        """Return the classes that are derived from it at once, over there."""
        is_asked = sys._getframe(1).f_globals.get("__name__") in _LOOKING and cls.__peer__.is_test
        found: list[Any] = _ask(cls, "method", "__subclasses__", [], {}) if is_asked else type.__subclasses__(cls)
        return found

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], /, **options: Any) -> Any:
        """Derive a class from one of the other side's, over there; its methods stay here."""
        peer = next(base for base in bases if isinstance(base, Meta)).__peer__
        return Meta.__derive__(peer, name, bases, namespace, options)

    @staticmethod
    def __derive__(
        peer: Any, name: str, bases: tuple[type, ...], namespace: dict[str, Any], options: dict[str, Any]
    ) -> Any:
        """Return the class that is made over there of a class statement of the tests'."""
        if not peer.is_test:
            raise UnsupportedTestError("a class derived from one of the tests'")
        held = [*namespace, *(key for base in bases if not isinstance(base, Meta) for key in dir(base))]
        if name.startswith("Test") or any(key.startswith("test") for key in held):
            raise UnsupportedTestError("tests in a class derived from the candidate's")
        body = [[key, *_part(value)] for key, value in namespace.items() if key not in _NOT_DERIVED]
        made = peer.request("derive", name, list(bases), body, options)
        if not isinstance(made, Meta):
            raise UnsupportedTestError("a derived class that is none")
        if "__classcell__" in namespace:
            namespace["__classcell__"].cell_contents = made
        return made

    def __call__(cls, /, *arguments: Any, **options: Any) -> Any:
        """Make an object, over there; what a metaclass makes of a class statement is a class."""
        if issubclass(cls, Meta) and len(arguments) == 3 and cls.__peer__.is_test:
            return Meta.__derive__(cls.__peer__, *arguments, options={**options, "metaclass": cls})
        return cls.__peer__.request("call", cls, list(arguments), options)

    def __getattr__(cls, name: str) -> Any:
        """Return an attribute of the class."""
        if name == "__signature__":
            return signature(cls, name)
        if name.startswith(("__", "_pytest", "pytest", "_partialmethod")) and name not in _ASKED_OF_CLASSES:
            raise RefusedError(name)
        return _ask(cls, "get", name)

    def __setattr__(cls, name: str, value: Any) -> None:
        """Set an attribute of the class, over there."""
        if name.startswith("__") and (cls.__peer__.is_test or name not in (*OPERATORS, "__init__", "__new__")):
            type.__setattr__(cls, name, value)
        elif name in cls.__dict__ and cls.__dict__[name] is value:  # a stand-in's method, put back after a patch
            cls.__peer__.request("restore", cls, name)
        else:
            cls.__peer__.request("patch", cls, name, value)

    def __delattr__(cls, name: str) -> None:
        """Undo what set an attribute of the class, or delete it, over there."""
        cls.__peer__.request("restore", cls, name)

    def __dir__(cls) -> list[str]:
        """Return the names of its attributes, over there."""
        return [str(name) for name in cls.__peer__.request("op", "__dir__", [cls])]

    def __getitem__(cls, key: Any) -> Any:
        """Return `cls[key]`, over there."""
        return cls.__peer__.request("op", "__getitem__", [cls, key])


_NOT_DERIVED = ("__module__", "__qualname__", "__classcell__", "__annotations__", "__firstlineno__")


def _part(value: Any) -> tuple[str, Any]:
    """Return what a name in the body of a derived class is, and what makes it over there."""
    if isinstance(value, types.FunctionType):
        if "__class__" in value.__code__.co_freevars:
            value.__globals__["super"] = _super
        return "function", value
    if isinstance(value, (classmethod, staticmethod)):
        return type(value).__name__, _part(value.__func__)[1]
    if isinstance(value, property):
        return "property", [_part(part)[1] for part in (value.fget, value.fset, value.fdel)]
    return "value", value


def derived(name: str, bases: list[type], body: list[list[Any]], options: dict[str, Any]) -> type:
    """Return the class that the other side derives from one of this side's."""
    makers: dict[str, Any] = {
        "function": _method,
        "classmethod": lambda value: classmethod(_method(value)),
        "staticmethod": staticmethod,
        "property": lambda parts: property(*parts),
        "value": lambda value: value,
    }
    namespace = {key: makers[kind](value) for key, kind, value in body}
    namespace["__module__"] = "solution"
    return types.new_class(name, tuple(bases), options, lambda made: made.update(namespace))


def _method(function: Any) -> Any:
    return lambda *arguments, **options: function(*arguments, **options)


def _super(*arguments: Any) -> Any:
    """Do what `super` does, of classes that are derived over there too."""
    frame = sys._getframe(1)
    owner, value = arguments or (frame.f_locals["__class__"], frame.f_locals[frame.f_code.co_varnames[0]])
    return _Super(owner, value) if isinstance(owner, Meta) else super(owner, value)


class _Super:
    """What comes behind a class in the order of an object's classes, over there."""

    def __init__(self, owner: Any, value: Any) -> None:
        object.__setattr__(self, "_of", (owner, value))

    def __getattribute__(self, name: str) -> Any:
        """Return an attribute, bound to the object."""
        owner, value = object.__getattribute__(self, "_of")
        return owner.__peer__.request("super", owner, value, name)


class RecordMeta(Meta):
    """The class of dataclasses that were made here: their objects are made here too."""

    __record__ = True  # see `layouts.has_plain_layout`

    def __call__(cls, /, *arguments: Any, **options: Any) -> Any:
        """Make an object: here, where its fields are all that makes it."""
        if not cls.__dict__["__made_there__"]:
            return type.__call__(cls, *arguments, **options)
        type.__setattr__(cls, "__is_made_by_tests__", True)  # its own code saw what they expect
        made = Meta.__call__(cls, *arguments, **options)
        names = [field.name for field in dataclasses.fields(cls) if field.init]  # type: ignore[arg-type]
        if len(arguments) <= len(names):
            given = {**dict(zip(names, arguments)), **options}  # noqa: B905 (Python 3.9)
            cls.__peer__.made_with[id(made)] = (made, given)
        return made

    def __getattr__(cls, name: str) -> Any:
        """Return an attribute of the class; a field without a default is none, and nobody is asked for it."""
        if name in cls.__dict__["__field_names__"]:
            raise AttributeError(name)
        return super().__getattr__(name)

    def __delattr__(cls, name: str) -> None:
        """Delete what `dataclass` deletes while it makes the class; later as of any other class."""
        if type(cls.__dict__.get(name)) is dataclasses.Field:
            type.__delattr__(cls, name)
        else:
            super().__delattr__(name)

    def __setattr__(cls, name: str, value: Any) -> None:
        """Set the default of a field in the place of what described it; later as of any other class."""
        if type(cls.__dict__.get(name)) is dataclasses.Field:
            type.__setattr__(cls, name, value)
        else:
            super().__setattr__(name, value)


_pickled: dict[int, Any] = {}  # classes that a pickle names, by id


def _class_of(number: int) -> Any:
    return _pickled[number]


def _reduced(kind: Any) -> Any:
    _pickled[id(kind)] = kind
    return _class_of, (id(kind),)


copyreg.pickle(Meta, _reduced)
copyreg.pickle(RecordMeta, _reduced)
