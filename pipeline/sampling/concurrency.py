"""How many completions one server draws at a time: more while it takes them, half when it is overloaded.

Additive increase and multiplicative decrease, as in TCP (Chiu and Jain 1989). The limit counts completions, not
requests: a request with `n = 16` takes 16 places until its longest completion ends. It doubles until the first
sign of overload (slow start), then rises by a quarter. vLLM reports the sequences that run and wait: there it
counts these, so that the short completions of a request that goes on take no place; and where the user sets no
limit, requests are sent as long as its own queue is short, so that a place that gets free is taken at once.

A server that fails several requests in a row is left alone for a while, and others take its requests. When no
request is left to send, an idle server races with a slower one for what that one still has (Dean and Barroso 2013,
"The Tail at Scale"): the first answer counts, the other request is cancelled.
"""

import asyncio
import math
import queue
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
FIRST = 32
MOST = 256  # without a limit of the user's; vLLM takes more where it says that its queue is short
_RISE = 0.25  # of the limit, after as many answers as it allows
_QUEUE_SHARE = 1 / 8  # of the sequences that run: as many may wait at vLLM, and at least FIRST
_FAILURES = 3  # failed requests in a row until a server is left alone
_LONGEST_PAUSE_S = 60.0
_SLOWER = 1.5  # times the mean seconds of an answer, from which an idle server races with a slower one
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
    may_queue: bool = False  # whether vLLM may have more than the limit while its queue is short
    n_now: int = 0  # completions of requests that are not answered yet
    metrics: Metrics | None = None  # vLLM's last report; None of another server, or one that is away
    n_sent: int = 0  # completions that were asked for since that report
    resume_at: float = 0.0  # no request is sent before this time of the monotonic clock
    n_answered: int = 0  # answers so far
    mean_s: float = math.inf  # seconds of an answer, in the mean of the last ones
    _last_cut: float = 0.0
    _n_since: int = 0  # completions that were answered since the limit changed
    _n_failed: int = 0  # requests in a row that failed
    _n_pauses: int = 0  # since the last answer

    def __post_init__(self) -> None:
        """Keep the first limit under the highest."""
        self.limit = min(self.limit, self.most)

    def has_room(self, n: int = 1) -> bool:
        """Return whether a request for n completions may be sent now; an idle server takes any."""
        fits = self.n_now == 0 or self.n_drawn() + n <= int(self.limit) or self._has_short_queue()
        return fits and time.monotonic() >= self.resume_at

    def n_drawn(self) -> float:
        """Return the completions that are being drawn; what others draw at the same server takes no place."""
        if self.metrics is None:
            return self.n_now
        return min(self.n_now, self.metrics.n_running + self.metrics.n_waiting + self.n_sent)

    def _has_short_queue(self) -> bool:
        if not self.may_queue or self.metrics is None:
            return False
        return self.metrics.n_waiting + self.n_sent < max(FIRST, self.metrics.n_running * _QUEUE_SHARE)

    def load(self) -> float:
        """Return the share of the limit that is in use."""
        return self.n_drawn() / max(self.limit, 1.0)

    async def read(self, client: httpx.AsyncClient) -> None:
        """Take what vLLM reports now."""
        n_before = self.n_sent
        self.metrics = await read_metrics(client, self.url)
        self.n_sent -= n_before

    def succeeded(self, n: int = 1, wall_s: float | None = None) -> None:
        """Count an answer of n completions; raise the limit after as many as it allows."""
        self.n_answered += 1
        self._n_failed = self._n_pauses = 0
        if wall_s is not None:
            self.mean_s = wall_s if self.mean_s == math.inf else 0.9 * self.mean_s + 0.1 * wall_s
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

    def failed(self, first_pause_s: float) -> None:
        """Count a request without an answer; after some in a row pause, twice as long each time."""
        self._n_failed += 1
        now = time.monotonic()
        if self._n_failed >= _FAILURES and now >= self.resume_at:
            self.resume_at = now + min(first_pause_s * 2**self._n_pauses, _LONGEST_PAUSE_S)
            self._n_pauses += 1

    def recovered(self) -> None:
        """Send requests again: the server was brought back."""
        self._n_failed, self._n_pauses, self.resume_at = 0, 0, 0.0

    def is_well(self) -> bool:
        """Return whether requests may be sent, and the last one was answered."""
        return self._n_failed == 0 and time.monotonic() >= self.resume_at


@dataclass(slots=True)
class _Call:
    """A request that waits for a server, or that another server may take over."""

    n: int  # its completions
    chosen: asyncio.Future[Gate]
    gate: Gate | None = None  # that has it already
    sent_at: float = 0.0

    def is_quicker(self, gate: Gate) -> bool:
        """Return whether another server would likely answer sooner."""
        if gate is self.gate or self.gate is None:
            return False
        mean_s = self.gate.mean_s if self.gate.n_answered else 0.0
        return max(mean_s, time.monotonic() - self.sent_at) > _SLOWER * gate.mean_s


class Gates:
    """The servers of one model; a request goes to the one with most room. For one event loop alone."""

    def __init__(self, urls: tuple[str, ...], most: int | None, first: int = FIRST) -> None:
        """Make a gate for each address; `most` is the user's limit of one server's completions."""
        self.gates = [Gate(url, most or MOST, float(first), may_queue=most is None) for url in urls]
        self.is_last = False  # whether no more requests come, so that idle servers may race with slow ones
        self._waiting: deque[_Call] = deque()
        self._sent: dict[asyncio.Future[Gate], _Call] = {}  # in the order in which they were sent
        self._timer: asyncio.TimerHandle | None = None

    def wanted(self) -> int:
        """Return the completions that should be asked for, those that wait for a server included."""
        room = sum(int(gate.limit + gate.n_now - gate.n_drawn()) for gate in self.gates)
        queued = sum(gate.n_now + FIRST for gate in self.gates if gate.may_queue and gate.metrics is not None)
        return 2 * max(room, queued)

    async def follow(self, client: httpx.AsyncClient, every_s: float, on_report: Callable[[], None]) -> None:
        """Count at servers that are vLLM what they report, from now on; without a slow start. Never returns."""
        await asyncio.gather(*(gate.read(client) for gate in self.gates))
        vllm = [gate for gate in self.gates if gate.metrics is not None]
        for gate in vllm:
            gate.limit = gate.most
        while True:
            self.pump()
            on_report()
            await asyncio.sleep(every_s)
            await asyncio.gather(*(gate.read(client) for gate in vllm))

    async def enter(self, n: int = 1, is_again: bool = False) -> Gate:
        """Wait until a server has room for n completions, and take it; what is asked for again comes first."""
        call = _Call(n, asyncio.get_running_loop().create_future())
        (self._waiting.appendleft if is_again else self._waiting.append)(call)
        self.pump()
        try:
            return await call.chosen
        except asyncio.CancelledError:
            self._give_back(call)
            raise

    def leave(self, gate: Gate, n: int = 1) -> None:
        """Give back the room of a request; one that its asker sends again at once comes before others."""
        gate.n_now -= n
        asyncio.get_running_loop().call_soon(self.pump)

    def offer(self, gate: Gate, n: int) -> asyncio.Future[Gate]:
        """Return what becomes the server that takes over a request which was sent now; see `withdraw`."""
        call = _Call(n, asyncio.get_running_loop().create_future(), gate, time.monotonic())
        self._sent[call.chosen] = call
        return call.chosen

    def withdraw(self, offered: asyncio.Future[Gate]) -> None:
        """End an offer; the room that was taken for it is given back."""
        self._give_back(self._sent.pop(offered))

    def _give_back(self, call: _Call) -> None:
        if call.chosen.done() and not call.chosen.cancelled():
            self.leave(call.chosen.result(), call.n)
        call.chosen.cancel()

    def pump(self) -> None:
        """Give waiting requests to servers with room; at the end of all, those of slow servers to idle ones."""
        while self._waiting:
            call = self._waiting[0]
            if not call.chosen.done() and not self._choose(call, self.gates):
                break
            self._waiting.popleft()
        if self.is_last and not self._waiting:
            for call in self._sent.values():
                if not call.chosen.done():
                    self._choose(call, [gate for gate in self.gates if call.is_quicker(gate) and gate.is_well()])
        self._wake_up()

    def _choose(self, call: _Call, gates: list[Gate]) -> bool:
        free = [gate for gate in gates if gate.has_room(call.n)]
        if not free:
            return False
        gate = min(free, key=Gate.load)
        gate.n_now += call.n
        gate.n_sent += call.n
        call.chosen.set_result(gate)
        return True

    def _wake_up(self) -> None:
        """Look again when the next pause of a server ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = time.monotonic()
        pauses = [gate.resume_at - now for gate in self.gates if gate.resume_at > now]
        if self._waiting and pauses:
            self._timer = asyncio.get_running_loop().call_later(min(pauses), self.pump)


class ClientLoop:
    """An event loop in a thread of its own: the caller may itself run in one, where `asyncio.run` is refused."""

    def __init__(
        self,
        open_client: Callable[[], Coroutine[Any, Any, tuple[httpx.AsyncClient, Gates]]],
        report_every_s: float,
    ) -> None:
        """Make the loop; `open_client` is called inside it."""
        # One list for each job: its outcomes, or the error that ended it; an empty one at each report.
        self.outcomes: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
        self._open_client, self._every_s = open_client, report_every_s
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai-sampler", daemon=True)

    def __enter__(self) -> "ClientLoop":
        """Start the thread and open the client."""
        self._thread.start()
        self._client, self._gates = self._wait_for(self._open_client())
        follow = self._gates.follow(self._client, self._every_s, lambda: self.outcomes.put([]))
        self._loop.call_soon_threadsafe(self._start, follow)
        return self

    def __exit__(self, *error: object) -> None:
        """Cancel what is under way, then end the thread."""
        self._wait_for(self._closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wanted(self) -> int:
        """Return the completions that should be asked for now."""
        return self._gates.wanted()

    def end(self) -> None:
        """Say that no more jobs come."""
        self._gates.is_last = True

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

        self._loop.call_soon_threadsafe(self._start, work())

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _closed(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()
