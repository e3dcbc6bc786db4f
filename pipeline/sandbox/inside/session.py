"""Requests between a test and a candidate, each in its own sandbox, over objects that they share (`graph`).

The two sides speak in turn. A request is one of these, a reply `["ok", value]`, `["raise", exception]` or
`["unsupported", why]`;
the side that is asked may ask back before it replies, as when a candidate calls a function that the test gave it:

    names [...]              which of these names the candidate's namespace binds, and to what
    public                   the names that `from solution import *` binds: those of the solution's own, and others
    call f args options      method object name args options      await coroutine
    op name operands         next iterator count      get, set, delete object name [value]
    signature f follows      what `inspect.signature` says of it
    about name value args options   what `typing.get_type_hints` and others say of it (`asking`)
    patch, restore owner name [value]   of a class, or for None of the candidate's namespace; what was there first
    around what value        what the tests have changed around it (`surroundings`); files: what it has changed
    derive name bases body options, super class object name   of a class that a test derives from the candidate's
    warned warning           a warning of the candidate's, for the filters and recorders of the tests
    logged [...] error has_own_level   a log record of the candidate's, for the loggers of the tests
    begin thread request, end n   of a thread beside the one that leads; `idle` of nobody (see `Crew`)
    start c, poll n, cancel n   of coroutines that run at the same time

The test's side answers only what the candidate could ask in one process without looking into the test: calls,
names and signatures of functions that it was given, operators, and the public attributes of other objects, but not
of what leads to the test's own code (`guarding`).

Threads of one side may ask at the same time: the side that asks holds the line until it has its answer, and gives
it up while it answers the other side. What a thread beside the first one asks for begins, and is asked for again
until it is through; meanwhile others ask. While threads of the candidate's run, the tests' side keeps asking.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import types
from collections import Counter
from collections.abc import Callable, Iterator
from time import sleep
from typing import Any

from pairsmith.pipeline.sandbox.inside.coroutines import Coroutines, Crew
from pairsmith.pipeline.sandbox.inside.graph import BrokenMessageError
from pairsmith.pipeline.sandbox.inside.guarding import OWN, Guard
from pairsmith.pipeline.sandbox.inside.remote import UnsupportedTestError
from pairsmith.pipeline.sandbox.inside.replies import IDLE_S, Replies
from pairsmith.pipeline.sandbox.inside.surroundings import Copies, Surroundings
from pairsmith.schemas.values import ValueTooLargeError

_SINGLE_ITEMS = 32  # of an iterator, asked for one by one: a test that counts them sees each when it happens
_COLLECTIONS = 3  # of garbage that garbage on the other side holds
_MOST_ITEMS = 1024  # asked for at once behind that
_RUNS = ("call", "method", "op", "next", "get", "start", "poll", "super")  # they run code of the candidate's


class NoValueError(BaseException):
    """The candidate gave no value: it ran out of time or memory, or broke. No test can expect that."""


class Session(Replies):
    """One side of the conversation.

    Attributes:
        own: how often an answer of the candidate's own `__eq__`, `__bool__` or `__hash__` was asked for, by name.
        is_vague: a value of the test's own was compared by an `__eq__` of the candidate's, which must not see it.
        is_broken: the other side sent what is no message.
        was_reached: something was asked.
        overlaps: coroutines or threads ran at the same time and waited: no test that fails then shows anything.
        namespace, methods: what the candidate binds, and what stands for names that it does not bind.
        sources: the candidate's text and the setup's, by the name of the file that each was compiled as.
    """

    def __init__(self, talk: Callable[[str], str], is_test: bool) -> None:
        """Begin with nothing shared.

        Args:
            talk: sends a message, returns the next one.
            is_test: whether this is the side of the test.
        """
        super().__init__(talk, first=0 if is_test else 1, drops=is_test)
        self.own: Counter[str] = Counter()
        self.is_refused = False
        self.is_vague = self.is_broken = self.was_reached = self.overlaps = False
        self.not_reaching: tuple[str, ...] = ("names", "public", "derive", "get")  # pytest reads attributes
        self.namespace: dict[str, Any] = {}
        self.methods: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        self.is_test = is_test
        self._queues: dict[int, list[Any]] = {}
        self._patched: dict[tuple[int, str], tuple[Any, Any]] = {}
        self.guard = Guard(self)
        self._coroutines = Coroutines(self.guard.failed)
        self.line = threading.RLock()
        self._answering: list[object] = []
        self._answered = threading.Condition(self.line)
        self._n_waiting = self._n_beside = 0
        self._crew = Crew(int(is_test))
        self._leader = threading.current_thread()
        self._is_attended = False
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
        is_run = self.is_test and body[0] in _RUNS
        is_leading = not self._n_beside and threading.current_thread() is self._leader
        is_leading = is_leading or threading.current_thread() is self._coroutines.thread
        turn = contextlib.nullcontext if is_leading else self._turn
        with self._turn() if is_leading else contextlib.nullcontext():
            if is_run:
                with turn():
                    for change in self.around.changes():
                        self._ask(tuple(change))
            try:
                if body[0] == "about" and not is_leading:  # whose answer is looked at on the way
                    with self._turn():
                        value = self._ask(body)
                else:
                    value = self._ask(body) if is_leading else self._ask_beside(body)
                if self.is_test:
                    self.guard.answered(body, value)
                return value
            except NoValueError:  # it may wait for what another thread of the test would ask for
                self.overlaps = self.overlaps or self._n_waiting > 0
                raise
            finally:
                if is_run and (self.around.is_watched or self.around.roots()):
                    with turn():
                        self._take_changes()
                if self.is_test and self.is_busy_there and not self._is_attended:
                    self._is_attended = True
                    threading.Thread(target=self._attend, daemon=True).start()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        self._n_waiting += 1
        with self.line:
            self._n_waiting -= 1
            yield

    def _ask_beside(self, body: tuple[Any, ...]) -> Any:
        """Ask from a thread beside the one that leads: others ask while the other side is about it."""
        with self._crew.waiting() as (name, work):
            with self._turn():
                self._n_beside += 1
                is_alone = self._n_threads <= 2 and self._n_beside == 1
                number, reply = self._ask(("begin", name, is_alone, *body))
            pause_s = 0.0005
            while reply is None:
                work(pause_s)
                pause_s = min(2 * pause_s, 0.01)
                with self._turn():
                    reply = self._ask(("end", number))
            self._n_beside -= 1
        return self._heard(body, reply[0], list(reply[1:]))

    def _attend(self) -> None:
        """Ask for nothing as long as threads of the other side's run, which may ask only meanwhile."""
        with contextlib.suppress(BaseException):
            while self.is_busy_there:
                sleep(IDLE_S)
                with self.line:
                    self._ask(("idle",))
        self._is_attended = False

    def watch_lives(self, file: str) -> None:
        """Look before each instruction of the tests for what they let go; `gc.collect` collects on both sides."""
        if not self.lives.is_exact:
            return

        def step(frame: Any, event: str, _value: Any) -> Any:
            if frame.f_code.co_filename != file:
                return None
            frame.f_trace_opcodes = True
            if any(self.lives.look()[:2]):
                with self.line:
                    self._ask(("idle",))
            return step

        def collect(generation: int = 2) -> int:
            n_found = real(generation)
            for _ in range(_COLLECTIONS):
                self.lives.collect()
                with self.line:
                    self._ask(("collect",))
            self.is_refused = self.is_refused or self.lives.has_cycles()
            return n_found

        real, gc.collect = gc.collect, collect
        sys.settrace(step)

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
            if body[0] in ("ok", "same", "raise"):
                body = body[:1]
            kind, *parts = self._read(self.talk(text))
            if kind in ("ok", "same", "raise", "unsupported"):
                return self._heard(body, kind, parts)
            body = tuple(self.reply(kind, parts))
            parts.clear()

    def reply(self, kind: str, parts: list[Any]) -> list[Any]:
        """Return the reply to a request, with the line given up meanwhile; the last that came goes first."""
        if self.is_test and kind in ("begin", "end"):  # at once: else a thread over there would do others' work
            return self.answer(kind, parts)
        place = object()
        self._answering.append(place)
        self.line.release()
        try:
            return self.answer(kind, parts)
        finally:
            self.line.acquire()
            while self._answering[-1] is not place:
                self._answered.wait()
            self._answering.pop()
            self._answered.notify_all()

    def _heard(self, body: tuple[Any, ...], kind: Any, parts: list[Any]) -> Any:
        """Return or raise what the other side replied to a request."""
        if kind == "ok" and len(parts) == 1:
            return parts[0]
        if kind == "same" and body[0] in ("call", "method"):
            return body[-2][parts[0]]
        if kind == "raise" and isinstance(parts[0], BaseException):
            self._raise(parts.pop())
        if kind == "unsupported":
            raise UnsupportedTestError(str(parts))
        self.is_broken = True
        raise NoValueError("no answer")

    def answer(self, kind: str, parts: list[Any]) -> list[Any]:
        """Return the reply to a request."""
        try:
            if self.is_test and not self.guard.may(kind, parts):
                raise PermissionError("the tests do not answer that")
            value = getattr(self, f"_do_{kind}")(*parts)
            if type(value) in (tuple, frozenset) and kind in ("call", "method"):
                for place, argument in enumerate(parts[-2]):
                    if argument is value:
                        return ["same", place]
            return ["ok", value]
        except UnsupportedTestError as error:
            if self.is_test:
                self.is_refused = True  # a thread of the tests may keep it to itself
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
        try:
            raise error
        finally:
            del error  # its traceback leads here

    @property
    def collapses(self) -> bool:
        """Whether a test can show nothing: it was asked too much, or what overlaps came one after the other."""
        self.around.draws()
        self.overlaps |= self.around.is_mixed
        return self.is_refused or self._coroutines.is_collapsed

    @property
    def is_busy(self) -> bool:
        """Whether threads run on this side, beside those that stand for others."""
        return self._n_threads > 1

    @property
    def _n_threads(self) -> int:
        n_others = len(self._crew) + self._is_attended + (self._coroutines.thread is not None)
        return threading.active_count() - n_others
