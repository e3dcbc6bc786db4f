import asyncio
import math
import time

import pytest

from pairsmith.pipeline.sampling.concurrency import FIRST, Gate, Gates, Metrics


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
    gate = Gate("u", most=64, limit=64, n_now=n_now)
    gate.metrics = None if n_reported == math.inf else Metrics(n_reported, 0, 0)
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
        gate.metrics, gate.n_sent = Metrics(len(running), len(waiting), 0), 0
        while gate.has_room(len(lengths)):
            waiting += [(len(left), ticks) for ticks in lengths]
            left.append(len(lengths))
            gate.n_now += len(lengths)
            gate.n_sent += len(lengths)
        n_free = n_slots - len(running)
        running, waiting = running + waiting[:n_free], waiting[n_free:]
        reports.append((len(running), len(waiting)))
        for request, ticks in running:
            left[request] -= ticks == 1
            gate.n_now -= len(lengths) * (ticks == 1 and left[request] == 0)
        running = [(request, ticks - 1) for request, ticks in running if ticks > 1]
    assert {sum(report) for report in reports} <= {61, 62, 63, 64}
    assert all(n_running == min(n_slots, n_running + n_waiting) for n_running, n_waiting in reports)


@pytest.mark.parametrize(
    ("n_running", "n_waiting", "n_sent", "has_room"),
    [
        (256, 0, 0, True),
        (256, FIRST, 0, False),
        (256, 0, FIRST, False),  # sent since the report
        (1024, FIRST, 0, True),  # an eighth of what runs may wait
        (1024, 128, 0, False),
    ],
)
def test_without_a_limit_of_the_user_vllm_is_sent_more_while_its_queue_is_short(
    n_running: int, n_waiting: int, n_sent: int, has_room: bool
) -> None:
    gate = Gate("u", most=256, limit=256, may_queue=True, n_now=1100)
    gate.metrics, gate.n_sent = Metrics(n_running, n_waiting, 0), n_sent
    assert gate.has_room(16) is has_room
    gate.may_queue = False
    assert not gate.has_room(16)
    gate.may_queue, gate.metrics = True, None  # away
    assert not gate.has_room(16)


def test_a_server_that_fails_in_a_row_is_left_alone_for_longer_each_time_until_it_answers() -> None:
    gate = Gate("u", most=64, limit=64)
    for _ in range(2):
        gate.failed(0.1)
    assert gate.has_room(), "two requests may fail by themselves"
    pauses = []
    for _ in range(3):
        for _ in range(8):  # all that were under way
            gate.failed(0.1)
        pauses.append(gate.resume_at - time.monotonic())
        assert not gate.has_room()
        gate.resume_at = 0.0
    assert pauses == pytest.approx([0.1, 0.2, 0.4], abs=0.02)
    gate.succeeded()
    gate.failed(0.1)
    assert gate.has_room()


def test_at_the_end_an_idle_server_takes_over_what_a_slower_one_still_has() -> None:
    async def main() -> None:
        gates = Gates(("slow", "quick", "dead"), most=4, first=4)
        slow, quick, dead = gates.gates
        slow.succeeded(wall_s=2.0)
        quick.succeeded(wall_s=1.0)
        dead.mean_s = 0.1
        for _ in range(3):
            dead.failed(60)
        for gate in (slow, quick):
            gate.n_now = 2
        offers = [gates.offer(slow, 2), gates.offer(quick, 2), gates.offer(slow, 2)]
        gates.pump()
        assert not any(offer.done() for offer in offers), "more requests may come"
        gates.is_last = True
        gates.pump()
        assert [offer.done() and offer.result().url for offer in offers] == ["quick", False, False]
        assert quick.n_now == 4, "no room for the second one"
        gates.withdraw(offers[0])
        await asyncio.sleep(0)
        assert offers[2].result() is quick
        for offer in offers[1:]:
            gates.withdraw(offer)
        assert (slow.n_now, quick.n_now) == (2, 2)

    asyncio.run(main())


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
        gates.leave(taken[1])
        return [gate.url for gate in [*taken, await gates.enter()]]

    assert asyncio.run(main()) == ["a", "b", "a", "b", "b"]


def test_a_request_takes_as_much_room_as_it_asks_completions_for() -> None:
    async def main() -> None:
        gates = Gates(("a",), most=16, first=16)
        first = await gates.enter(12)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await gates.enter(8)
        gates.leave(first, 12)
        assert (await gates.enter(40)).n_now == 40, "an idle server takes more than its limit at once"

    asyncio.run(main())
