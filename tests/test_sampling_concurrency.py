import asyncio
import math
import time

import pytest

from pairsmith.pipeline.sampling.concurrency import Gate, Gates


def test_the_limit_doubles_until_the_first_overload_and_then_rises_by_a_quarter() -> None:
    gate = Gate("u", most=64, limit=8)

    def limits(n_windows: int) -> list[float]:
        found = []
        for _ in range(n_windows):
            for _ in range(int(gate.limit)):
                gate.succeeded()
            found.append(gate.limit)
        return found

    assert limits(4) == [16, 32, 64, 64]
    gate.overloaded(time.monotonic())
    assert limits(4) == [40, 50, 62.5, 64]


def test_an_overload_halves_the_limit_once_for_all_that_was_sent_before() -> None:
    gate = Gate("u", most=64, limit=32)
    sent_at = time.monotonic()
    for _ in range(5):
        gate.overloaded(sent_at)
    assert gate.limit == 16
    gate.overloaded(time.monotonic())
    assert gate.limit == 8
    for _ in range(9):
        gate.overloaded(time.monotonic())
    assert gate.limit == 1


@pytest.mark.parametrize(
    ("n_now", "n_reported", "n_more"),
    [
        (64, math.inf, 0),  # another server than vLLM
        (64, 40, 24),  # 24 short ones have ended, and others of their requests go on
        (64, 64, 0),
        (20, 500, 44),  # others draw there too
    ],
)
def test_what_vllm_has_neither_running_nor_waiting_takes_no_place(
    n_now: int, n_reported: float, n_more: int
) -> None:
    gate = Gate("u", most=64, limit=64, n_now=n_now, n_reported=n_reported)
    assert gate.has_room(max(n_more, 1)) is (n_more > 0)
    assert not gate.has_room(n_more + 1)


@pytest.mark.parametrize("lengths", [(5, 5, 5, 30), (5, 5)])
@pytest.mark.parametrize("n_slots", [40, 400])
def test_vllm_is_kept_full_and_never_has_more_than_the_user_set(lengths: tuple[int, ...], n_slots: int) -> None:
    """Each tick a server reports; a request is answered with its longest sequence."""
    gate = Gate("u", most=64, limit=64)
    left: list[int] = []  # sequences of each request that have not ended
    waiting: list[tuple[int, int]] = []  # request, ticks
    running: list[tuple[int, int]] = []
    reports = []
    for _ in range(200):
        gate.n_reported = len(running) + len(waiting)
        while gate.has_room(len(lengths)):
            waiting += [(len(left), ticks) for ticks in lengths]
            left.append(len(lengths))
            gate.n_now += len(lengths)
            gate.n_reported += len(lengths)
        n_free = n_slots - len(running)
        running, waiting = running + waiting[:n_free], waiting[n_free:]
        reports.append((len(running), len(waiting)))
        for request, ticks in running:
            left[request] -= ticks == 1
            gate.n_now -= len(lengths) * (ticks == 1 and left[request] == 0)
        running = [(request, ticks - 1) for request, ticks in running if ticks > 1]
    assert {sum(report) for report in reports} <= {61, 62, 63, 64}
    assert all(n_running == min(n_slots, n_running + n_waiting) for n_running, n_waiting in reports)


def test_nothing_is_sent_before_the_time_that_a_server_asked_for() -> None:
    async def main() -> float:
        gates = Gates(("u",), most=4)
        gates.gates[0].overloaded(time.monotonic(), retry_after_s=0.2)
        started = time.monotonic()
        await gates.enter()
        return time.monotonic() - started

    assert 0.2 <= asyncio.run(main()) < 2


def test_the_emptiest_server_is_taken_and_a_full_house_waits() -> None:
    async def main() -> list[str]:
        gates = Gates(("a", "b"), most=2, first=2)
        taken = [await gates.enter() for _ in range(4)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await gates.enter()
        await gates.leave(taken[1])
        return [gate.url for gate in [*taken, await gates.enter()]]

    assert asyncio.run(main()) == ["a", "b", "a", "b", "b"]


def test_a_request_takes_as_much_room_as_it_asks_completions_for() -> None:
    async def main() -> None:
        gates = Gates(("a",), most=16, first=16)
        first = await gates.enter(12)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await gates.enter(8)
        await gates.leave(first, 12)
        assert (await gates.enter(40)).n_now == 40, "an idle server takes more than its limit at once"

    asyncio.run(main())
