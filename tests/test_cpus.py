import os
import subprocess
import sys
import threading

import pytest

from pairsmith.flows.runtime.overlapped import judging_cpus, reserve_cpus


@pytest.mark.parametrize(
    ("available", "n_reserved", "left"),
    [({0, 1, 2, 3}, 1, {1, 2, 3}), ({0, 1}, 0, {0, 1}), ({0, 1}, 5, {1}), ({7}, 1, {7}), ({2, 5}, 1, {5})],
)
def test_judging_leaves_the_first_cores_and_keeps_one(
    available: set[int], n_reserved: int, left: set[int]
) -> None:
    assert judging_cpus(frozenset(available), n_reserved) == left


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
def test_threads_and_processes_that_judging_starts_stay_off_too() -> None:
    before = os.sched_getaffinity(0)
    seen: list[object] = []
    code = "import os; print(sorted(os.sched_getaffinity(0)))"
    with reserve_cpus(1):
        thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert seen == [before - {min(before)}]
    assert told.strip() == str(sorted(before - {min(before)}))
    assert os.sched_getaffinity(0) == before
