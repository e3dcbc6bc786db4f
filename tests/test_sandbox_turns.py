import threading
import time
from collections.abc import Callable

import pytest

from pairsmith.pipeline.sandbox import turns as turns_module
from pairsmith.pipeline.sandbox.turns import Turns


def hold(turns: Turns, n: int, work: Callable[[], None]) -> tuple[list[threading.Thread], list[int]]:
    """Start threads that take a turn each; the list gets how many held one at that moment."""
    running, seen, lock = [0], [], threading.Lock()

    def run() -> None:
        with turns.take():
            with lock:
                running[0] += 1
                seen.append(running[0])
            work()
            with lock:
                running[0] -= 1

    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    return threads, seen


def test_no_more_than_allowed_run_at_once() -> None:
    threads, seen = hold(Turns(2), 12, lambda: time.sleep(0.01))
    for thread in threads:
        thread.join()
    assert len(seen) == 12
    assert max(seen) == 2


def test_slow_ones_hold_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "_OVERTIME_S", 0.05)
    turns, end = Turns(2), threading.Event()
    slow, _ = hold(turns, 4, lambda: assert_set(end))  # two run, then two more: two of them in overtime
    quick_start = time.monotonic()
    time.sleep(0.3)
    blocked, seen = hold(turns, 1, lambda: None)
    blocked[0].join(0.2)
    assert seen == []  # as many as there are turns may be in overtime, no more
    end.set()
    for thread in (*slow, *blocked):
        thread.join()
    assert seen
    assert time.monotonic() - quick_start < 10


def assert_set(event: threading.Event) -> None:
    assert event.wait(20)


def test_a_slow_one_leaves_its_turn_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "_OVERTIME_S", 0.05)
    turns, end = Turns(1), threading.Event()
    slow, _ = hold(turns, 1, lambda: assert_set(end))
    quick, seen = hold(turns, 5, lambda: None)
    for thread in quick:
        thread.join(10)
    assert len(seen) == 5
    assert slow[0].is_alive()
    end.set()
    slow[0].join()


def test_an_overloaded_machine_runs_fewer_and_recovers() -> None:
    turns = Turns(3)
    for _ in range(5):
        turns.note(waited_long=True)
    assert turns.n_allowed == 1
    threads, seen = hold(turns, 4, lambda: time.sleep(0.01))
    for thread in threads:
        thread.join()
    assert max(seen) == 1
    for _ in range(49):
        turns.note(waited_long=False)
    assert turns.n_allowed == 1
    for _ in range(200):
        turns.note(waited_long=False)
    assert turns.n_allowed == 3


def test_an_error_gives_the_turn_back() -> None:
    turns = Turns(1)
    for _ in range(3):
        with pytest.raises(KeyError), turns.take():
            raise KeyError
    with turns.take():
        pass


def test_who_comes_first_is_served_first() -> None:
    turns, order = Turns(1), []
    threads = []

    def run(number: int) -> None:
        for _ in range(3):
            with turns.take():
                order.append(number)
                time.sleep(0.01)

    for number in range(3):
        threads.append(threading.Thread(target=run, args=(number,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert set(order[:4]) == {0, 1, 2}  # nobody who comes again passes one who waits


def test_one_that_asks_to_be_alone_waits_for_all_others_and_holds_them_up() -> None:
    turns, log, lock = Turns(3), list[str](), threading.Lock()

    def run(name: str, alone: bool) -> None:
        with turns.take(alone):
            with lock:
                log.append(f"{name} begins")
            time.sleep(0.05)
            with lock:
                log.append(f"{name} ends")

    threads = []
    for name in ("a", "b", "alone", "c", "d"):
        threads.append(threading.Thread(target=run, args=(name, name == "alone")))
        threads[-1].start()
        time.sleep(0.01)  # they come in this order
    for thread in threads:
        thread.join()
    at = log.index("alone begins")
    assert sorted(log[:at]) == ["a begins", "a ends", "b begins", "b ends"]
    assert log[at + 1] == "alone ends"


def test_one_that_is_interrupted_while_it_waits_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(1)

    def interrupt(timeout: float) -> None:
        raise KeyboardInterrupt

    with turns.take(), monkeypatch.context() as patch:
        patch.setattr(turns._changed, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt), turns.take():
            pass
    with turns.take():
        pass
