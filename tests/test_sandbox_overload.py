"""A busy machine makes no timeouts, and no program earns time by keeping itself busy."""

import pytest

from benchmarks.disturbing import busy_machine
from pairsmith.pipeline.sandbox.contract import Ending, Engine, Job
from pairsmith.pipeline.sandbox.sandbox import Sandbox
from pairsmith.pipeline.sandbox.turns import measure_slowness
from pairsmith.schemas.execution import Status
from tests.sandboxes import LIMITS

# Needs half of what it may take: on a busy machine several times that passes.
WORKS = "import time\ndef f():\n    while time.process_time() < 0.5:\n        pass\n    return 1"
TIGHT = LIMITS.model_copy(update={"wall_s": 1.5, "case_wall_s": 1.0, "n_processes": 16})


def run(engine: Engine, code: str, wall_s: float = TIGHT.wall_s) -> Ending:
    sandbox = Sandbox(engine, TIGHT.model_copy(update={"wall_s": wall_s}))
    try:
        return sandbox.run(Job("", code, "f", ("[]",)))[1]
    finally:
        sandbox.close()


def test_time_without_a_processor_does_not_count(engine: Engine) -> None:
    with busy_machine():
        ending = run(engine, WORKS)
    assert ending.status is Status.OK, ending
    assert ending.wall_s > TIGHT.case_wall_s  # else the machine was not busy, and nothing is shown
    assert ending.cpu_wait_s > 0


def test_a_sleeper_gets_no_more_time_on_a_busy_machine(engine: Engine) -> None:
    with busy_machine():
        ending = run(engine, "import time\ndef f():\n    time.sleep(60)")
    assert (ending.status, ending.detail) == (Status.TIMEOUT, "wall")
    assert ending.wall_s < 4 * TIGHT.case_wall_s


def test_all_that_a_burner_waited_is_counted(engine: Engine) -> None:
    with busy_machine():
        ending = run(engine, "def f():\n    while True:\n        pass", wall_s=10.0)
    assert ending.status is Status.TIMEOUT
    assert ending.cpu_wait_s > 0  # else the machine was not busy, and nothing is shown
    assert ending.cpu_s > 0.85 * TIGHT.case_wall_s  # it had its time: it need not run once more alone
    assert ending.cpu_s > 0.8 * (ending.wall_s - ending.cpu_wait_s)  # its end takes a moment, too


@pytest.mark.parametrize("load", ["while True:\n  pass", "while True:\n  os.getpid()"])
def test_a_program_that_keeps_itself_waiting_gets_no_more_time(engine: Engine, load: str) -> None:
    code = f"import os\ndef f():\n for _ in range(10):\n  if os.fork() == 0:\n   break\n {load}"
    ending = run(engine, code)
    assert ending.status is Status.TIMEOUT, ending
    assert ending.wall_s < 5 * TIGHT.case_wall_s


def test_this_machine_can_be_measured(engine: Engine) -> None:
    sandbox = Sandbox(engine, LIMITS)
    try:
        assert 1.0 <= measure_slowness(sandbox) <= 10.0
    finally:
        sandbox.close()
