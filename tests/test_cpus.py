import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from pairsmith.flows.runtime.stages import leave_first_cpu


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
def test_judging_and_what_it_starts_leave_the_first_core() -> None:
    before = os.sched_getaffinity(0)
    code = "import os; print(sorted(os.sched_getaffinity(0)))"

    def look() -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(1, initializer=leave_first_cpu) as thread:
        seen = [thread.submit(look).result() for _ in range(2)]
    assert [line.strip() for line in seen] == 2 * [str(sorted(before - {min(before)}))]
    assert os.sched_getaffinity(0) == before
