"""Reads from /proc what the processes of one program have had of the processor."""

from __future__ import annotations

import os

_TICKS = os.sysconf("SC_CLK_TCK")


def descendants(root: int) -> dict[int, float]:
    """Return the processes below `root` with the CPU seconds of each, its reaped children included."""
    parents: dict[int, int] = {}
    cpu_s: dict[int, float] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(name)] = int(fields[1])
            cpu_s[int(name)] = sum(map(int, fields[11:15])) / _TICKS  # utime, stime, cutime, cstime: proc(5)
    below = {root}
    n_before = 0
    while len(below) > n_before:
        n_before = len(below)
        below |= {pid for pid, parent in parents.items() if parent in below}
    return {pid: cpu_s[pid] for pid in below if pid in cpu_s and pid != root}


def waited_s(pid: int) -> float | None:
    """Return how long a process has been ready to run but had no processor, seconds; None where nobody counts it.

    Source: Documentation/scheduler/sched-stats.rst of Linux, /proc/<pid>/schedstat, second field.
    """
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None
