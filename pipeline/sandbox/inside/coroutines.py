"""Coroutines of one side that the other awaits: each runs in its own side's loop, several at the same time.

A request takes some milliseconds. Where several that wait for time run at once, what a test says of their order
and of how long they took shows nothing where it fails (`Session.overlap`). What runs at the same time in one
process may come one after the other here: a coroutine of a test's was through before the candidate began the next
beside it. A test that could see that shows nothing. Threads run at the same time on both sides (`Crew`).
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

_WAIT_S = 0.001  # for one that was asked for again
_GATE_S = 0.05  # that a job waits for others to begin with
_POLLED_S = 2.0  # then nobody else runs until a coroutine is through: it may never be


def coroutine_of(peer: Any) -> Any:
    """Return a coroutine of this side's, which stands for one of the other side's."""
    holder: list[Any] = []  # the coroutine itself, whose number is the stand-in's

    async def run() -> Any:
        import asyncio  # rare, and large

        try:
            asyncio.get_running_loop()
        except RuntimeError:  # driven by hand
            return peer.request("await", holder.pop())
        number, is_done, value, by_time = peer.request("start", holder[0])
        pause_s, waited_s = 0.001, 0.0
        try:
            while not is_done:  # others of this side run meanwhile
                await asyncio.tasks.sleep(pause_s)
                waited_s += pause_s
                pause_s = min(2 * pause_s, 0.02)
                is_done, value, by_time = peer.request("poll", number, waited_s > _POLLED_S)
        except (asyncio.CancelledError, GeneratorExit):
            peer.request("cancel", number)
            raise
        finally:
            peer.overlap(by_time, is_ours=False)
        return value

    made = run()
    holder.append(made)
    return made


class _Loop:
    """An event loop in a thread of its own, which halts where a coroutine begins until it is told to go on.

    Coroutines that the other side begins beside each other each do their first step before any does its second.
    """

    def __init__(self) -> None:
        import asyncio  # rare, and large

        self.loop: Any = asyncio.new_event_loop()
        self._jobs: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self._is_free, self._lock = False, threading.Lock()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def go_on(self) -> None:
        """Let it run from now on."""
        with self._lock:
            if not self._is_free:
                self._is_free = True
                self._jobs.put(self.loop.run_forever)

    def begin(self, coroutine: Any) -> tuple[Any, bool]:
        """Return the future of a coroutine that has done its first step, and whether it is through by that."""
        import asyncio

        with self._lock:
            if self._is_free:
                self.loop.call_soon_threadsafe(self.loop.stop)
                self._is_free = False
            made, is_done = list[Any](), threading.Event()

            def first() -> None:
                held, self.loop._ready = self.loop._ready, collections.deque()
                try:
                    made.append(asyncio.run_coroutine_threadsafe(wait(), self.loop))
                    self._turn()  # makes a task of it
                    self._turn()
                    while is_through and not made[0].done():
                        self._turn()
                finally:
                    self.loop._ready.extendleft(reversed(held))
                    is_done.set()

            is_through = list[bool]()

            async def wait() -> Any:
                try:
                    return await coroutine
                finally:
                    is_through.append(True)

            self._jobs.put(first)
        is_done.wait()
        return made[0], bool(is_through)

    def _turn(self) -> None:
        """Run what is ready, once."""
        self.loop.stop()
        self.loop.run_forever()

    def _work(self) -> None:
        while True:
            with contextlib.suppress(BaseException):
                self._jobs.get()()


class Coroutines:
    """Those of this side's that run for the other side."""

    def __init__(self, on_error: Callable[[list[Any]], None]) -> None:
        """Run none yet.

        Args:
            on_error: is given the exception, in a list, that ends one.
        """
        self._on_error = on_error
        self.running: list[Any] = []
        self.by_time = False  # whether any of them waited for time to pass
        self.is_collapsed = False  # whether one was through before the other side began another beside it
        self.thread: Any = None  # where they run
        self._unheard: set[int] = set()  # those that were not through when the other side last asked
        self._loop: _Loop | None = None

    def start(self, coroutine: Any) -> list[Any]:
        """Return the number of a coroutine that now runs, and what `poll` says of it.

        One that waits for anything is not through yet, as in one loop: the other side begins others beside it,
        and none goes on before one is asked for.
        """
        self.is_collapsed = self.is_collapsed or any(self.running[number].done() for number in self._unheard)
        number, (future, is_through) = len(self.running), self._loop_for().begin(self._waiting(coroutine))
        self.running.append(future)
        if is_through:
            return [number, *self.poll(number, False)]
        if getattr(getattr(coroutine, "cr_code", None), "co_freevars", ("",)):  # it may note when it runs
            self._unheard.add(number)
        return [number, False, None, self.by_time]

    def poll(self, number: int, is_last: bool) -> list[Any]:
        """Return whether a coroutine is through, its value, and `by_time`; wait until it is, if that is asked."""
        future = self.running[number]
        self._loop_for().go_on()
        try:
            value = future.result(None if is_last else _WAIT_S)
        except futures.TimeoutError:
            if future.done():
                raise
            return [False, None, self.by_time]
        finally:
            if future.done():
                self._unheard.discard(number)
        return [True, value, self.by_time]

    def started(self, coroutine: Any) -> Any:
        """Return the future of a coroutine that now runs."""
        import asyncio  # rare, and large

        loop = self._loop_for()
        loop.go_on()
        return asyncio.run_coroutine_threadsafe(self._waiting(coroutine), loop.loop)

    async def _waiting(self, coroutine: Any) -> Any:
        try:
            return await coroutine
        except BaseException as error:
            self._on_error([error])
            raise

    def _loop_for(self) -> _Loop:
        """Return the loop: one for all, since what is awaited in parts must stay in its loop."""
        if self._loop is None:
            self._loop = _Loop()
            self._loop.loop.call_at = self._timed(self._loop.loop.call_at)
            self.thread = self._loop.thread
        return self._loop

    def _timed(self, call_at: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.by_time = True
            return call_at(*arguments, **options)

        return call


class Crew:
    """Threads of this side's that stand for threads of the other side's, so that these run at the same time here.

    What a thread asks for runs in a thread of its own over there; what that one asks for comes back to the first.
    So each thread has its own identity, `threading.local` and context on both sides, and one that waits or sleeps
    keeps nobody.
    """

    def __init__(self, side: int) -> None:
        """Stand for nobody yet."""
        self._side, self._names, self._here = side, itertools.count(), threading.local()
        self._waiting: dict[Any, list[Any]] = {}
        self._standing: dict[Any, futures.ThreadPoolExecutor] = {}
        self._jobs: dict[int, futures.Future[Any]] = {}
        self._gate = threading.Event()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[tuple[Any, Callable[[float], None]]]:
        """Give the name of this thread, which waits for the other side, and what has it do its work meanwhile."""
        if not hasattr(self._here, "name"):
            self._here.name = (self._side, next(self._names))
        inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        waiting = self._waiting.setdefault(self._here.name, [])
        waiting.append(inbox)

        def work(limit_s: float) -> None:
            with contextlib.suppress(queue.Empty):
                inbox.get(timeout=limit_s)()

        try:
            yield self._here.name, work
        finally:
            waiting.remove(inbox)

    def begin(self, name: Any, is_alone: bool, job: Callable[[], Any]) -> tuple[int, Any]:
        """Return the number of a job for a thread that stands for another one, and what `end` says.

        Jobs of several threads begin together, when one of these asks for the end of its own: calls that overlap
        in one process overlap here.
        """
        number, gate = next(self._names), self._gate
        future: futures.Future[Any] = futures.Future()

        def run() -> None:
            gate.wait(_GATE_S)
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)

        if self._waiting.get(name):
            self._waiting[name][-1].put(run)
        else:
            if name not in self._standing:
                self._standing[name] = futures.ThreadPoolExecutor(
                    1, initializer=lambda: setattr(self._here, "name", name)
                )
            self._standing[name].submit(run)
        self._jobs[number] = future
        return number, self.end(number) if is_alone else None

    def end(self, number: int) -> Any:
        """Return what a job gave; None if it is not through."""
        self._gate.set()
        self._gate = threading.Event()
        future = self._jobs[number]
        if not futures.wait([future], _WAIT_S).done:
            return None
        del self._jobs[number]
        return future.result()

    def __len__(self) -> int:
        """Count the threads that stand for others."""
        return len(self._standing)
