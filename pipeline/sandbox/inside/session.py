"""Requests between a test and a candidate, each in its own sandbox, over objects that they share (`graph`).

The two sides speak in turn. A request is one of these, a reply `["ok", value]`, `["raise", exception]` or
`["unsupported", why]`;
the side that is asked may ask back before it replies, as when a candidate calls a function that the test gave it:

    names [...]              which of these names the candidate's namespace binds, and to what
    public                   the names that `from solution import *` binds: those of the solution's own, and others
    call f args options      method object name args options      await coroutine
    op name operands         next iterator count      get, set, delete object name [value]
    signature f              what `inspect.signature` says of it
    patch, restore owner name [value]   of a class, or for None of the candidate's namespace; what was there first
    around what value        what the tests have changed around it (`surroundings`); files: what it has changed
    derive name bases body options, super class object name   of a class that a test derives from the candidate's
    warned warning           a warning of the candidate's, for the filters and recorders of the tests
    logged [...] error has_own_level   a log record of the candidate's, for the loggers of the tests
    queued                   a thread of the candidate's waited while another one asked
    start c, poll n, cancel n   of coroutines that run at the same time

The test's side answers only what the candidate could ask in one process without looking into the test: calls,
names and signatures of functions that it was given, operators, and the public attributes of other objects, but not
of what leads to the test's own code (`guarding`).

Threads of one side may ask at the same time: the side that asks holds the line until it has its answer, and gives
it up while it answers the other side.
"""

from __future__ import annotations

import inspect
import threading
import types
import warnings
from collections import Counter
from collections.abc import Callable
from time import perf_counter
from typing import Any

from pairsmith.pipeline.sandbox.inside.coroutines import Coroutines, Threads
from pairsmith.pipeline.sandbox.inside.graph import BrokenMessageError, Peer
from pairsmith.pipeline.sandbox.inside.guarding import OWN, Attributes, Guard
from pairsmith.pipeline.sandbox.inside.remote import COPIES, OPERATORS, PICKLES, UnsupportedTestError, derived
from pairsmith.pipeline.sandbox.inside.surroundings import Copies, Surroundings, log
from pairsmith.schemas.values import ValueTooLargeError

_SINGLE_ITEMS = 32  # of an iterator, asked for one by one: a test that counts them sees each when it happens
_MOST_ITEMS = 1024  # asked for at once behind that
_BATCH_S = 0.01
_RUNS = ("call", "method", "op", "next", "get", "start", "poll", "super")  # they run code of the candidate's


class NoValueError(BaseException):
    """The candidate gave no value: it ran out of time or memory, or broke. No test can expect that."""


class Session(Peer):
    """One side of the conversation.

    Attributes:
        own: how often an answer of the candidate's own `__eq__`, `__bool__` or `__hash__` was asked for, by name.
        is_vague: a value of the test's own was compared by an `__eq__` of the candidate's, which must not see it.
        is_broken: the other side sent what is no message.
        was_reached: something was asked.
        overlaps: coroutines or threads ran at the same time and waited: no test that fails then shows anything.
        namespace, methods: what the candidate binds, and what stands for names that it does not bind.
    """

    def __init__(self, talk: Callable[[str], str], is_test: bool) -> None:
        """Begin with nothing shared.

        Args:
            talk: sends a message, returns the next one.
            is_test: whether this is the side of the test.
        """
        super().__init__(talk, first=0 if is_test else 1, drops=is_test)
        self.own: Counter[str] = Counter()
        self.is_vague = self.is_broken = self.was_reached = self.overlaps = False
        self.not_reaching: tuple[str, ...] = ("names", "public", "derive", "get")  # pytest reads attributes
        self.namespace: dict[str, Any] = {}
        self.methods: dict[str, Any] = {}
        self.is_test = is_test
        self._queues: dict[int, list[Any]] = {}
        self._patched: dict[tuple[int, str], tuple[Any, Any]] = {}
        self.guard = Guard(self)
        self.raised: Any = None  # what the other side raised last
        self._coroutines = Coroutines(self.guard.failed)
        self.line = threading.RLock()
        self._n_waiting = 0
        self._threads = Threads()
        self.around: Any = Surroundings() if is_test else Copies()

    def request(self, *body: Any) -> Any:
        """Return what the other side answers.

        Raises:
            NoValueError: if it does not, or the answer is none.
            BaseException: whatever it raised.
        """
        self.was_reached = self.was_reached or body[0] not in self.not_reaching
        if self.is_test:
            self.guard.asks(body)
        if self.is_test and body[0] == "op" and body[1] in OWN:
            self.own[body[1]] += 1
        if not self.is_test or body[0] not in _RUNS:
            with self._threads.asking() as is_beside, self.line:
                if is_beside and not self.is_test:
                    self._ask(("queued",))
                value = self._ask(tuple(body))
            if body[0] == "names":
                self.guard.answered(body, value)
            return value
        self._n_waiting += 1
        with self.line:
            self._n_waiting -= 1
            for change in self.around.changes():
                self._ask(tuple(change))
            try:
                value = self._ask(tuple(body))
                self.guard.answered(body, value)
                return value
            except NoValueError:  # it may wait for what another thread of the test would ask for
                self.overlaps = self.overlaps or self._n_waiting > 0
                raise
            finally:
                if self.around.is_watched or self.around.roots():
                    self._take_changes()

    def _take_changes(self) -> None:
        try:
            self.around.take(*self._ask(("files",)))
        except (OSError, TypeError, ValueError):
            self.is_broken = True

    def _ask(self, body: tuple[Any, ...]) -> Any:
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
            if kind == "unsupported":
                raise UnsupportedTestError(str(parts))
            if kind in ("ok", "same", "raise"):
                self.is_broken = True
                raise NoValueError("no answer")
            self.line.release()
            try:
                body = tuple(self.answer(kind, parts))
            finally:
                self.line.acquire()

    def answer(self, kind: str, parts: list[Any]) -> list[Any]:
        """Return the reply to a request."""
        try:
            if self.is_test and not self.guard.may(kind, parts):
                raise PermissionError("the tests do not answer that")
            with self._threads.answering():
                value = getattr(self, f"_do_{kind}")(*parts)
            if type(value) in (tuple, frozenset) and kind in ("call", "method"):
                for place, argument in enumerate(parts[-2]):
                    if argument is value:
                        return ["same", place]
            return ["ok", value]
        except UnsupportedTestError as error:
            if self.is_test:
                raise
            return ["unsupported", str(error)]
        except (NoValueError, MemoryError):
            raise
        except BaseException as error:
            if self.is_test:
                self.guard.failed([error])
            return ["raise", error]

    def compare(self, name: str, ours: Any, other: Any) -> Any:
        """Return what the other side's own comparison says; it never sees a value that is the test's own.

        Members of its enums and its named tuples are its own, though they have no number.
        """
        if self.is_test and self.number_of(other) is None and not self.guard.is_theirs(type(other)):
            self.is_vague = True
            self.own[name] += 1
            return NotImplemented
        return self.request("op", name, [ours, other])

    def overlap(self, by_time: bool, is_ours: bool) -> None:
        """Note whether several coroutines of one side run at once, which wait for time to pass."""
        running = [one for number, one in list(self.objects.items()) if (number % 2 == self._next % 2) == is_ours]
        n_running = sum(one.cr_frame is not None for one in running if isinstance(one, types.CoroutineType))
        self.overlaps = self.overlaps or (by_time and n_running > 1)

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
        self.guard.heard(error)
        self.raised = error
        if isinstance(error, SystemExit):
            error.__dict__["is_the_candidates"] = True
        raise error

    @property
    def collapses(self) -> bool:
        """Whether what the candidate would have the tests do at the same time came one after the other."""
        self.around.draws()
        self.overlaps |= self.around.is_mixed
        return self._threads.is_collapsed or self._coroutines.is_collapsed

    def _do_queued(self) -> None:
        self._threads.queued()

    def _do_names(self, names: list[str]) -> dict[str, Any]:
        bound = {**self.methods, **self.namespace}
        return {name: bound[name] for name in names if name in bound}

    def _do_public(self) -> list[list[str]]:
        if "__all__" in self.namespace:
            return [[str(name) for name in self.namespace["__all__"]], []]
        names = [name for name in self.namespace if not name.startswith("_")]
        own = [name for name in names if _is_own(self.namespace[name])]
        return [[*self.methods, *own], [name for name in names if name not in own]]

    def _do_call(self, function: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        return function(*arguments, **options)

    def _do_method(self, owner: Any, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        return getattr(owner, name)(*arguments, **options)

    def _do_op(self, name: str, operands: list[Any]) -> Any:
        return {**OPERATORS, **COPIES, **({} if self.is_test else PICKLES)}[name](*operands)

    def _do_get(self, owner: Any, name: str) -> Any:
        if self.is_test and name == "__dict__":
            return Attributes(owner, self.guard.theirs)
        return getattr(owner, name)

    def _do_set(self, owner: Any, name: str, value: Any) -> None:
        setattr(owner, name, value)

    def _do_delete(self, owner: Any, name: str) -> None:
        delattr(owner, name)

    def _do_signature(self, function: Any) -> list[Any]:
        found = inspect.signature(function)
        flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
        result = found.return_annotation
        return [flags, result is not found.empty, result] + [
            [name, int(one.kind), one.default is not one.empty, one.default, one.annotation is not one.empty,
             one.annotation]
            for name, one in found.parameters.items()
        ]  # fmt: skip

    def _do_derive(self, name: str, bases: list[type], body: list[list[Any]], options: dict[str, Any]) -> type:
        return derived(name, bases, body, options)

    def _do_super(self, owner: type, value: Any, name: str) -> Any:
        return getattr(super(owner, value), name)

    def _do_patch(self, owner: Any, name: str, value: Any) -> None:
        if name in self._names_of(owner):
            self._patched.setdefault((id(owner), name), (owner, self._names_of(owner)[name]))
        self._write(owner, name, value)

    def _do_restore(self, owner: Any, name: str) -> None:
        if (id(owner), name) in self._patched:
            self._write(owner, name, self._patched[id(owner), name][1])
        elif owner is None:
            del self.namespace[name]
        else:
            delattr(owner, name)

    def _names_of(self, owner: Any) -> Any:
        return self.namespace if owner is None else vars(owner)

    def _write(self, owner: Any, name: str, value: Any) -> None:
        if owner is None:
            self.namespace[name] = value
        else:
            setattr(owner, name, value)

    def _do_warned(self, warning: Warning) -> None:
        warnings.warn_explicit(warning, type(warning), "solution.py", 1, "solution")

    def _do_logged(self, plain: list[Any], error: Any, has_own_level: bool) -> None:
        log(plain, error, has_own_level)

    def _do_around(self, what: str, value: Any) -> None:
        self.around.around(what, value)

    def _do_files(self) -> Any:
        return self.around.changed()

    def _do_await(self, coroutine: Any) -> Any:
        return self._coroutines.started(coroutine).result()

    def _do_start(self, coroutine: Any) -> list[Any]:
        return self._coroutines.start(coroutine)

    def _do_poll(self, number: int, is_last: bool) -> list[Any]:
        self.overlap(self._coroutines.by_time, is_ours=True)
        return self._coroutines.poll(number, is_last)

    def _do_cancel(self, number: int) -> None:
        self._coroutines.running[number].cancel()

    def _do_next(self, iterator: Any, count: int) -> tuple[list[Any], Any]:
        items: list[Any] = []
        deadline = perf_counter() + _BATCH_S
        try:
            while len(items) < count and (not items or perf_counter() < deadline):
                items.append(next(iterator))
        except BaseException as error:
            return items, error
        return items, None


def _is_own(value: Any) -> bool:
    """Return whether a value of a solution's namespace is its own, and not what it imported."""
    is_module = isinstance(value, types.ModuleType)
    return not is_module and getattr(value, "__module__", None) in (None, "solution")
