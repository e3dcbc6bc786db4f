"""The operators that requests may ask for, by the names of their methods."""

from __future__ import annotations

import copy
import inspect
import math
import operator
import types
from collections.abc import Callable
from typing import Any

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
    **{name: _on_type(name) for name in (
        "__enter__", "__exit__", "__aenter__", "__aexit__", "__aiter__", "__anext__", "__await__",
        "__get__", "__set__", "__delete__", "__set_name__", "__missing__", "__fspath__", "__dir__",
    )}, "__call__": operator.call if hasattr(operator, "call") else lambda value, *rest: value(*rest),
}  # fmt: skip
for _name in _BINARY:
    OPERATORS[f"__r{_name}__"] = _swapped(OPERATORS[f"__{_name}__"])
    OPERATORS[f"__i{_name}__"] = getattr(operator, "i" + _name)
ARITHMETIC = {f"__{how}{name}__" for name in (*_BINARY, "divmod", "pow") for how in ("", "r", "i")}
CONVERSIONS = (
    "__neg__", "__pos__", "__abs__", "__invert__", "__int__", "__float__", "__complex__", "__index__", "__round__",
    "__trunc__", "__floor__", "__ceil__",
)  # fmt: skip
COPIES: dict[str, Callable[..., Any]] = {"__copy__": copy.copy, "__deepcopy__": _deepcopy}


def signature(function: Any, name: str) -> Any:
    """Return the signature of a callable over there, or as much of its code as says that."""
    flags, *parameters = function.__peer__.request("signature", function)
    found = inspect.Signature(
        [
            inspect.Parameter(
                str(parameter),
                inspect._ParameterKind(kind),
                default=default if has_default else inspect.Parameter.empty,
                annotation=annotation if is_annotated else inspect.Parameter.empty,
            )
            for parameter, kind, has_default, default, is_annotated, annotation in parameters
        ]
    )
    if name == "__signature__":
        return found
    names = [one.name for one in found.parameters.values() if one.kind <= one.POSITIONAL_OR_KEYWORD]
    return types.SimpleNamespace(co_argcount=len(names), co_varnames=tuple(found.parameters), co_flags=flags)
