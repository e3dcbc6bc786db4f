"""How a program ended: what the supervisor makes of its wait status."""

from __future__ import annotations

import os
import signal
from typing import Any

_OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_NEARLY_S = 0.05  # a signal comes at a tick of the kernel's clock


class CellBrokenError(Exception):
    """A cell failed to start or to end: nothing is proved about its program."""


class ProgramEndedError(Exception):
    """The program can answer no more; `status` says why."""

    def __init__(self, status: str, detail: str = "") -> None:
        """Keep a status of `schemas.execution.Status` and a line for a person."""
        super().__init__(status)
        self.status, self.detail = status, detail


def explain_exit(report: dict[str, Any], limits: dict[str, Any], oom_kills: int) -> ProgramEndedError:
    """Return why a program ended that nobody had asked to.

    Args:
        report: the zygote's.
        limits: cpu_s.
        oom_kills: processes of the sandbox that the kernel had killed for want of memory when the program started.
    """
    wait_status = report["wait_status"]
    was_starved = count_oom_kills() > oom_kills
    if wait_status is None and not was_starved:
        return ProgramEndedError("exited", "all its processes were killed")
    if wait_status is not None and os.WIFEXITED(wait_status):
        return ProgramEndedError("exited", f"exit code {os.WEXITSTATUS(wait_status)}")
    number = signal.SIGKILL if wait_status is None else os.WTERMSIG(wait_status)
    out_of_cpu = report["cpu_s"] >= limits["cpu_s"] - _NEARLY_S
    if number == signal.SIGXCPU or (number == signal.SIGKILL and out_of_cpu):
        return ProgramEndedError("timeout", "cpu")
    if number == signal.SIGKILL and was_starved:
        return ProgramEndedError("memory", "killed by the kernel for want of memory")
    return ProgramEndedError("exited", f"signal {int(number)}")


def count_oom_kills() -> int:
    """Return how many processes of this sandbox the kernel has killed for want of memory; 0 where unknown."""
    for path in _OOM_COUNTERS:
        try:
            with open(path) as file:
                for line in file:
                    name, _, count = line.partition(" ")
                    if name == "oom_kill":
                        return int(count)
        except (OSError, ValueError):
            continue
    return 0
