"""How many completions one server draws at a time: more while that helps, half when it is overloaded.

Additive increase and multiplicative decrease, as in TCP (Chiu and Jain 1989). The limit counts completions, not
requests: a request with `n = 16` takes 16 places. It doubles until the first sign of overload (slow start), then
rises by a quarter, while the server makes no fewer tokens a second. A request keeps its places until its longest
completion ends; where a server reports what runs and what waits, so much is under way as keeps its batch full.
"""

import asyncio
import queue
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
FIRST = 32
_RISE = 0.25  # of the limit, at each window
_HELD = 0.9  # share of the best rate that still counts as holding; less is noise
_METRIC = re.compile(
    r"^vllm:(generation_tokens_total|num_requests_running|num_requests_waiting)(?:\{[^}]*\})? ([0-9.eE+]+)$",
    re.MULTILINE,
)
_METRICS_LIMIT_S = 10.0
_FULL = 0.95  # share of the highest number at which a batch counts as full
_MOST_AHEAD = 4.0  # times the highest number may be under way: of 16 lengths the longest is some 3 times the mean
_WINDOWS_UNTIL_RETRY = 8  # windows of a held limit, until a rise is tried again


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a vLLM server reports: sequences that run and that wait now, and tokens made so far."""

    n_running: float
    n_waiting: float
    n_tokens: float


async def read_metrics(client: httpx.AsyncClient, url: str) -> Metrics | None:
    """Return what a vLLM server reports in Prometheus's form; None if it is away, or another server."""
    counts: dict[str, float] = defaultdict(float)
    try:
        answer = await client.get(httpx.URL(url).copy_with(path="/metrics"), timeout=_METRICS_LIMIT_S)
    except httpx.HTTPError:
        return None
    for name, value in _METRIC.findall(answer.text) if answer.status_code == 200 else ():
        counts[name] += float(value)
    if "generation_tokens_total" not in counts:
        return None
    return Metrics(
        counts["num_requests_running"], counts["num_requests_waiting"], counts["generation_tokens_total"]
    )


@dataclass(slots=True)
class Gate:
    """One server's limit."""

    url: str
    most: int  # the limit never exceeds it
    limit: float = FIRST  # completions that may be drawn at a time now
    n_now: int = 0  # completions being drawn
    resume_at: float = 0.0  # no request is sent before this time of the monotonic clock
    n_answered: int = 0  # answers so far
    is_steered: bool = False  # whether the server's own reports set the limit (see `steer`)
    _last_cut: float = 0.0
    _best: float = 0.0
    _n_held: int = 0
    _is_probed: bool = False  # the slow start has ended
    _n_in_window: int = 0
    _tokens_in_window: int = 0
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
        if self.is_steered or self._n_in_window < int(self.limit):
            return
        rate = self._tokens_in_window / max(now - self._window_start, 1e-6)
        self._open_window(now)
        if rate >= _HELD * self._best or self._n_held >= _WINDOWS_UNTIL_RETRY:
            rise = self.limit * _RISE if self._is_probed else self.limit
            self.limit = min(float(self.most), self.limit + max(1.0, rise))
            self._best, self._n_held = max(rate, self._best if self._n_held == 0 else 0.0), 0
        else:
            self._n_held += 1
            self._is_probed = True

    def steer(self, n_running: float, n_waiting: float) -> None:
        """Follow a server's report: more while nothing waits and its batch has room, less while much waits."""
        self.is_steered = True
        if n_waiting == 0 and n_running < _FULL * self.most and self.n_now > self.limit / 2:
            self.limit = min(self.limit * (1 + _RISE), _MOST_AHEAD * self.most)
        elif n_waiting > n_running / 2:
            self.limit = max(1.0, self.limit * (1 - _RISE / 2))

    def overloaded(self, sent_at: float, retry_after_s: float = 0.0) -> None:
        """Halve the limit, once for all requests that were sent before the last cut; wait as the server asks."""
        now = time.monotonic()
        self.resume_at = max(self.resume_at, now + retry_after_s)
        if sent_at >= self._last_cut:
            self.limit, self._last_cut = max(1.0, self.limit / 2), now
            self._is_probed = True
            self._open_window(now)

    def _open_window(self, now: float) -> None:
        self._n_in_window, self._tokens_in_window, self._window_start = 0, 0, now


class Gates:
    """The servers of one model; a request goes to the one with most room."""

    def __init__(self, urls: tuple[str, ...], most: int, first: int = FIRST) -> None:
        """Make a gate for each address."""
        self.gates = [Gate(url, most, float(first)) for url in urls]
        self.watchers: list[asyncio.Task[None]] = []  # cancelled with the client
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
    """An event loop in a thread of its own: the caller may itself run in one, where `asyncio.run` is refused."""

    def __init__(self, open_client: Callable[[], Coroutine[Any, Any, tuple[httpx.AsyncClient, Gates]]]) -> None:
        """Make the loop; `open_client` is called inside it."""
        # One list for each job: its outcomes, or the error that ended it.
        self.outcomes: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
        self._open_client = open_client
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai-sampler", daemon=True)

    def __enter__(self) -> "ClientLoop":
        """Start the thread and open the client."""
        self._thread.start()
        self._client, self._gates = self._wait_for(self._open_client())
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

        async def work() -> None:
            try:
                self.outcomes.put(await ask(self._client, self._gates, group))
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                self.outcomes.put([error])

        def start() -> None:
            task = self._loop.create_task(work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._loop.call_soon_threadsafe(start)

    def _wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _closed(self) -> None:
        tasks = [*self._tasks, *self._gates.watchers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()
