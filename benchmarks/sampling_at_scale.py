"""How near a client comes to the limit of scripted servers, which have slots, a queue and aborts as vLLM has them.

    python -m benchmarks.sampling_at_scale
    python -m benchmarks.sampling_at_scale --draws 2048 16384 65536 --seconds 5 60 300 --servers 1 4 16
    python -m benchmarks.sampling_at_scale --cpu

Each server has 256 slots; a sequence takes the given seconds in the mean (0.25 to 3.2 times, as lengths vary).
Requests beyond the slots wait in the server's queue. Of several servers one ends in the middle and is back after
ten sequences' time, and one makes half as many tokens.

Time is simulated: client and servers talk HTTP over loopback in one event loop, whose clock jumps to the next
event once nothing is left to do. The machine's load changes nothing, and hours take seconds. Metrics are read
every half second as in a run, or every hundredth of a sequence's time where that is longer. Printed are:
completions a second over the servers' own limit (`ideal_s`: all draws in one queue from the start, each slot taken
the moment that it gets free; first and last sequences and the loss of a server included), the same over what all
slots do without beginning, end or loss, sequences that were aborted while they ran (but for those of the server
that ended; of several servers, those that lost a race with an idle one), sequences that were drawn again, the peak
memory, and the simulated and real time. Exits with 1 where a draw is missing or came twice.

`--cpu` has the servers in another process, where they answer at once, and prints the CPU time of the client.
"""

import argparse
import asyncio
import heapq
import json
import math
import multiprocessing
import os
import queue
import random
import resource
import selectors
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from socket import create_server, socket
from types import SimpleNamespace
from typing import Any
from unittest import mock

import httpx

from pairsmith.pipeline.sampling import concurrency, openai_backend
from pairsmith.pipeline.sampling.concurrency import Gates
from pairsmith.pipeline.sampling.openai_backend import OpenAISampler, request_limit_s
from pairsmith.pipeline.sampling.protocol import Drawn, Opening, Request, answer_limit
from pairsmith.schemas.config.sampling import SamplingConfig

SLOTS = 256
N_EACH = 16  # draws of a prompt
_LENGTHS = (0.25, 0.4, 0.5, 0.7, 0.8, 0.9, 1.0, 1.05, 1.2, 3.2)  # over their mean
_CODE = "```python\ndef f(x):\n    return x\n```\n" + "# words\n" * 40


@dataclass
class Scripted:
    """One server: its slots, what it counts, and whether it is there.

    Attributes:
        mean_s: seconds of a sequence in the mean.
        lose_at: sequences after which it ends, and is back after ten sequences' time; 0 for never.
        n_ended: sequences that ended; n_aborted: that were cut off while they ran, less those of its end.
    """

    mean_s: float
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SLOTS))
    noise: random.Random = field(default_factory=lambda: random.Random(1))
    is_away: bool = False
    n_ended: int = 0
    n_aborted: int = 0
    n_running: int = 0
    lose_at: int = 0
    n_open: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_away:
            writer.close()
            return
        self.open.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (
                        int(line[15:])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length:")
                    ),
                    0,
                )
                body = json.loads(await reader.readexactly(length)) if length else {}
                if not body:
                    text = self._metrics().encode()
                else:
                    text = await self._answer(body, reader)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    def _metrics(self) -> str:
        counts = {
            "generation_tokens_total": 100 * self.n_ended,
            "num_requests_running": self.n_running,
            "num_requests_waiting": self.n_open - self.n_running,
        }
        return "".join(f"vllm:{name} {value}\n" for name, value in counts.items())

    async def _answer(self, body: dict[str, int], reader: asyncio.StreamReader) -> bytes:
        tasks = [asyncio.ensure_future(self._sequence()) for _ in range(body["n"])]
        gone = asyncio.ensure_future(reader.read(1))  # the client sends nothing before it has its answer
        everything: asyncio.Future[Any] = asyncio.gather(*tasks)
        both: set[asyncio.Future[Any]] = {everything, gone}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not everything.done():
            everything.cancel()
            await asyncio.gather(everything, return_exceptions=True)
            raise ConnectionError
        gone.cancel()
        await asyncio.wait({gone})  # the stream is free again only then
        choices = [
            {"index": i, "message": {"content": f"{body['seed'] + i}\n{_CODE}"}, "finish_reason": "stop"}
            for i in range(body["n"])
        ]
        return json.dumps(
            {"choices": choices, "usage": {"prompt_tokens": 90, "completion_tokens": 100 * body["n"]}}
        ).encode()

    async def _sequence(self) -> None:
        self.n_open += 1
        try:
            async with self.slots:
                self.n_running += 1
                try:
                    await asyncio.sleep(self.mean_s * self.noise.choice(_LENGTHS))
                except asyncio.CancelledError:
                    self.n_aborted += not self.is_away
                    raise
                finally:
                    self.n_running -= 1
                self.n_ended += 1
                if self.n_ended == self.lose_at:
                    self._end()
        finally:
            self.n_open -= 1

    def _end(self) -> None:
        self.is_away = True
        for writer in list(self.open):
            writer.close()
        asyncio.get_running_loop().call_later(10 * self.mean_s, setattr, self, "is_away", False)


class Clock(selectors.DefaultSelector):
    """The time of a simulation: it goes on once no socket is ready and the thread that draws waits."""

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self.now = 0.0
        self.outcomes = Outcomes()

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what is ready; where that is nothing, go on to the next event."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or not self.outcomes.is_all_taken():
            time.sleep(2e-5)  # a wait in epoll takes a millisecond at least
            return []
        self.now += timeout
        return []


class Outcomes(queue.SimpleQueue[list[Any]]):
    """What a client's loop hands over, and whether the other side is done with all of it."""

    n_put, n_taken, n_done = 0, 0, -1

    def put(self, item: list[Any], block: bool = True, timeout: float | None = None) -> None:
        """Hand something over."""
        self.n_put += 1
        super().put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> list[Any]:
        """Take the next; whoever asks for it is done with the last."""
        self.n_done = self.n_taken
        item = super().get()
        self.n_taken += 1
        return item

    def is_all_taken(self) -> bool:
        """Return whether the other side waits."""
        return self.n_done == self.n_put


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop with the clock of a simulation."""

    def __init__(self, clock: Clock) -> None:
        """Take a clock."""
        self.clock = clock
        super().__init__(clock)

    def time(self) -> float:
        """Return the simulated seconds."""
        return self.clock.now


class SimulatedSampler(OpenAISampler):
    """A sampler whose servers run in its own event loop."""

    scripted: list[Scripted]
    sockets: list[socket]

    async def _open_client(self) -> tuple[httpx.AsyncClient, Gates]:
        for one, sock in zip(self.scripted, self.sockets, strict=True):
            await asyncio.start_server(one.serve, sock=sock, backlog=4096)
        return await super()._open_client()


def answer_at_once(n: int, pipe: Connection) -> None:
    """Serve without a wait until the other side ends it."""

    async def main() -> None:
        listening = [
            await asyncio.start_server(Scripted(0.0).serve, "127.0.0.1", 0, backlog=4096) for _ in range(n)
        ]
        pipe.send([one.sockets[0].getsockname()[1] for one in listening])
        while not pipe.poll():
            await asyncio.sleep(0.05)

    asyncio.run(main())


def requests(n: int) -> Iterator[Request]:
    """Yield draws as a run asks for them: some of each prompt, one after the other."""
    for number in range(n):
        problem, index = divmod(number, N_EACH)
        yield Request(
            candidate_id=f"c{number}",
            problem_id=f"p{problem}",
            index=index,
            seed=1_000_000 + number,
            number=index,
            temperature=0.8,
            top_p=0.95,
            max_tokens=192,
            opening=Opening("chat", f"problem {problem} " + "words " * 60, "instruct"),
            entry_point="f",
        )


def ideal_s(n_draws: int, means_s: list[float], end_at: int) -> float:
    """Return the seconds in which the servers end all draws where each slot takes one as soon as it is free.

    Nobody knows the lengths, and no sequence is moved. Of several servers the last one ends after `end_at` of its
    sequences and is back after ten sequences' time; what it lost is drawn again.
    """
    noise = random.Random(1)
    n_left, n_ended, now, lost_at = n_draws, 0, 0.0, math.inf
    events = [
        (0.0, server, False) for server in range(len(means_s)) for _ in range(SLOTS)
    ]  # time, server, has ended
    heapq.heapify(events)
    n_running = 0
    while n_left or n_running:
        now, server, is_end = heapq.heappop(events)
        n_running -= is_end
        if is_end and len(means_s) > 1 and server == len(means_s) - 1:
            n_ended += 1
            if n_ended == end_at and lost_at == math.inf:
                lost_at = now
                lost = [event for event in events if event[1] == server and event[2]]
                n_left += len(lost)
                n_running -= len(lost)
                back_at = now + 10 * min(means_s)
                events = [event for event in events if event[1] != server] + [(back_at, server, False)] * SLOTS
                heapq.heapify(events)
                continue
        if n_left:
            n_left -= 1
            n_running += 1
            heapq.heappush(events, (now + means_s[server] * noise.choice(_LENGTHS), server, True))
    return now


def configured(ports: list[int], most: int | None) -> SamplingConfig:
    """Return the configuration of a client of servers at these ports."""
    urls = tuple(f"http://127.0.0.1:{port}/v1" for port in ports)
    return SamplingConfig(backend="openai", model="m", base_url=urls, concurrency=most)


def measure(n_draws: int, seconds: float, n_servers: int, most: int | None) -> bool:
    """Print one row of a simulation; return whether each draw came once."""
    servers = [Scripted(seconds * (2.0 if n_servers > 1 and i == 0 else 1.0)) for i in range(n_servers)]
    end_at = n_draws // n_servers // 3
    if n_servers > 1:
        servers[-1].lose_at = end_at
    clock, sockets = Clock(), [create_server(("127.0.0.1", 0), backlog=4096) for _ in servers]
    config = configured([sock.getsockname()[1] for sock in sockets], most)
    limit_s = request_limit_s(answer_limit(config, None))
    sampler = SimulatedSampler(config, None, lambda line: None, limit_s=limit_s)
    sampler.scripted, sampler.sockets = servers, sockets
    timed = SimpleNamespace(monotonic=lambda: clock.now)
    patches: dict[str, Any] = {
        "time": timed,
        "asyncio": SimpleNamespace(**vars(asyncio) | {"new_event_loop": lambda: SimulatedLoop(clock)}),
        "queue": SimpleNamespace(SimpleQueue=lambda: clock.outcomes),
    }
    began, ended_at, drawn = time.monotonic(), 0.0, []
    every_s = max(openai_backend.REPORT_EVERY_S, seconds / 100)
    with (
        mock.patch.multiple(concurrency, **patches),
        mock.patch.multiple(openai_backend, time=timed, REPORT_EVERY_S=every_s),
    ):
        for outcome in sampler.sample(requests(n_draws)):
            ended_at = clock.now
            if isinstance(outcome, Drawn):
                drawn.append(outcome.request.candidate_id)
    n_ended, n_aborted = (sum(getattr(one, name) for one in servers) for name in ("n_ended", "n_aborted"))
    ideal = ideal_s(n_draws, [one.mean_s for one in servers], end_at)
    rate = sum(SLOTS / one.mean_s for one in servers)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{n_draws:>7} {seconds:>5g} s {n_servers:>8} {ideal / ended_at:>9.3f} {n_draws / rate / ended_at:>9.3f} "
        f"{n_aborted:>8} {n_ended - len(drawn):>6} {peak:>6.0f} MiB "
        f"{ended_at:>9.0f} s {time.monotonic() - began:>6.1f} s",
        flush=True,
    )
    return len(set(drawn)) == len(drawn) == n_draws


def measure_cpu(n_draws: int, n_servers: int, most: int | None) -> bool:
    """Print the CPU time of a client whose servers answer at once; return whether each draw came once."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=answer_at_once, args=(n_servers, theirs))
    process.start()
    sampler = OpenAISampler(configured(ours.recv(), most), None, lambda line: None)
    began = time.process_time()
    drawn = [one.request.candidate_id for one in sampler.sample(requests(n_draws)) if isinstance(one, Drawn)]
    cpu_s = time.process_time() - began
    ours.send("end")
    process.join()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{n_draws:>7} {n_servers:>8} {1000 * cpu_s / n_draws:>7.2f} ms {peak:>6.0f} MiB", flush=True)
    return len(set(drawn)) == len(drawn) == n_draws


def main() -> int:
    """Measure each number of draws with each length and number of servers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, nargs="+", default=[2048, 16_384])
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 60, 300])
    parser.add_argument("--servers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--concurrency", type=int, help="as sampling.concurrency; without, what a run takes")
    parser.add_argument("--cpu", action="store_true", help="CPU time of the client, without a simulation")
    given = parser.parse_args()
    if given.cpu:
        print("  draws  servers       CPU    memory", flush=True)
        done = [measure_cpu(n, k, given.concurrency) for n in given.draws for k in given.servers]
    else:
        print(
            "  draws    each  servers  of limit  of slots  aborted  again    memory  simulated    real", flush=True
        )
        rows = [(n, s, k) for n in given.draws for s in given.seconds for k in given.servers]
        done = [measure(*row, given.concurrency) for row in rows]
    return 0 if all(done) else 1


if __name__ == "__main__":
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    sys.exit(main())
