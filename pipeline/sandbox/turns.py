"""How many programs run at once: fewer on an overloaded machine, and a slow one doesn't hold up the others."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

_OVERTIME_S = (
    1.0  # a program that takes longer gives its turn to another; few do, and most of those burn their limit
)
_LOOK_S = 0.1  # how often one who waits looks for such a program
_CALM = 50  # programs in a row that got their processor, until one more may run at once


class Turns:
    """Turns to run, `n_most` at once; as many again may be in overtime, which hold up nobody."""

    def __init__(self, n_most: int) -> None:
        """Allow `n_most` at once."""
        self.n_most = self.n_allowed = n_most
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._running: dict[object, float] = {}
        self._overtime: set[object] = set()
        self._n_calm = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for a turn, first come first served, and hold it."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            while self._waiting[0] is not ticket or not self._is_free():
                self._changed.wait(_LOOK_S)
            self._waiting.popleft()
            self._running[ticket] = time.monotonic()
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._running.pop(ticket, None)
                self._overtime.discard(ticket)
                self._changed.notify_all()

    def note(self, was_starved: bool) -> None:
        """Learn whether a program ran out of time while others had its processor: then fewer run at once."""
        with self._changed:
            self._n_calm = 0 if was_starved else self._n_calm + 1
            if was_starved:
                self.n_allowed = max(1, self.n_allowed - 1)
            elif self._n_calm >= _CALM and self.n_allowed < self.n_most:
                self._n_calm = 0
                self.n_allowed += 1
                self._changed.notify_all()

    def _is_free(self) -> bool:
        if len(self._running) >= self.n_allowed and len(self._overtime) < self.n_allowed:
            now = time.monotonic()
            slow = next((ticket for ticket, start in self._running.items() if now - start >= _OVERTIME_S), None)
            if slow is not None:
                del self._running[slow]
                self._overtime.add(slow)
        return len(self._running) < self.n_allowed
