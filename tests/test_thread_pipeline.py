import threading
import time
from collections.abc import Iterator

import pytest

from pairsmith.flows.runtime.overlapped import ThreadPipeline


def test_all_steps_work_at_the_same_time_and_nothing_is_lost() -> None:
    seen: list[tuple[int, str]] = []
    together = threading.Barrier(2, timeout=5)

    def first(item: int) -> Iterator[int]:
        if item == 1:
            together.wait()  # only passes while the second step is at item 0
        yield item

    def second(item: int) -> Iterator[int]:
        if item == 0:
            together.wait()
        seen.append((item, threading.current_thread().name))
        return iter(())

    pipeline = ThreadPipeline([first, second], n_waiting=2)
    for item in range(20):
        pipeline.put(item)
    pipeline.finish()
    assert [item for item, _ in seen] == list(range(20))


def test_a_slow_step_holds_up_the_putting() -> None:
    release = threading.Event()
    done: list[int] = []

    def slow(item: int) -> Iterator[int]:
        release.wait(10)
        done.append(item)
        return iter(())

    pipeline = ThreadPipeline([slow], n_waiting=3)
    put: list[int] = []

    def feed() -> None:
        for item in range(10):
            pipeline.put(item)
            put.append(item)

    feeder = threading.Thread(target=feed)
    feeder.start()
    time.sleep(0.5)
    assert len(put) <= 4, "one in work, three waiting"
    release.set()
    feeder.join()
    pipeline.finish()
    assert done == list(range(10))


@pytest.mark.parametrize("broken", [0, 1])
def test_an_error_of_any_step_comes_out(broken: int) -> None:
    def step(number: int, item: int) -> Iterator[int]:
        if number == broken and item == 3:
            raise ValueError(f"step {number}")
        yield item

    pipeline = ThreadPipeline([lambda item: step(0, item), lambda item: step(1, item)], n_waiting=1)

    def use() -> None:
        for item in range(100):
            pipeline.put(item)
        pipeline.finish()

    with pytest.raises(ValueError, match=f"step {broken}"):
        use()
    pipeline.abort(5)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("line-")]


def test_an_aborted_line_ends_though_items_wait() -> None:
    done: list[int] = []

    def slow(item: int) -> Iterator[int]:
        time.sleep(0.05)
        done.append(item)
        return iter(())

    pipeline = ThreadPipeline([slow], n_waiting=50)
    for item in range(50):
        pipeline.put(item)
    pipeline.abort(5)
    assert len(done) < 50
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("line-")]
