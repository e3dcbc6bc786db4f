"""How near a client comes to the limit of scripted servers, which have slots, a queue and aborts as vLLM has them.

    python -m benchmarks.sampling_at_scale
    python -m benchmarks.sampling_at_scale --draws 2048 16384 65536 --seconds 5 60 300 --servers 1 4 16

Each server has 256 slots; a sequence takes the given seconds in the mean (0.25 to 3 times, as lengths vary),
shortened by a factor so that all servers together end 400 sequences a second: what is simulated is the order of
things, not their pace. Metrics are asked for in that shortened time too, at most 20 times a second. Requests
beyond the slots wait in the server's queue. Of several servers one ends in the middle and is back after ten
sequences' time, and one makes half as many tokens. Printed are: completions a second over the servers' own limit
(`ideal_s`: all draws in one queue from the start, each slot taken the moment that it gets free; first and last
sequences and the loss of a server included), the same over what all slots do without beginning, end or loss,
sequences that were aborted while they ran (but for those of the server that ended; of several servers, those that
lost a race with an idle one), sequences that were drawn again, CPU milliseconds of the client a completion and its
peak memory. Exits with 1 where a draw is missing or came twice.
"""

import argparse
import asyncio
import heapq
import json
import math
import multiprocessing
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from pairsmith.pipeline.sampling import openai_backend
from pairsmith.pipeline.sampling.openai_backend import OpenAISampler, request_limit_s
from pairsmith.pipeline.sampling.protocol import Drawn, Opening, Request, answer_limit
from pairsmith.schemas.config.sampling import SamplingConfig

SLOTS = 256
RATE = 400.0  # sequences that all servers together end in a second
REPORT_EVERY_S = openai_backend.REPORT_EVERY_S
N_EACH = 16  # draws of a prompt
_LENGTHS = (0.25, 0.4, 0.5, 0.7, 0.8, 0.9, 1.0, 1.05, 1.2, 3.2)  # over their mean
_CODE = "```python\ndef f(x):\n    return x\n```\n" + "# words\n" * 40


@dataclass
class Scripted:
    """One server: its slots, what it counts, and whether it is there.

    Attributes:
        mean_s: seconds of a sequence in the mean.
        n_ended: sequences that ended; n_aborted: that were cut off while they ran.
    """

    mean_s: float
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SLOTS))
    noise: random.Random = field(default_factory=lambda: random.Random(1))
    is_away: bool = False
    n_ended: int = 0
    n_aborted: int = 0
    n_running: int = 0
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
        except (asyncio.IncompleteReadError, ConnectionError):
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
                    self.n_aborted += 1
                    raise
                finally:
                    self.n_running -= 1
                self.n_ended += 1
        finally:
            self.n_open -= 1

    async def go_away(self, seconds: float) -> None:
        self.is_away = True
        for writer in list(self.open):
            writer.close()
        await asyncio.sleep(seconds)
        self.is_away = False


def run_servers(n: int, mean_s: float, end_at: int, pipe: Connection) -> None:
    """Serve until the other side ends it; the first of several is slow, and the last ends for a while."""

    async def main() -> None:
        servers = [Scripted(mean_s * (2.0 if n > 1 and i == 0 else 1.0)) for i in range(n)]
        listening = [await asyncio.start_server(one.serve, "127.0.0.1", 0, backlog=4096) for one in servers]
        pipe.send([one.sockets[0].getsockname()[1] for one in listening])
        n_lost = 0
        while not pipe.poll():
            await asyncio.sleep(0.02)
            if n > 1 and not n_lost and servers[-1].n_ended >= end_at:
                before = servers[-1].n_aborted
                await servers[-1].go_away(10 * mean_s)
                n_lost = servers[-1].n_aborted - before + 1
        lost = max(n_lost - 1, 0)
        pipe.send((sum(one.n_ended for one in servers), sum(one.n_aborted for one in servers) - lost))

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


def measure(n_draws: int, seconds: float, n_servers: int, concurrency: int | None) -> bool:
    """Print one row; return whether each draw came once."""
    mean_s = SLOTS * n_servers / RATE
    factor = seconds / mean_s
    ours, theirs = multiprocessing.Pipe()
    end_at = n_draws // n_servers // 3
    process = multiprocessing.Process(target=run_servers, args=(n_servers, mean_s, end_at, theirs))
    process.start()
    ports = ours.recv()
    config = SamplingConfig(
        backend="openai",
        model="m",
        base_url=tuple(f"http://127.0.0.1:{port}/v1" for port in ports),
        concurrency=concurrency,
    )
    openai_backend.REPORT_EVERY_S = max(REPORT_EVERY_S / factor, 1 / 20)
    limit_s = request_limit_s(answer_limit(config, None)) / factor
    sampler = OpenAISampler(config, None, lambda line: None, first_wait_s=1.0 / factor, limit_s=limit_s)
    began, cpu = time.monotonic(), time.process_time()
    drawn = [
        outcome.request.candidate_id for outcome in sampler.sample(requests(n_draws)) if isinstance(outcome, Drawn)
    ]
    wall_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
    ours.send("end")
    n_ended, n_aborted = ours.recv()
    process.join()
    shares = n_servers - (0.5 if n_servers > 1 else 0.0)  # the slow one makes half
    best = SLOTS * shares / mean_s
    means_s = [mean_s * (2.0 if n_servers > 1 and i == 0 else 1.0) for i in range(n_servers)]
    ideal = ideal_s(n_draws, means_s, end_at)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{n_draws:>7} {seconds:>5g} s {n_servers:>3} {ideal / wall_s:>8.3f} {n_draws / best / wall_s:>8.3f} "
        f"{n_aborted:>8} "
        f"{n_ended - len(drawn):>9} {1000 * cpu_s / n_draws:>7.2f} ms {peak:>6.0f} MiB {wall_s:>7.1f} s",
        flush=True,
    )
    return len(set(drawn)) == len(drawn) == n_draws


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, nargs="+", default=[2048, 16_384])
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 60, 300])
    parser.add_argument("--servers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--concurrency", type=int, help="as sampling.concurrency; without, what a run takes")
    options = parser.parse_args()
    print("  draws  each  servers  of limit  of slots  aborted  again  CPU  memory  wall", flush=True)
    rows = [(n, s, k) for n in options.draws for s in options.seconds for k in options.servers]
    done = [measure(*row, options.concurrency) for row in rows]
    return 0 if all(done) else 1


if __name__ == "__main__":
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    sys.exit(main())
