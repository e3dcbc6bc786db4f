"""What all stand-ins of objects and classes of the other side have: whatever is asked of them is asked there."""

from __future__ import annotations

import copy
import functools
import inspect
import math
import operator
import pickle
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


def signature(function: Any, name: str, follows: bool = True) -> Any:
    """Return the signature of a callable over there, or as much of its code as says that."""
    flags, has_result, result, *parameters = function.__peer__.request("signature", function, follows)
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


_ASKED = ("__wrapped__", "__defaults__", "__kwdefaults__", "__closure__", "__code__", "__func__", "__self__")
FUNCTION_NAMES = ("__name__", "__doc__", "__qualname__", "__module__", "__annotations__")


class UnsupportedTestError(BaseException):
    """A test asks for what can't cross over: it shows nothing about the candidate."""


class RefusedError(AttributeError):
    """A special attribute that does not cross: a test that ends by it shows nothing about the candidate."""


class _Copy:
    """What makes a shallow copy over there; iterators have none, so that `itertools.tee` keeps their items."""

    def __get__(self, value: Any, owner: Any) -> Callable[..., Any]:
        if hasattr(owner, "__next__") and value is not None:
            raise AttributeError("__copy__")
        return _copied if value is None else functools.partial(_copied, value)


def _copied(value: Any) -> Any:
    return value.__peer__.request("op", "__copy__", [value])


class Remote:
    """What all stand-ins have."""

    __slots__ = ()
    __peer__: Any

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the object."""
        if (name == "__signature__" or (name == "__code__" and not self.__peer__.is_test)) and callable(self):
            return signature(self, name)
        if name.startswith(("__", "_pytest", "pytest")) and name not in (*FUNCTION_NAMES, *_ASKED):
            raise RefusedError(name)
        found = self.__peer__.request("get", self, name)
        # A name is plain text: `unittest.mock` makes code of it.
        return str.__str__(found) if isinstance(found, str) and name in FUNCTION_NAMES else found

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute of the object, over there."""
        if name.startswith("__"):
            object.__setattr__(self, name, value)
        else:
            self.__peer__.request("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        """Delete an attribute of the object, over there."""
        self.__peer__.request("delete", self, name)

    __copy__ = _Copy()

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
