"""Answers a test suite's requests for a candidate: what a name is, and what a call gives. Plain values only.

A request is the text of a list value, and so is its answer:

    ["get", name]                 ["function"], ["exception", [its name, names of its bases]], ["value", v] or
                                  ["missing"]
    ["names"]                     ["value", [public names]]
    ["call", name, [...], {...}]  ["value", v, arguments] or ["raised", [its type's name, those of the bases],
                                  [its args]]; `arguments` is what became of them, None where nothing did
"""

from __future__ import annotations

from typing import Any

from pairsmith.pipeline.sandbox.inside.answering import RAISED, TOO_LARGE, VALUE, type_name
from pairsmith.schemas.values import ValueTooLargeError, decode_value, encode_value

_PLAIN = (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)


def answer_request(namespace: dict[str, Any], text: str) -> bytes:
    """Return the answer to one request."""
    kind, *rest = decode_value(text)
    try:
        if kind == "names":
            answer: list[Any] = ["value", _public_names(namespace)]
        elif kind == "get":
            answer = _describe(namespace, rest[0])
        else:
            return _call(namespace, *rest)
        return VALUE + encode_value(answer).encode("ascii")
    except ValueTooLargeError:
        return TOO_LARGE
    except BaseException as error:
        return RAISED + type_name(error)


def _public_names(namespace: dict[str, Any]) -> list[str]:
    """Return what `from solution import *` would bind, less what the solution has imported itself."""
    if "__all__" in namespace:
        return [str(name) for name in namespace["__all__"]]
    return [
        name
        for name, value in namespace.items()
        if not name.startswith("_") and (getattr(value, "__module__", "") == "solution" or type(value) in _PLAIN)
    ]


def _describe(namespace: dict[str, Any], name: str) -> list[Any]:
    if name not in namespace:
        return ["missing"]
    value = namespace[name]
    if isinstance(value, type) and issubclass(value, BaseException):
        return ["exception", _names_of(value)]
    return ["function"] if callable(value) else ["value", value]


def _call(namespace: dict[str, Any], name: str, arguments: list[Any], options: dict[str, Any]) -> bytes:
    before = encode_value([arguments, options])
    try:
        value = namespace[name](*arguments, **options)
        text = encode_value(value)  # first: a generator may still read its arguments
    except (ValueTooLargeError, MemoryError):
        raise
    except BaseException as error:
        return VALUE + encode_value(["raised", _names_of(type(error)), _plain_arguments(error)]).encode("ascii")
    after = encode_value([arguments, options])
    return VALUE + f'["value",{text},{after if after != before else "null"}]'.encode("ascii")


def _names_of(kind: type) -> list[str]:
    return [base.__name__ for base in type.mro(kind)]


def _plain_arguments(error: BaseException) -> list[Any]:
    arguments = list(error.args)
    try:
        if '{"opaque":' not in encode_value(arguments, max_nodes=1000):
            return arguments
    except ValueTooLargeError:
        pass
    return [str(error)[:1000]]
