"""Methods of stand-ins' classes: called in one request, asked for what else a test wants to know of them."""

from __future__ import annotations

import types
from typing import Any


def forwarding(name: str, peer: Any) -> Any:
    """Return a function that calls a method over there."""

    def forward(self: Any, /, *arguments: Any, **options: Any) -> Any:
        return peer.request("method", self, name, list(arguments), options)

    forward.__name__ = name
    return forward


class Method:
    """A method in a stand-in's class; of the class it is the function over there."""

    __class__ = property(lambda self: types.FunctionType)

    def __init__(self, name: str, owner: Any, peer: Any) -> None:
        """Of a stand-in's class."""
        self.__name__, self._forward = name, forwarding(name, peer)
        self._owner, self._peer = owner, peer

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the function."""
        if name.startswith("__"):
            return getattr(self.__get__(None, self._owner), name)
        raise AttributeError(name)

    def __call__(self, /, *arguments: Any, **options: Any) -> Any:
        """Call it, over there, as the function that it is."""
        return self._forward(*arguments, **options)

    def __get__(self, value: Any, owner: Any = None) -> Any:
        """Return what is called, bound to the object."""
        if value is not None:
            return Bound(self._forward, value)
        if not self._peer.is_test:  # the tests do not say what their functions are
            return self._forward
        self._peer.was_reached = True
        return self._peer.request("get", owner, self.__name__)


class Bound:
    """A method of an object over there: called at once, asked for all else."""

    __slots__ = ("__self__", "_forward")
    __class__ = property(lambda self: types.MethodType)
    __doc__ = property(lambda self: self.__func__.__doc__)
    __module__ = property(lambda self: self.__func__.__module__)

    def __init__(self, forward: Any, value: Any) -> None:
        """Of one object."""
        self._forward, self.__self__ = forward, value

    def __call__(self, /, *arguments: Any, **options: Any) -> Any:
        """Call it, over there."""
        return self._forward(self.__self__, *arguments, **options)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the function."""
        if name == "__func__":
            return getattr(type(self.__self__), self._forward.__name__)
        return {} if name == "__dict__" else getattr(self.__func__, name)

    def __eq__(self, other: object) -> bool:
        """Return whether the other is the same method of the same object."""
        return type(other) is Bound and self.__self__ is other.__self__ and (self._forward is other._forward)

    def __hash__(self) -> int:
        """Return the hash of both parts, which are the same as long as they are."""
        return hash((id(self.__self__), self._forward))

    def plain(self) -> Any:
        """Return it as a method of Python's own, which may cross."""
        return types.MethodType(self._forward, self.__self__)
