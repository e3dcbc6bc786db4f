"""Requests between a test and a candidate, each in its own sandbox, over objects that they share (`graph`).

The two sides speak in turn. A request is one of these, a reply `["ok", value]` or `["raise", exception]`;
whoever is asked may ask back before it replies, as when a candidate calls a function that the test gave it:

    names [...]              which of these names the candidate's namespace binds, and to what
    public                   the names that `from solution import *` binds
    call f args options      method object name args options      await coroutine
    op name operands         next iterator count      get, set, delete object name [value]

The test's side answers only what the candidate could ask in one process without looking into the test: calls of
functions that it was given, operators, and the attributes of objects whose class the test defines.
"""

from __future__ import annotations

import os
import time
import types
from collections import Counter
from collections.abc import Callable
from typing import Any

from pairsmith.pipeline.sandbox.inside import mirrors
from pairsmith.pipeline.sandbox.inside.answering import CALL_OUT, NONCE_BYTES, RAISED, TOO_LARGE, VALUE, type_name
from pairsmith.pipeline.sandbox.inside.frames import FrameReader, pack, write_all
from pairsmith.pipeline.sandbox.inside.graph import BrokenMessageError, Peer
from pairsmith.schemas.values import ValueTooLargeError

_SINGLE_ITEMS = 32  # of an iterator, asked for one by one: a test that counts them sees each when it happens
_MOST_ITEMS = 1024  # asked for at once behind that
_BATCH_S = 0.01
_OWN = (*mirrors.COMPARISONS[:2], "__bool__", "__hash__")
_PLAIN_CALLS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, type)
_SELF_ENDING = (KeyboardInterrupt, GeneratorExit)  # a test runner would take them for its own end


class NoValueError(BaseException):
    """The candidate gave no value: it ran out of time or memory, or broke. No test can expect that."""


class Session(Peer):
    """One side of the conversation.

    Attributes:
        own: how often an answer of the candidate's own `__eq__`, `__bool__` or `__hash__` was asked for, by name.
        is_vague: a value of the test's own was compared by an `__eq__` of the candidate's, which must not see it.
        is_broken: the other side sent what is no message.
        was_reached: something was asked.
    """

    def __init__(self, talk: Callable[[str], str], is_test: bool, module: str = "") -> None:
        """Begin with nothing shared.

        Args:
            talk: sends a message, returns the next one.
            is_test: whether this is the side of the test.
            module: of a test: name of the module that its own classes are of.
        """
        super().__init__(talk, first=0 if is_test else 1, drops=is_test)
        self.own: Counter[str] = Counter()
        self.is_vague = self.is_broken = self.was_reached = False
        self.namespace: dict[str, Any] = {}
        self._is_test, self._module = is_test, module
        self._queues: dict[int, list[Any]] = {}

    def request(self, *body: Any) -> Any:
        """Return what the other side answers.

        Raises:
            NoValueError: if it does not, or the answer is none.
            BaseException: whatever it raised.
        """
        self.was_reached = self.was_reached or body[0] not in ("names", "public", "get")
        if self._is_test and body[0] == "op" and body[1] in _OWN:
            self.own[body[1]] += 1
        body = tuple(body)
        while True:
            try:
                text = self.pack(list(body))
            except ValueTooLargeError as error:
                if body[0] in ("ok", "raise"):
                    raise
                raise ValueError(str(error)) from None
            kind, *parts = self._read(self.talk(text))
            if kind == "ok" and len(parts) == 1:
                return parts[0]
            if kind == "same" and body[0] in ("call", "method"):
                return body[-2][parts[0]]
            if kind == "raise" and isinstance(parts[0], BaseException):
                self._raise(parts[0])
            if kind in ("ok", "same", "raise"):
                self.is_broken = True
                raise NoValueError("no answer")
            body = tuple(self.answer(kind, parts))

    def answer(self, kind: str, parts: list[Any]) -> list[Any]:
        """Return the reply to a request."""
        try:
            if self._is_test and not self._may(kind, parts):
                raise PermissionError("the tests do not answer that")
            value = getattr(self, f"_do_{kind}")(*parts)
            if type(value) in (tuple, frozenset) and kind in ("call", "method"):
                for place, argument in enumerate(parts[-2]):
                    if argument is value:
                        return ["same", place]
            return ["ok", value]
        except (NoValueError, mirrors.UnsupportedTestError, MemoryError):
            raise
        except BaseException as error:
            return ["raise", error]

    def compare(self, name: str, ours: Any, other: Any) -> Any:
        """Return what the other side's own comparison says; it never sees a value that is the test's own."""
        if self._is_test and self.number_of(other) is None:
            self.is_vague = True
            self.own[name] += 1
            return NotImplemented
        return self.request("op", name, [ours, other])

    def next_of(self, iterator: Any) -> Any:
        """Return the next item of an iterator over there; many at once after the first ones."""
        queue = self._queues.setdefault(self.number_of(iterator) or -1, [0, []])
        if not queue[1]:
            n_seen = queue[0]
            n = 1 if n_seen < _SINGLE_ITEMS else min(n_seen, _MOST_ITEMS)
            items, end = self.request("next", iterator, n)
            queue[1] = [*((True, item) for item in items), *([(False, end)] if end is not None else [])]
        is_item, value = queue[1].pop(0)
        if not is_item:
            self._raise(value)
        queue[0] += 1
        return value

    def _read(self, text: str) -> list[Any]:
        try:
            body = self.unpack(text)
        except BrokenMessageError as error:
            self.is_broken = True
            raise NoValueError(str(error)) from None
        if not body or type(body[0]) is not str:
            self.is_broken = True
            raise NoValueError("no message")
        return body

    def _raise(self, error: Any) -> None:
        if isinstance(error, _SELF_ENDING) and self._is_test:
            raise NoValueError("the candidate raised " + type(error).__name__)
        if isinstance(error, SystemExit):
            error.__dict__["is_the_candidates"] = True
        raise error

    def _may(self, kind: str, parts: list[Any]) -> bool:
        """Return whether the test's side does for the candidate what it asks."""
        if kind == "call":
            return isinstance(parts[0], _PLAIN_CALLS) or self._is_tests_own(parts[0])
        if kind in ("next", "await"):
            return True
        if kind == "op":
            return parts[0] in mirrors.OPERATORS or parts[0] in mirrors.COPIES
        if kind in ("get", "set", "delete", "method"):
            is_public = isinstance(parts[1], str) and not parts[1].startswith("_")
            return is_public and self._is_tests_own(parts[0])
        return False

    def _is_tests_own(self, value: Any) -> bool:
        return not isinstance(value, type) and type(value).__module__ == self._module

    def _do_names(self, names: list[str]) -> dict[str, Any]:
        return {name: self.namespace[name] for name in names if name in self.namespace}

    def _do_public(self) -> list[str]:
        if "__all__" in self.namespace:
            return [str(name) for name in self.namespace["__all__"]]
        return [
            name
            for name, value in self.namespace.items()
            if not name.startswith("_")
            and not isinstance(value, types.ModuleType)
            and getattr(value, "__module__", None) in (None, "solution")
        ]

    def _do_call(self, function: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        return function(*arguments, **options)

    def _do_method(self, owner: Any, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        return getattr(owner, name)(*arguments, **options)

    def _do_op(self, name: str, operands: list[Any]) -> Any:
        return (mirrors.OPERATORS.get(name) or mirrors.COPIES[name])(*operands)

    def _do_get(self, owner: Any, name: str) -> Any:
        return getattr(owner, name)

    def _do_set(self, owner: Any, name: str, value: Any) -> None:
        setattr(owner, name, value)

    def _do_delete(self, owner: Any, name: str) -> None:
        delattr(owner, name)

    def _do_bind(self, name: str, value: Any) -> None:
        self.namespace[name] = value

    def _do_await(self, coroutine: Any) -> Any:
        import asyncio  # rare, and large

        return asyncio.run(coroutine)

    def _do_next(self, iterator: Any, count: int) -> tuple[list[Any], Any]:
        items: list[Any] = []
        deadline = time.perf_counter() + _BATCH_S
        try:
            while len(items) < count and (not items or time.perf_counter() < deadline):
                items.append(next(iterator))
        except BaseException as error:
            return items, error
        return items, None


def serve(namespace: dict[str, Any], setup: dict[str, type], frames: FrameReader, answers: int) -> None:
    """Answer a test's requests for a candidate until the inputs end."""
    nonce = b""

    def talk(text: str) -> str:
        nonlocal nonce
        write_all(answers, pack(nonce + VALUE + text.encode("ascii")))
        frame = frames.read()
        if frame is None:
            os._exit(1)
        nonce = frame[:NONCE_BYTES]
        return frame[NONCE_BYTES:].decode("ascii")

    session = Session(talk, is_test=False)
    session.namespace, session.setup = namespace, setup
    while True:
        frame = frames.read()
        if frame is None:
            return
        nonce = frame[:NONCE_BYTES]
        try:
            kind, *parts = session.unpack(frame[NONCE_BYTES:].decode("ascii"))
            reply = VALUE + session.pack(session.answer(kind, parts)).encode("ascii")
        except ValueTooLargeError:
            reply = TOO_LARGE
        except BaseException as error:
            reply = RAISED + type_name(error)
        frames.leave_if_forked()
        write_all(answers, pack(nonce + reply))


class Line:
    """A test's pipe to the supervisor, which passes requests on to the candidate's sandbox."""

    def __init__(self, nonce: bytes, frames: FrameReader, answers: int) -> None:
        """Take over the descriptors."""
        self.nonce = nonce
        self._frames, self._answers = frames, answers

    def talk(self, text: str) -> str:
        """Send a request; return what comes back.

        Raises:
            NoValueError: if the candidate gave no value.
        """
        self.send(CALL_OUT + text.encode("ascii"))
        frame = self._frames.read()
        if frame is None:
            os._exit(1)
        self.nonce, body = frame[:NONCE_BYTES], frame[NONCE_BYTES:]
        if body[:1] == VALUE:
            return body[1:].decode("ascii")
        raise NoValueError(body[1:].decode("utf-8", "replace"))

    def send(self, body: bytes) -> None:
        """Send an answer to the supervisor."""
        write_all(self._answers, pack(self.nonce + body))
