"""How many programs run at once, and how fast this machine runs them.

How many programs run at once: fewer on an overloaded machine, and a slow one doesn't hold up the others.

Measures how fast this machine runs programs, so that limits of time mean the same on a slower one.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from pairsmith.pipeline.sandbox.contract import Job
from pairsmith.pipeline.sandbox.sandbox import Sandbox
from pairsmith.schemas.config import SandboxConfig
from pairsmith.schemas.values import decode_value

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
        self._is_alone = False
        self._n_calm = 0

    @contextmanager
    def take(self, alone: bool = False) -> Iterator[None]:
        """Wait for a turn, first come first served, and hold it.

        Args:
            alone: wait until nothing else runs, and let nothing else start meanwhile.
        """
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or not self._is_free(alone):
                    self._changed.wait(_LOOK_S)
            finally:  # also where Ctrl-C ends the waiting
                self._waiting.remove(ticket)
            self._running[ticket] = time.monotonic()
            self._is_alone = alone
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._running.pop(ticket, None)
                self._overtime.discard(ticket)
                self._is_alone &= not alone
                self._changed.notify_all()

    def note(self, waited_long: bool) -> None:
        """Learn whether a program ran out of time while others had its processor: then fewer run at once."""
        with self._changed:
            self._n_calm = 0 if waited_long else self._n_calm + 1
            if waited_long:
                self.n_allowed = max(1, self.n_allowed - 1)
            elif self._n_calm >= _CALM and self.n_allowed < self.n_most:
                self._n_calm = 0
                self.n_allowed += 1
                self._changed.notify_all()

    def _is_free(self, alone: bool) -> bool:
        if self._is_alone:
            return False
        if alone:
            return not self._running and not self._overtime
        if len(self._running) >= self.n_allowed and len(self._overtime) < self.n_allowed:
            now = time.monotonic()
            slow = next((ticket for ticket, start in self._running.items() if now - start >= _OVERTIME_S), None)
            if slow is not None:
                del self._running[slow]
                self._overtime.add(slow)
        return len(self._running) < self.n_allowed


# CPU seconds of the probe on the machine that the default limits were chosen on: two threads of a cloud's x86_64,
# both busy, CPython 3.11 of Debian 12. The best of 20 runs was 0.012 to 0.018 s.
REFERENCE_S = 0.018
_N_RUNS = 5
_EVERYDAY = 1.2  # a slower run than this may be noise as well
_MOST = 10.0

# What solutions are made of: calls, loops, small containers, integers and text.
_PROBE = """
import time
def work(n):
    table, total = {}, 0
    for i in range(n):
        table[i % 257] = table.get(i % 257, 0) + i * i
        total += len(str(i)) + sum(x for x in (i, i + 1, i + 2))
    return total + len(sorted(table.values()))
def probe(n):
    start = time.process_time()
    work(n)
    return time.process_time() - start
"""
_N_STEPS = 60_000


def measure_slowness(sandbox: Sandbox) -> float:
    """Return how many times longer than on the reference machine a program takes here, in [1, 10].

    CPU time is measured, the best of some runs: other load doesn't matter. 1.0 for less than a fifth longer.

    Raises:
        SandboxFaultError: if the sandbox breaks.
    """
    answers, _ = sandbox.run(Job("", _PROBE, "probe", (f"[{_N_STEPS}]",) * _N_RUNS))
    seconds = [decode_value(answer.value) for answer in answers if answer.value]
    if not seconds:
        return _MOST  # it did not even end within the limits
    slowness = min(seconds) / REFERENCE_S
    return 1.0 if slowness < _EVERYDAY else min(round(slowness, 1), _MOST)


def scale_limits(config: SandboxConfig, slowness: float) -> SandboxConfig:
    """Return the same configuration with all limits of time multiplied; CPU seconds are rounded up."""
    if slowness == 1.0:
        return config
    return config.model_copy(
        update={
            "cpu_s": math.ceil(config.cpu_s * slowness),
            "wall_s": config.wall_s * slowness,
            "case_wall_s": config.case_wall_s * slowness,
            "total_wall_s": config.total_wall_s * slowness,
        }
    )
