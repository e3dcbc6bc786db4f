import asyncio
import time

import pytest

from pairsmith.pipeline.sampling.concurrency import Gate, Gates


def answer(gate: Gate, n: int, seconds: float) -> None:
    """Have `n` answers of 100 tokens come in over some seconds, as the clock of the gate sees it."""
    for _ in range(n):
        gate._window_start -= seconds / n
        gate.succeeded(100)


def test_the_limit_rises_while_the_rate_does_and_holds_when_it_falls() -> None:
    gate = Gate("u", most=64, limit=8)
    seconds = 1.0
    limits = []
    for _ in range(12):  # latency stays: each window of `limit` answers takes as long as the last
        answer(gate, int(gate.limit), seconds)
        limits.append(gate.limit)
    assert limits == sorted(limits)
    assert limits[-1] == 64
    held = Gate("u", most=64, limit=8)
    answer(held, 8, 1.0)
    before = held.limit
    answer(held, int(held.limit), 60.0)  # the rate fell to a fraction
    assert held.limit == before


def test_a_held_limit_is_tried_again_later() -> None:
    gate = Gate("u", most=64, limit=8)
    answer(gate, 8, 0.01)
    before = gate.limit
    for _ in range(10):
        answer(gate, int(gate.limit), 10.0)
    assert gate.limit > before


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
