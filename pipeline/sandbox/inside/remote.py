"""What all stand-ins of objects and classes of the other side have: whatever is asked of them is asked there."""

from __future__ import annotations

import copy
import copyreg
import dataclasses
import inspect
import math
import operator
import pickle
import sys
import types
from collections.abc import Callable, MutableMapping
from typing import Any

_BINARY = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "matmul", "lshift", "rshift", "and", "or", "xor",
)  # fmt: skip
COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")


def _on_type(name: str) -> Callable[..., Any]:
    return lambda value, *rest: getattr(type(value), name)(value, *rest)


def _deepcopy(value: Any, memo: Any = None) -> Any:
    return copy.deepcopy(value)


ARITHMETIC = {f"__{how}{name}__" for name in (*_BINARY, "divmod", "pow") for how in ("", "r", "i")} - {
    "__idivmod__"
}
OPERATORS: dict[str, Callable[..., Any]] = {
    # These may give NotImplemented: Python then asks the other operand, on the side that computes.
    **{name: _on_type(name) for name in (*sorted(ARITHMETIC), *COMPARISONS)},
    "__len__": len, "__iter__": iter, "__next__": next, "__getitem__": operator.getitem, "__reversed__": reversed,
    "__setitem__": operator.setitem, "__delitem__": operator.delitem, "__contains__": operator.contains,
    "__bool__": bool, "__str__": str, "__repr__": repr, "__format__": format, "__hash__": hash, "__bytes__": bytes,
    "__neg__": operator.neg, "__pos__": operator.pos, "__abs__": abs, "__invert__": operator.invert,
    "__int__": int, "__float__": float, "__complex__": complex, "__index__": operator.index, "__round__": round,
    "__trunc__": math.trunc, "__floor__": math.floor, "__ceil__": math.ceil,
    **{name: _on_type(name) for name in (
        "__enter__", "__exit__", "__aenter__", "__aexit__", "__aiter__", "__anext__", "__await__",
        "__get__", "__set__", "__delete__", "__set_name__", "__missing__", "__fspath__", "__dir__",
    )}, "__call__": operator.call if hasattr(operator, "call") else lambda value, *rest: value(*rest),
}  # fmt: skip
CONVERSIONS = (
    "__neg__", "__pos__", "__abs__", "__invert__", "__int__", "__float__", "__complex__", "__index__", "__round__",
    "__trunc__", "__floor__", "__ceil__",
)  # fmt: skip
COPIES: dict[str, Callable[..., Any]] = {"__copy__": copy.copy, "__deepcopy__": _deepcopy}
# The tests' side never reads a pickle of the candidate's: reading one runs code.
PICKLES: dict[str, Callable[..., Any]] = {
    "__reduce_ex__": pickle.dumps, "__setstate__": lambda _kind, text: pickle.loads(text),
}  # fmt: skip
_pickled: dict[int, Any] = {}  # classes that a pickle names, by id


def signature(function: Any, name: str) -> Any:
    """Return the signature of a callable over there, or as much of its code as says that."""
    flags, has_result, result, *parameters = function.__peer__.request("signature", function)
    found = inspect.Signature(
        [
            inspect.Parameter(
                str(parameter),
                inspect._ParameterKind(kind),
                default=default if has_default else inspect.Parameter.empty,
                annotation=annotation if is_annotated else inspect.Parameter.empty,
            )
            for parameter, kind, has_default, default, is_annotated, annotation in parameters
        ],
        return_annotation=result if has_result else inspect.Signature.empty,
    )
    if name == "__signature__":
        return found
    names = [one.name for one in found.parameters.values() if one.kind <= one.POSITIONAL_OR_KEYWORD]
    return types.SimpleNamespace(co_argcount=len(names), co_varnames=tuple(found.parameters), co_flags=flags)


_ASKED_OF_CLASSES = ("__annotations__", "__match_args__")
_ASKED = ("__wrapped__", "__defaults__", "__kwdefaults__")
FUNCTION_NAMES = ("__name__", "__doc__", "__qualname__", "__module__", "__annotations__")


class UnsupportedTestError(BaseException):
    """A test asks for what can't cross over: it shows nothing about the candidate."""


class RefusedError(AttributeError):
    """A special attribute that does not cross: a test that ends by it shows nothing about the candidate."""


class Meta(type):
    """The class of stand-ins' classes."""

    __metas__: tuple[Any, ...] = ()  # the metaclasses that a solution wrote, of the class that this is for

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], /, **options: Any) -> Any:
        """Derive a class from one of the other side's, over there; its methods stay here."""
        peer = next(base for base in bases if isinstance(base, Meta)).__peer__
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
        """Make an object, over there."""
        return cls.__peer__.request("call", cls, list(arguments), options)

    def __instancecheck__(cls, value: Any) -> bool:
        """Return whether something is of the class; what has it as its metaclass is, too."""
        return type.__instancecheck__(cls, value) or (isinstance(value, Meta) and cls in value.__metas__)

    def __getattr__(cls, name: str) -> Any:
        """Return an attribute of the class."""
        if name.startswith(("__", "_pytest", "pytest", "_partialmethod")) and name not in _ASKED_OF_CLASSES:
            raise RefusedError(name)
        found = cls.__peer__.request("get", cls, name)
        cls.__peer__.was_reached = True  # an attribute of a class is an answer
        return found

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


class Remote:
    """What all stand-ins have."""

    __slots__ = ()
    __peer__: Any

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the object."""
        if name in ("__signature__", "__code__") and callable(self):
            return signature(self, name)
        if name.startswith(("__", "_pytest", "pytest")) and name not in (*FUNCTION_NAMES, *_ASKED):
            raise RefusedError(name)
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

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Return what a pickle of the tests holds: one that was made over there, and is read there."""
        if not self.__peer__.is_test:
            raise UnsupportedTestError("a pickle of an object of the tests'")
        return _unpickled, (type(self), self.__peer__.request("op", "__reduce_ex__", [self, int(protocol)]))


class Attributes(dict[str, Any]):
    """The `__dict__` of a test's object: a dict, as for `json`, whose changes are the object's."""

    def __init__(self, owner: Any) -> None:
        """Of one object."""
        self._there = owner.__peer__.request("get", owner, "__dict__")
        super().__init__({name: self._there[name] for name in self._there})

    def __setitem__(self, name: str, value: Any) -> None:
        """Set an attribute."""
        self._there[name] = value
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        """Delete an attribute."""
        del self._there[name]
        super().__delitem__(name)

    update, setdefault = MutableMapping.update, MutableMapping.setdefault
    pop, popitem, clear = MutableMapping.pop, MutableMapping.popitem, MutableMapping.clear


def _unpickled(kind: Any, text: bytes) -> Any:
    return kind.__peer__.request("op", "__setstate__", [kind, text])


def _class_of(number: int) -> Any:
    return _pickled[number]


def _reduced(kind: Any) -> Any:
    _pickled[id(kind)] = kind
    return _class_of, (id(kind),)


copyreg.pickle(Meta, _reduced)
copyreg.pickle(RecordMeta, _reduced)
