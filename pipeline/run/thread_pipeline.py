"""Workers in a line, joined by bounded queues: all work at the same time; a slow one holds up those before it."""

import contextvars
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

_LOOK_EVERY_S = 0.2
_END = object()


class Line:
    """One thread a step; what a step returns goes to the next.

    An error in any step ends the line: the next `put`, or `finish`, raises it.
    """

    def __init__(self, steps: Sequence[Callable[[Any], Iterable[Any]]], n_waiting: int) -> None:
        """Start the threads; they see the caller's context variables.

        Args:
            steps: each takes an item and returns those for the next step; the last step's are dropped.
            n_waiting: items that may wait before each step.
        """
        self._queues: list[queue.Queue[Any]] = [queue.Queue(n_waiting) for _ in steps]
        self._error: BaseException | None = None
        self._ended = threading.Event()
        self._threads = []
        for number, step in enumerate(steps):
            context = contextvars.copy_context()
            thread = threading.Thread(
                target=context.run, args=(self._work, number, step), name=f"line-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def put(self, item: Any) -> None:
        """Hand an item to the first step; waits while that has enough.

        Raises:
            BaseException: what a step raised.
        """
        self._put(0, item)
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Wait until all that was put is done.

        Raises:
            BaseException: what a step raised.
        """
        self._put(0, _END)
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error

    def abort(self, limit_s: float) -> None:
        """End the line after the items that are in work; wait for it, but not longer than this."""
        self._ended.set()
        for thread in self._threads:
            thread.join(limit_s)

    def n_waiting(self) -> list[int]:
        """Return how many items wait before each step."""
        return [waiting.qsize() for waiting in self._queues]

    def _put(self, number: int, item: Any) -> None:
        while not self._ended.is_set():
            try:
                self._queues[number].put(item, timeout=_LOOK_EVERY_S)
                return
            except queue.Full:
                continue

    def _take(self, number: int) -> Any:
        while not self._ended.is_set():
            try:
                return self._queues[number].get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                continue
        return _END

    def _work(self, number: int, step: Callable[[Any], Iterable[Any]]) -> None:
        try:
            while (item := self._take(number)) is not _END:
                for made in step(item):
                    if number + 1 < len(self._queues):
                        self._put(number + 1, made)
            if number + 1 < len(self._queues):
                self._put(number + 1, _END)
        except BaseException as error:
            self._error = self._error or error
            self._ended.set()
