"""What the test's side does for a candidate, and which of its answers no passed test may rest on.

A candidate may write any message. So whatever it asks for must be asked of an object that the tests gave it.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

from pairsmith.pipeline.sandbox.inside import layouts
from pairsmith.pipeline.sandbox.inside.describing import OPEN
from pairsmith.pipeline.sandbox.inside.metas import Meta
from pairsmith.pipeline.sandbox.inside.remote import (
    ARITHMETIC,
    COMPARISONS,
    CONVERSIONS,
    COPIES,
    FUNCTION_NAMES,
    OPERATORS,
    UnsupportedTestError,
)
from pairsmith.pipeline.sandbox.inside.texts import is_acting

OWN = (*COMPARISONS[:2], "__bool__", "__hash__")
# What they give of a value of the tests' own is not 0 or empty for what a test expects, as a difference is.
_SCALED = {f"__{how}{name}__" for name in ("add", "mul", "matmul", "pow", "lshift") for how in ("", "r")}
_PLAIN_CALLS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, type)
_OF_TESTS = ("tests", "test_solution", "solution")  # modules whose classes are the tests' or the setup's
_OF_CLASSES = ("__mro__", "mro", "__bases__", "__base__", "__class__")
_CATCH_ALL = (BaseException, Exception, AssertionError)
_PLAIN = (int, float, complex, str, bytes)
# Types whose operators look at nothing of an object of another kind.
_BLIND = (*_PLAIN, bool, type(None), list, tuple, dict, set, frozenset)
_RESUMED = {
    types.GeneratorType: ("send", "throw", "close"),
    types.CoroutineType: ("send", "throw", "close"),
    types.AsyncGeneratorType: ("asend", "athrow", "aclose"),
}
_CLOSED = (
    *_PLAIN_CALLS, types.ModuleType, types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType,
    types.FrameType, types.CodeType, types.TracebackType,
)  # fmt: skip


class Attributes(MutableMapping[str, Any]):
    """The `__dict__` of a test's object, as a candidate may use it: private names only if it made them."""

    def __init__(self, owner: Any, theirs: dict[tuple[int, str], Any]) -> None:
        """Of one object."""
        self._owner, self._theirs = owner, theirs

    def __getitem__(self, name: str) -> Any:
        """Return an attribute."""
        if not self._is_open(name):
            raise KeyError(name)
        return vars(self._owner)[name]

    def __setitem__(self, name: str, value: Any) -> None:
        """Set an attribute."""
        if name not in vars(self._owner):
            self._theirs[id(self._owner), name] = self._owner
        if not self._is_open(name):
            raise KeyError(name)
        vars(self._owner)[name] = value

    def __delitem__(self, name: str) -> None:
        """Delete an attribute."""
        self[name]
        del vars(self._owner)[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter([name for name in vars(self._owner) if self._is_open(name)])

    def __len__(self) -> int:
        """Count the names."""
        return len(list(iter(self)))

    def _is_open(self, name: Any) -> bool:
        return type(name) is str and (not name.startswith("_") or (id(self._owner), name) in self._theirs)


class Guard:
    """Of a test's side.

    Attributes:
        theirs: private attributes of a test's objects that a candidate made, with the objects.
    """

    def __init__(self, peer: Any) -> None:
        """Nothing was asked yet."""
        self._peer = peer
        self.theirs: dict[tuple[int, str], Any] = {}
        self._named: dict[int, Any] = {}  # by id: classes of the candidate's that the tests know
        self._mixed: list[Any] = []  # objects that the candidate made of values of the tests' own
        self._failed: list[BaseException] = []  # assertions of the tests, which the candidate got to see

    def is_as_made(self, value: object) -> bool:
        """Return whether the tests made an object, and its fields hold what they made it with."""
        given = self._peer.made_with.get(id(value), (None, {"": None}))[1]
        return all(_is_kept(getattr(value, name, self), part) for name, part in given.items())

    def swallowed(self) -> bool:
        """Return whether an assertion of the tests has failed of which they never heard."""
        return bool(self._failed)

    def failed(self, errors: list[Any]) -> None:
        """Note exceptions that go to the candidate."""
        self._failed += [
            one for one in errors if isinstance(one, AssertionError) or type(one).__name__ == "Failed"
        ]

    def heard(self, error: Any) -> None:
        """Note an exception that the candidate lets out again."""
        self._failed = [one for one in self._failed if one is not error]

    def asks(self, body: tuple[Any, ...]) -> None:
        """Look at a request of the tests.

        Raises:
            UnsupportedTestError: if it gives away a test: whether it runs is for pytest to say.
        """
        if body[0] in ("call", "method") and any(map(_is_test, [*body[-2], *body[-1].values()])):
            raise UnsupportedTestError("a test that is given to the candidate")

    def answered(self, body: tuple[Any, ...], value: Any) -> None:
        """Note what a test got: arithmetic with its own values shows these to the candidate.

        `abs(f(x) - 3) < 0.1` says nothing where `f` gives what subtracts as it likes. A class that the tests know
        may have such operators.
        """
        if body[0] in ("names", "call") or (body[0] in ("get", "method") and body[2] not in _OF_CLASSES):
            # To expect an error of one of these classes is to expect a failed assertion.
            parts = list(value.values()) if body[0] == "names" else [value]
            found = [one for part in parts for one in (part if type(part) is tuple else [part])]
            self._peer.own["__subclasscheck__"] += any(one is kind for one in found for kind in _CATCH_ALL)
        if body[0] == "method" and body[2] in OPEN[1:] and any(map(_is_failure, body[3])):
            self._peer.own[body[2]] += 1
        if body[0] != "op":
            self._named |= {id(one): one for one in _parts(body, value) if isinstance(one, type)}
            return
        name, operands = body[1], body[2]
        is_mixed = any(one is operand for one in self._mixed for operand in operands)
        if name in ("__exit__", "__aexit__"):  # if it says so, nobody hears of the exception
            self.failed(operands[2:3])
        if name in ARITHMETIC and value is NotImplemented:  # now the other operand may look at what has seen it
            self._peer.own[name] += not all(type(one) in _BLIND or self.is_theirs(one) for one in operands[1:])
            return
        if name in ARITHMETIC:
            is_mixed = is_mixed or not all(map(self.is_theirs, operands[1:]))
        elif name not in CONVERSIONS:
            return
        for part in value if isinstance(value, tuple) and "divmod" in name else (value,):
            is_number = isinstance(part, (int, float, complex))
            if is_mixed and isinstance(type(part), Meta) and not is_number:
                self._mixed.append(part)
            elif is_mixed and not self._is_known(name, operands[0], part):
                self._peer.own[name] += 1

    def _is_known(self, name: str, operand: Any, value: Any) -> bool:
        """Return whether arithmetic of a class that the tests know says what only they know."""
        if id(type(operand)) not in self._named:
            return False
        return id(type(value)) in self._named or (name in _SCALED and not isinstance(type(value), Meta))

    def is_theirs(self, value: Any) -> bool:
        """Return whether an object, or a class, is the candidate's."""
        number = self._peer.number_of(value)
        return number is not None and number % 2 == 1

    def may(self, kind: str, parts: list[Any]) -> bool:
        """Return whether the test's side does for the candidate what it asks.

        Raises:
            AttributeError: if it asks for an attribute that it must not see.
            UnsupportedTestError: if an honest candidate may ask for that, too.
        """
        if kind in ("poll", "cancel", "begin", "end") or (kind == "warned" and isinstance(parts[0], Warning)):
            return True
        if kind == "logged":
            return _is_record(*parts)
        value = parts[1][0] if kind == "op" else parts[0]
        number = self._peer.number_of(value)
        if number is None or number % 2 == 1:  # none that the tests gave
            return False
        if number in self._peer.lives.sealed:
            raise UnsupportedTestError("an object of which the tests gave only a method")
        if kind == "call":
            while isinstance(value, functools.partial):
                value = value.func
            if is_acting(value):
                raise UnsupportedTestError("a function that leads to the tests' own names")
            if isinstance(value, type) and layouts.is_standard(value.__module__):
                raise UnsupportedTestError("a class of the standard library that only the tests have")
            return isinstance(value, _PLAIN_CALLS) or self._is_open(value)
        if kind in ("next", "await", "start", "signature"):
            return True
        if kind == "method" and parts[1] in _RESUMED.get(type(value), ()):
            return True
        if kind == "op":
            return parts[0] in COPIES or (parts[0] in OPERATORS and parts[0] != "__call__")
        if kind == "patch":  # a decorator of the tests' classes
            if not isinstance(value, type) or value.__module__ not in _OF_TESTS:
                return False
            if parts[1].startswith("_") and parts[1] not in OPERATORS:
                raise UnsupportedTestError("a private attribute of a test's class")
            self._peer.own[parts[1]] += parts[1] in OWN
            return True
        return kind in ("get", "set", "delete", "method") and self._may_attribute(kind, value, parts[1])

    def _may_attribute(self, kind: str, value: Any, name: Any) -> bool:
        if kind == "get" and name in FUNCTION_NAMES:
            return True
        if type(value) is types.FunctionType and _is_noted(kind, value, name):
            return True
        if not isinstance(name, str) or not self._is_open(value):
            raise AttributeError(name)
        if kind == "get" and name == "__dict__":
            return True
        held = getattr(type(value), name, None)
        is_kept = callable(held) if kind in ("set", "delete") else False
        if is_kept or (held is not None and type(value).__module__ == "unittest.mock"):
            raise UnsupportedTestError("what a test's object does or has noted")
        if kind == "set" and name.startswith("_") and not hasattr(value, name):
            self.theirs[id(value), name] = value
        is_library = layouts.is_standard(type(value).__module__) and not type(value).__module__.startswith(
            "asyncio"
        )
        is_public = not name.startswith("_") or (kind == "get" and is_library and not name.startswith("__"))
        if not is_public and (id(value), name) not in self.theirs:
            raise AttributeError(name)
        return True

    def _is_open(self, value: Any) -> bool:
        is_loop = hasattr(type(value), "run_in_executor")  # it starts processes
        return not isinstance(value, _CLOSED) and not isinstance(type(value), Meta) and not is_loop


def _is_failure(value: Any) -> bool:
    """Return whether a value is a failed assertion, or the class of one."""
    return issubclass(value if isinstance(value, type) else type(value), AssertionError)


def _is_record(plain: Any, error: Any, has_own_level: Any) -> bool:
    """Return whether what a candidate says of a log record is plain: its code must not run here."""
    kinds = [type(part) for part in plain] if type(plain) is list else []
    is_error = error is None or isinstance(error, BaseException)
    return kinds in ([str, int, int, function, str, str] for function in (str, type(None))) and is_error


def _is_noted(kind: str, function: Any, name: Any) -> bool:
    """Return whether an attribute is one that decorators set on functions, and read."""
    if kind == "get" and name == "__dict__":
        return True
    is_public = isinstance(name, str) and not name.startswith(("_", "pytest"))
    return is_public and (kind == "set" or name in vars(function))


def _is_kept(held: Any, given: Any) -> bool:
    return held is given or (type(held) is type(given) and type(given) in _PLAIN and bool(held == given))


def _parts(body: tuple[Any, ...], value: Any) -> list[Any]:
    return list(value.values()) if body[0] == "names" else [body[1]] if body[0] == "call" else []


def _is_test(value: Any) -> bool:
    """Return whether pytest would collect a function or class."""
    if getattr(type(value), "__module__", "") != "builtins" or isinstance(value, Meta):
        return False
    names: Iterable[str] = vars(value) if isinstance(value, type) else ()
    if not isinstance(value, (type, types.FunctionType)) or value.__module__ != "test_solution":
        return False
    is_named = isinstance(value, types.FunctionType) and value.__name__.startswith("test")
    return "<locals>" not in value.__qualname__ and (is_named or any(name.startswith("test") for name in names))
