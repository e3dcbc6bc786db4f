"""Coroutines of one side that the other awaits: each runs in its own side's loop, several at the same time.

A request takes some milliseconds. Where several that wait for time run at once, what a test says of their order
and of how long they took shows nothing where it fails (`Session.overlap`). What runs at the same time in one
process may come one after the other here: a coroutine of a test's was through before the candidate began the next
beside it, or a thread of the candidate's waited to ask while a test slept for another one. A test that could see
that shows nothing.
"""

from __future__ import annotations

import contextlib
import resource
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

_STEP_S = 0.05  # until a coroutine is through at once, or waits for something
_WAIT_S = 0.001  # for one that was asked for again
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
        self._unheard: set[int] = set()  # those that were not through when the other side last asked
        self._loop: Any = None

    def start(self, coroutine: Any) -> list[Any]:
        """Return the number of a coroutine that now runs, and what `poll` says of it.

        One that waits for anything is not through yet, as in one loop: the other side begins others beside it.
        """
        self.is_collapsed = self.is_collapsed or any(self.running[number].done() for number in self._unheard)
        number, step = len(self.running), futures.Future[bool]()
        self.running.append(self.started(coroutine, step.set_result))
        with contextlib.suppress(futures.TimeoutError):
            if not step.result(_STEP_S):
                return [number, *self.poll(number, False)]
        if getattr(getattr(coroutine, "cr_code", None), "co_freevars", ("",)):  # it may note when it runs
            self._unheard.add(number)
        return [number, False, None, self.by_time]

    def poll(self, number: int, is_last: bool) -> list[Any]:
        """Return whether a coroutine is through, its value, and `by_time`; wait until it is, if that is asked."""
        future = self.running[number]
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

    def started(self, coroutine: Any, on_step: Callable[[bool], Any] = bool) -> Any:
        """Return the future of a coroutine that now runs.

        Args:
            on_step: is told behind its first step whether it waits for something.
        """
        import asyncio  # rare, and large

        async def wait() -> Any:
            is_through = False
            self._loop.call_soon(lambda: on_step(not is_through))
            try:
                return await coroutine
            except BaseException as error:
                self._on_error([error])
                raise
            finally:
                is_through = True

        if self._loop is None:  # one for all: what is awaited in parts must stay in its loop
            self._loop = asyncio.new_event_loop()
            self._loop.call_at = self._timed(self._loop.call_at)
            threading.Thread(target=self._loop.run_forever, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(wait(), self._loop)

    def _timed(self, call_at: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.by_time = True
            return call_at(*arguments, **options)

        return call


class Threads:
    """Those of this side's that ask the other side, one at a time.

    Attributes:
        is_collapsed: whether one of the other side's had to wait while this side slept for another one.
    """

    def __init__(self) -> None:
        """None has asked yet."""
        self.is_collapsed = False
        self._asking: set[int] = set()
        self._has_slept = False

    @contextlib.contextmanager
    def asking(self) -> Iterator[bool]:
        """Note that this thread asks, which may happen while it already does; give whether another one does."""
        thread = threading.get_ident()
        is_first = thread not in self._asking
        is_beside = bool(self._asking - {thread})
        self._asking.add(thread)
        try:
            yield is_beside
        finally:
            if is_first:
                self._asking.discard(thread)

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Note whether the answer waits for anything: quick ones come one after the other in one process too."""
        n_waits = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        yield
        self._has_slept = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw > n_waits

    def queued(self) -> None:
        """Hear that a thread of the other side's had to wait."""
        self.is_collapsed = self.is_collapsed or self._has_slept
