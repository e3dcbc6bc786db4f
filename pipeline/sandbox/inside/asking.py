"""What tests ask of a solution's functions and classes by `typing` and `inspect`, answered where these are."""

from __future__ import annotations

import builtins
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

from pairsmith.pipeline.sandbox.inside.remote import Remote, signature
from pairsmith.pipeline.sandbox.inside.texts import OF_TESTS, guard_texts

_OF_INSPECT = (
    "getsource", "getsourcelines", "getattr_static", "getclosurevars", "getmembers",
    "getfullargspec", "get_annotations",
)  # fmt: skip
_WHAT = {"get_type_hints": "typing", **dict.fromkeys(_OF_INSPECT, "inspect")}


def hear(session: Any, code: str) -> None:
    """Have what tests ask about the other side's objects asked there, and count it as an answer."""
    _hear_issubclass(session)
    guard_texts(code)
    for name, module in _WHAT.items():
        owner = __import__(module) if name in code else None
        if hasattr(owner, name):
            setattr(owner, name, _asking(session, name, getattr(owner, name)))
    if "signature" in code:
        inspect.signature = _signing(inspect.signature)


def _signing(real: Callable[..., Any]) -> Callable[..., Any]:
    """Return an `inspect.signature` whose options count for what is over there too."""

    def asked(function: Any, *, follow_wrapped: bool = True, **options: Any) -> Any:
        if follow_wrapped or not isinstance(function, Remote):
            return real(function, follow_wrapped=follow_wrapped, **options)
        return signature(function, "__signature__", follow_wrapped)

    return asked


def _asking(session: Any, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def asked(value: Any, *arguments: Any, **options: Any) -> Any:
        if session.number_of(value) is None and not isinstance(value, Remote) and not _is_method(value):
            return real(value, *arguments, **options)
        return session.request("about", name, value, list(arguments), options)

    return asked


def _is_method(value: Any) -> bool:
    return isinstance(value, types.MethodType) and isinstance(getattr(value, "__self__", None), Remote)


def _hear_issubclass(session: Any) -> None:
    """Count as an answer what a test asks by `issubclass`, which looks at a stand-in alone."""
    real = issubclass

    def asked(kind: Any, of: Any, /) -> bool:
        if sys._getframe(1).f_globals.get("__name__") in OF_TESTS and session.number_of(kind) is not None:
            session.was_reached = True
        return real(kind, of)

    builtins.issubclass = asked


def answer_about(name: str, value: Any, arguments: list[Any], options: dict[str, Any], sources: Any) -> Any:
    """Return what `typing` or `inspect` says of an object of this side.

    Args:
        sources: the text of the setup and of the solution, by the name of the file that each was compiled as.

    Raises:
        ValueError: if nothing of that name is answered.
    """
    if name not in _WHAT:
        raise ValueError(name)
    import linecache

    module: Any = sys.modules["solution"]
    for file, text in sources.items():
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    module.__file__ = next(reversed(sources))  # where `inspect` looks for a class
    try:
        return getattr(__import__(_WHAT[name]), name)(value, *arguments, **options)
    finally:
        del module.__file__
