"""How many requests one server gets at a time: more while that helps, half when it says that it is too much.

Additive increase and multiplicative decrease, as in TCP (Chiu and Jain 1989). Latency holds, here, while it
grows no faster than the number of requests under way: while the server makes no fewer tokens a second.
"""

import asyncio
import time
from dataclasses import dataclass, field

FIRST = 8
_RISE = 0.25  # of the limit, at each window
_HELD = 0.9  # share of the best rate that still counts as holding; less is noise
_WINDOWS_UNTIL_RETRY = 8  # windows of a held limit, until a rise is tried again


@dataclass(slots=True)
class Gate:
    """One server's limit.

    Attributes:
        most: the limit never exceeds it.
        limit: requests that may be under way now.
        n_now: requests under way.
        resume_at: no request is sent before this time of the monotonic clock.
    """

    url: str
    most: int
    limit: float = FIRST
    n_now: int = 0
    resume_at: float = 0.0
    _last_cut: float = field(default=0.0)
    _best: float = field(default=0.0)
    _n_held: int = field(default=0)
    _window: list[tuple[float, int]] = field(default_factory=list)
    _window_start: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Keep the first limit under the highest."""
        self.limit = min(self.limit, self.most)

    def has_room(self) -> bool:
        """Return whether one more request may be sent now."""
        return self.n_now < int(self.limit) and time.monotonic() >= self.resume_at

    def load(self) -> float:
        """Return the share of the limit that is in use."""
        return self.n_now / max(self.limit, 1.0)

    def succeeded(self, n_tokens: int) -> None:
        """Count an answer; raise the limit after as many as are allowed at a time, if the rate held."""
        now = time.monotonic()
        self._window.append((now, max(n_tokens, 1)))
        if len(self._window) < int(self.limit):
            return
        rate = sum(n for _, n in self._window) / max(now - self._window_start, 1e-6)
        self._window, self._window_start = [], now
        if rate >= _HELD * self._best or self._n_held >= _WINDOWS_UNTIL_RETRY:
            self.limit = min(float(self.most), self.limit + max(1.0, self.limit * _RISE))
            self._best, self._n_held = max(rate, self._best if self._n_held == 0 else 0.0), 0
        else:
            self._n_held += 1

    def overloaded(self, sent_at: float, retry_after_s: float = 0.0) -> None:
        """Halve the limit, once for all requests that were sent before the last cut; wait as the server asks."""
        now = time.monotonic()
        self.resume_at = max(self.resume_at, now + retry_after_s)
        if sent_at >= self._last_cut:
            self.limit, self._last_cut = max(1.0, self.limit / 2), now
            self._window, self._window_start = [], now


class Gates:
    """The servers of one model; a request goes to the one with most room."""

    def __init__(self, urls: tuple[str, ...], most: int, first: int = FIRST) -> None:
        """Make a gate for each address."""
        self.gates = [Gate(url, most, float(first)) for url in urls]
        self._changed = asyncio.Condition()

    def room(self) -> int:
        """Return the requests that all servers may have under way."""
        return sum(int(gate.limit) for gate in self.gates)

    async def enter(self) -> Gate:
        """Wait until a server has room, and take it."""
        async with self._changed:
            while True:
                free = [gate for gate in self.gates if gate.has_room()]
                if free:
                    gate = min(free, key=Gate.load)
                    gate.n_now += 1
                    return gate
                pause = min((gate.resume_at for gate in self.gates), default=0.0) - time.monotonic()
                try:
                    async with asyncio.timeout(pause if pause > 0 else None):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    async def leave(self, gate: Gate) -> None:
        """Give back the room of a request."""
        async with self._changed:
            gate.n_now -= 1
            self._changed.notify_all()
