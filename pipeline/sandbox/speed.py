"""Measures how fast this machine runs programs, so that limits of time mean the same on a slower one."""

import math

from pairsmith.pipeline.sandbox.contract import Job
from pairsmith.pipeline.sandbox.sandbox import Sandbox
from pairsmith.schemas.config import SandboxConfig
from pairsmith.schemas.values import decode_value

# CPU seconds of the probe on the machine that the default limits were chosen on: two threads of a cloud's x86_64,
# both busy, CPython 3.11 of Debian 12. The best of 20 runs was 0.012 to 0.018 s.
REFERENCE_S = 0.018
_N_RUNS = 5
_EVERYDAY = 1.2  # a slower run than this may be noise as well
_MOST = 10.0

# What solutions are made of: calls, loops, small containers, integers and text.
_PROBE = """
import time
def work(n):
    table, total = {}, 0
    for i in range(n):
        table[i % 257] = table.get(i % 257, 0) + i * i
        total += len(str(i)) + sum(x for x in (i, i + 1, i + 2))
    return total + len(sorted(table.values()))
def probe(n):
    start = time.process_time()
    work(n)
    return time.process_time() - start
"""
_N_STEPS = 60_000


def measure_slowness(sandbox: Sandbox) -> float:
    """Return how many times longer than on the reference machine a program takes here, in [1, 10].

    CPU time is measured, the best of some runs: other load doesn't matter. 1.0 for less than a fifth longer.

    Raises:
        SandboxFaultError: if the sandbox breaks.
    """
    answers, _ = sandbox.run(Job("", _PROBE, "probe", (f"[{_N_STEPS}]",) * _N_RUNS))
    seconds = [decode_value(answer.value) for answer in answers if answer.value]
    if not seconds:
        return _MOST  # it did not even end within the limits
    slowness = min(seconds) / REFERENCE_S
    return 1.0 if slowness < _EVERYDAY else min(round(slowness, 1), _MOST)


def scale_limits(config: SandboxConfig, slowness: float) -> SandboxConfig:
    """Return the same configuration with all limits of time multiplied; CPU seconds are rounded up."""
    if slowness == 1.0:
        return config
    return config.model_copy(
        update={
            "cpu_s": math.ceil(config.cpu_s * slowness),
            "wall_s": config.wall_s * slowness,
            "case_wall_s": config.case_wall_s * slowness,
            "total_wall_s": config.total_wall_s * slowness,
        }
    )
