"""Coroutines of one side that the other awaits: each runs in its own side's loop, several at the same time.

A request takes some milliseconds. Where several that wait for time run at once, what a test says of their order
and of how long they took shows nothing (`Session.overlap`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

_WAIT_S = 0.001  # for a coroutine that is through at once
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
        self._loop: Any = None

    def start(self, coroutine: Any) -> list[Any]:
        """Return the number of a coroutine that now runs, and what `poll` says of it."""
        self.running.append(self.started(coroutine))
        return [len(self.running) - 1, *self.poll(len(self.running) - 1, False)]

    def poll(self, number: int, is_last: bool) -> list[Any]:
        """Return whether a coroutine is through, its value, and `by_time`; wait until it is, if that is asked."""
        future = self.running[number]
        try:
            return [True, future.result(None if is_last else _WAIT_S), self.by_time]
        except futures.TimeoutError:
            if future.done():
                raise
            return [False, None, self.by_time]

    def started(self, coroutine: Any) -> Any:
        """Return the future of a coroutine that now runs."""
        import asyncio  # rare, and large

        async def wait() -> Any:
            try:
                return await coroutine
            except BaseException as error:
                self._on_error([error])
                raise

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
