"""How many completions one server draws at a time: more while it takes them, half when it is overloaded.

Additive increase and multiplicative decrease, as in TCP (Chiu and Jain 1989). The limit counts completions, not
requests: a request with `n = 16` takes 16 places until its longest completion ends. It doubles until the first
sign of overload (slow start), then rises by a quarter. vLLM reports the sequences that run and wait: there it
counts these, so that the short completions of a request that goes on take no place.
"""

import asyncio
import math
import queue
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
FIRST = 32
_RISE = 0.25  # of the limit, after as many answers as it allows
_METRIC = re.compile(
    r"^vllm:(generation_tokens_total|num_requests_running|num_requests_waiting)(?:\{[^}]*\})? ([0-9.eE+]+)$",
    re.MULTILINE,
)
_METRICS_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a vLLM server reports: sequences that run and that wait now, and tokens made so far."""

    n_running: float
    n_waiting: float
    n_tokens: float


async def read_metrics(client: httpx.AsyncClient, url: str) -> Metrics | None:
    """Return what a vLLM server reports in Prometheus's form; None if it is away, or another server."""
    try:
        answer = await client.get(httpx.URL(url).copy_with(path="/metrics"), timeout=_METRICS_LIMIT_S)
    except httpx.HTTPError:
        return None
    counts: dict[str, float] = defaultdict(float)  # over the engines of one server
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
    n_now: int = 0  # completions of requests that are not answered yet
    n_reported: float = math.inf  # sequences that vLLM has, by its last report and what was sent since
    resume_at: float = 0.0  # no request is sent before this time of the monotonic clock
    n_answered: int = 0  # answers so far
    _last_cut: float = 0.0
    _n_since: int = 0  # completions that were answered since the limit changed

    def __post_init__(self) -> None:
        """Keep the first limit under the highest."""
        self.limit = min(self.limit, self.most)

    def has_room(self, n: int = 1) -> bool:
        """Return whether a request for n completions may be sent now; an idle server takes any."""
        fits = self.n_now == 0 or self.n_drawn() + n <= int(self.limit)
        return fits and time.monotonic() >= self.resume_at

    def n_drawn(self) -> float:
        """Return the completions that are being drawn; what others draw at the same server takes no place."""
        return min(self.n_now, self.n_reported)

    def load(self) -> float:
        """Return the share of the limit that is in use."""
        return self.n_drawn() / max(self.limit, 1.0)

    def succeeded(self, n: int = 1) -> None:
        """Count an answer of n completions; raise the limit after as many as it allows."""
        self.n_answered += 1
        self._n_since += n
        if self._n_since >= int(self.limit):
            rise = self.limit if self._last_cut == 0.0 else max(1.0, self.limit * _RISE)
            self.limit, self._n_since = min(float(self.most), self.limit + rise), 0

    def overloaded(self, sent_at: float, retry_after_s: float = 0.0) -> None:
        """Halve the limit, once for all requests that were sent before the last cut; wait as the server asks."""
        now = time.monotonic()
        self.resume_at = max(self.resume_at, now + retry_after_s)
        if sent_at >= self._last_cut:
            self.limit, self._last_cut, self._n_since = max(1.0, self.limit / 2), now, 0


class Gates:
    """The servers of one model; a request goes to the one with most room."""

    def __init__(self, urls: tuple[str, ...], most: int, first: int = FIRST) -> None:
        """Make a gate for each address."""
        self.gates = [Gate(url, most, float(first)) for url in urls]
        self.watchers: list[asyncio.Task[None]] = []  # cancelled with the client
        self._changed = asyncio.Condition()

    def room(self) -> int:
        """Return the completions that requests to all servers may be for at a time."""
        return sum(int(gate.limit + gate.n_now - gate.n_drawn()) for gate in self.gates)

    async def follow_vllm(self, client: httpx.AsyncClient, every_s: float) -> None:
        """Count at those servers that are vLLM what they report, from now on; without a slow start."""
        for gate in self.gates:
            if await read_metrics(client, gate.url) is not None:
                gate.limit = gate.most
                self.watchers.append(asyncio.create_task(self._watch(client, gate, every_s)))

    async def _watch(self, client: httpx.AsyncClient, gate: Gate, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            metrics = await read_metrics(client, gate.url)
            async with self._changed:
                gate.n_reported = metrics.n_running + metrics.n_waiting if metrics is not None else math.inf
                self._changed.notify_all()

    async def enter(self, n: int = 1) -> Gate:
        """Wait until a server has room for n completions, and take it."""
        async with self._changed:
            while True:
                free = [gate for gate in self.gates if gate.has_room(n)]
                if free:
                    gate = min(free, key=Gate.load)
                    gate.n_now += n
                    gate.n_reported += n
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
