"""How many completions one server draws at a time: more while that helps, half when it is overloaded.

Additive increase and multiplicative decrease, as in TCP (Chiu and Jain 1989). The limit counts completions, not
requests: a request with `n = 16` takes 16 places. It rises while the server makes no fewer tokens a second.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
FIRST = 32
_RISE = 0.25  # of the limit, at each window
_HELD = 0.9  # share of the best rate that still counts as holding; less is noise
_WINDOWS_UNTIL_RETRY = 8  # windows of a held limit, until a rise is tried again


@dataclass(slots=True)
class Gate:
    """One server's limit.

    Attributes:
        most: the limit never exceeds it.
        limit: completions that may be drawn at a time now.
        n_now: completions being drawn.
        resume_at: no request is sent before this time of the monotonic clock.
        n_answered: answers so far.
    """

    url: str
    most: int
    limit: float = FIRST
    n_now: int = 0
    resume_at: float = 0.0
    n_answered: int = 0
    _last_cut: float = field(default=0.0)
    _best: float = field(default=0.0)
    _n_held: int = field(default=0)
    _n_in_window: int = field(default=0)
    _tokens_in_window: int = field(default=0)
    _window_start: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Keep the first limit under the highest."""
        self.limit = min(self.limit, self.most)

    def has_room(self, n: int = 1) -> bool:
        """Return whether a request for n completions may be sent now; an idle server takes any."""
        fits = self.n_now == 0 or self.n_now + n <= int(self.limit)
        return fits and time.monotonic() >= self.resume_at

    def load(self) -> float:
        """Return the share of the limit that is in use."""
        return self.n_now / max(self.limit, 1.0)

    def succeeded(self, n_tokens: int, n: int = 1) -> None:
        """Count an answer of n completions; raise the limit after as many as it allows, if the rate held."""
        now = time.monotonic()
        self.n_answered += 1
        self._n_in_window += n
        self._tokens_in_window += max(n_tokens, 1)
        if self._n_in_window < int(self.limit):
            return
        rate = self._tokens_in_window / max(now - self._window_start, 1e-6)
        self._open_window(now)
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
            self._open_window(now)

    def _open_window(self, now: float) -> None:
        self._n_in_window, self._tokens_in_window, self._window_start = 0, 0, now


class Gates:
    """The servers of one model; a request goes to the one with most room."""

    def __init__(self, urls: tuple[str, ...], most: int, first: int = FIRST) -> None:
        """Make a gate for each address."""
        self.gates = [Gate(url, most, float(first)) for url in urls]
        self._changed = asyncio.Condition()

    def room(self) -> int:
        """Return the completions that all servers may draw at a time."""
        return sum(int(gate.limit) for gate in self.gates)

    async def enter(self, n: int = 1) -> Gate:
        """Wait until a server has room for n completions, and take it."""
        async with self._changed:
            while True:
                free = [gate for gate in self.gates if gate.has_room(n)]
                if free:
                    gate = min(free, key=Gate.load)
                    gate.n_now += n
                    return gate
                pause = min((gate.resume_at for gate in self.gates), default=0.0) - time.monotonic()
                try:
                    async with asyncio.timeout(pause if pause > 0 else None):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    async def leave(self, gate: Gate, n: int = 1) -> None:
        """Give back the room of a request."""
        async with self._changed:
            gate.n_now -= n
            self._changed.notify_all()


class ClientLoop:
    """An event loop in a thread of its own: the caller may itself run in one, where `asyncio.run` is refused.

    Attributes:
        outcomes: one list for each job: its outcomes, or the error that ended it.
    """

    def __init__(self, open_client: Callable[[], tuple[httpx.AsyncClient, Gates]]) -> None:
        """Make the loop; `open_client` is called inside it."""
        self.outcomes: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
        self._open_client = open_client
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai-sampler", daemon=True)

    def __enter__(self) -> "ClientLoop":
        """Start the thread and open the client."""
        self._thread.start()
        self._client, self._gates = self._wait_for(self._opened())
        return self

    def __exit__(self, *error: object) -> None:
        """Cancel what is under way, then end the thread."""
        self._wait_for(self._closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def room(self) -> int:
        """Return the completions that all servers may draw at a time."""
        return self._gates.room()

    def submit(
        self, ask: Callable[[httpx.AsyncClient, Gates, T], Coroutine[Any, Any, list[Any]]], group: T
    ) -> None:
        """Start a job; its outcomes, or the error that it ends in, come as one list."""
        self._loop.call_soon_threadsafe(self._start, ask, group)

    def _start(self, ask: Callable[..., Any], group: Any) -> None:
        async def work() -> None:
            try:
                self.outcomes.put(await ask(self._client, self._gates, group))
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                self.outcomes.put([error])

        task = self._loop.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _opened(self) -> tuple[httpx.AsyncClient, Gates]:
        return self._open_client()

    async def _closed(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()
