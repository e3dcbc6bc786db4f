"""How a program ended, what it used of the processor, and what it left behind."""

from __future__ import annotations

import os
import signal
import stat
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
    out_of_memory = count_oom_kills() > oom_kills
    if wait_status is None and not out_of_memory:
        return ProgramEndedError("exited", "all its processes were killed")
    if wait_status is not None and os.WIFEXITED(wait_status):
        return ProgramEndedError("exited", f"exit code {os.WEXITSTATUS(wait_status)}")
    number = signal.SIGKILL if wait_status is None else os.WTERMSIG(wait_status)
    out_of_cpu = report["cpu_s"] >= limits["cpu_s"] - _NEARLY_S
    if number == signal.SIGXCPU or (number == signal.SIGKILL and out_of_cpu):
        return ProgramEndedError("timeout", "cpu")
    if number == signal.SIGKILL and out_of_memory:
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


WRITABLE = ("/tmp", "/dev/shm")


def delete_contents(folders: list[str], keep: frozenset[str] = frozenset()) -> None:
    """Delete all that is in some folders, as the user who left it.

    Args:
        folders: absolute paths; they stay themselves.
        keep: paths right in those folders that stay too.
    """
    for folder in folders:
        while entries := [entry for entry in os.scandir(folder) if entry.path not in keep]:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _dissolve(entry.path, folder)
                else:
                    os.unlink(entry.path)


def _dissolve(path: str, folder: str) -> None:
    """Delete a folder, and lift the folders in it to the top: no depth can exhaust the stack or a path."""
    os.chmod(path, stat.S_IRWXU)
    for entry in list(os.scandir(path)):
        if entry.is_dir(follow_symlinks=False):
            os.chmod(entry.path, stat.S_IRWXU)
            os.rename(entry.path, os.path.join(folder, os.urandom(16).hex()))
        else:
            os.unlink(entry.path)
    os.rmdir(path)


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
