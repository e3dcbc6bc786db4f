"""Isolates one program, limits it, ends it and reports on it. Runs in the zygote, whose children programs are."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
from typing import Any, NoReturn

from pairsmith.pipeline.sandbox.inside import lockdown
from pairsmith.pipeline.sandbox.inside.ending import WRITABLE, delete_contents, descendants, waited_s
from pairsmith.pipeline.sandbox.inside.frames import READY
from pairsmith.pipeline.sandbox.inside.program import run_program

MODE_NAMESPACES, MODE_USERS = "namespaces", "uids"
_INNER_USER = 1000
_INIT_LIMIT_S = 5.0
_AWAITED = (signal.SIGTERM, signal.SIGCHLD)  # by the init of a program's namespaces
# When the sandbox's memory runs out the kernel takes the program, then its init, never zygote and supervisor.
_FATE, _FIRST_TO_GO, _NEXT_TO_GO = "/proc/self/oom_score_adj", b"1000", b"900"
_INPUTS_FD, _ANSWERS_FD = 200, 201
_ALSO_WAITED = 0.1  # of the longest wait; a process that waited less has slept most of the time
_NAMESPACES = lockdown.NEWUSER | lockdown.NEWPID | lockdown.NEWNS | lockdown.NEWIPC


class Cell:
    """One started program, as the zygote sees it.

    Attributes:
        watched: descriptor that is readable once the program has ended.
    """

    def __init__(self, pid: int) -> None:
        """Watch a child: the program, or the init of its namespaces."""
        self.pid = pid
        self.watched = os.pidfd_open(pid)

    def end(self) -> dict[str, Any]:
        """End the program with all that it started, clean up behind it, and return the report."""
        raise NotImplementedError

    def used(self) -> tuple[float | None, float]:
        """Return how long the program's first process was kept waiting, and the CPU time of all; seconds.

        None where the kernel does not say how long. A program whose processes all want to run keeps itself
        waiting: then it is that time divided by their number.
        """
        raise NotImplementedError


def start_cell(fds: list[int], order: dict[str, Any], isolation: str) -> Cell:
    """Fork a program and return its cell.

    Args:
        fds: inputs (read), answers (write), stdout (write), stderr (write); the caller closes them.
        order: uid, cpu_s, memory_mib, reserve_mib, n_processes, files_mib.
        isolation: `namespaces` or `uids`.

    Raises:
        OSError: if none can be forked.
    """
    if isolation == MODE_NAMESPACES:
        return _start_in_namespaces(fds, order)
    return _start_as_user(fds, order)


class _NamespaceCell(Cell):
    """A program in namespaces of its own, under an init that is ours."""

    def __init__(self, pid: int, status: int) -> None:
        super().__init__(pid)
        self._status = status

    def end(self) -> dict[str, Any]:
        if not _ends_within(self.watched, 0.0):
            os.kill(self.pid, signal.SIGTERM)  # it kills and reaps the others, so that their CPU time is counted
            if not _ends_within(self.watched, _INIT_LIMIT_S):
                os.kill(self.pid, signal.SIGKILL)
        _, _, usage = os.wait4(self.pid, 0)  # returns when every process of its namespace is gone
        status = os.read(self._status, 16)
        os.close(self._status)
        os.close(self.watched)
        return {
            "wait_status": int(status) if status else None,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_kib": usage.ru_maxrss,
            "clean": True,
            "error": "",
        }

    def used(self) -> tuple[float | None, float]:
        return _used(descendants(self.pid))


def _used(processes: dict[int, float]) -> tuple[float | None, float]:
    waited = [one for pid in processes if (one := waited_s(pid)) is not None]
    if not waited:
        return None, sum(processes.values())
    n_waiting = sum(one >= max(waited) * _ALSO_WAITED for one in waited)
    return max(waited) / n_waiting, sum(processes.values())


def _start_in_namespaces(fds: list[int], order: dict[str, Any]) -> Cell:
    status_read, status_write = os.pipe()
    uid, gid = os.getuid(), os.getgid()
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)  # a signal that comes before the init waits for it is kept
    try:
        pid = lockdown.clone(_NAMESPACES)
        if pid == 0:
            try:
                _be_init(fds, order, status_write, uid, gid)
            finally:
                os._exit(1)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
    os.close(status_write)
    return _NamespaceCell(pid, status_read)


def _be_init(fds: list[int], order: dict[str, Any], status_write: int, uid: int, gid: int) -> NoReturn:
    """Be process 1 of the namespaces: when the program ends, or at SIGTERM, kill and reap all others."""
    lockdown.die_with_parent()
    lockdown.hide_from_tracers(False)  # else /proc/self/uid_map belongs to root
    fate = os.open(_FATE, os.O_WRONLY)
    lockdown.map_user(uid, gid, _INNER_USER)
    lockdown.make_mounts_private()
    room = f"size={order['files_mib']}m,nr_inodes=4096,mode=1777"
    for folder in WRITABLE:
        lockdown.mount_tmpfs(folder, room, executable=folder == "/tmp")
    if not lockdown.mount_own_processes("/proc"):
        lockdown.mount_tmpfs("/proc", "size=4k,mode=0000", read_only=True)
    lockdown.hide_from_tracers()
    lockdown.drop_capabilities()
    lockdown.close_proc()
    lockdown.forbid_namespaces()
    os.setsid()
    os.write(fate, _FIRST_TO_GO)
    for _ in range(int(os.environ.get("PYTHONHASHSEED", "0")) % 4):  # the program's own number is another then
        leave_out = os.fork()
        if leave_out == 0:
            os._exit(0)
        os.waitpid(leave_out, 0)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
        _be_program(fds, dict(order, n_processes=order["n_processes"] + 1))  # this process counts too
    os.write(fate, _NEXT_TO_GO)
    for fd in fds:
        os.close(fd)
    ended, status = 0, 0
    while not ended:
        if signal.sigwait(_AWAITED) == signal.SIGTERM:
            _kill_all()
        ended, status = os.waitpid(child, os.WNOHANG)
    os.write(status_write, str(status).encode())
    _kill_all()
    _reap_all()
    os._exit(0)


def _kill_all() -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


class _UserCell(Cell):
    """A program under a user id that no other program of the sandbox has."""

    def __init__(self, pid: int, uid: int) -> None:
        super().__init__(pid)
        self._uid = uid

    def end(self) -> dict[str, Any]:
        if not _ends_within(self.watched, 0.0):
            os.kill(self.pid, signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        os.close(self.watched)
        cpu_s = usage.ru_utime + usage.ru_stime + self._end_others()
        return {
            "wait_status": status,
            "cpu_s": cpu_s,
            "peak_kib": usage.ru_maxrss,
            "clean": _sweep(self._uid),
            "error": "",
        }

    def used(self) -> tuple[float | None, float]:
        return _used(descendants(os.getpid()))

    def _end_others(self) -> float:
        """End and reap what the program left running, all adopted by now; return the CPU seconds of it."""
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # the usual case: there is nothing
            return 0.0
        _as_user(self._uid, lambda: os.kill(-1, signal.SIGKILL))
        return _reap_all()


def _start_as_user(fds: list[int], order: dict[str, Any]) -> Cell:
    pid = os.fork()
    if pid == 0:
        try:
            fate = os.open(_FATE, os.O_WRONLY)
            os.write(fate, _FIRST_TO_GO)
            os.close(fate)
            os.setsid()
            _become(order["uid"])
            lockdown.close_proc()
            _be_program(fds, order)
        finally:
            os._exit(1)
    return _UserCell(pid, order["uid"])


def _be_program(fds: list[int], order: dict[str, Any]) -> NoReturn:
    """Turn into the program, whose rights are gone already: descriptors, limits, then the candidate's code."""
    code = 1
    try:
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(fds[2], 1)
        os.dup2(fds[3], 2)
        inputs, answers = os.dup2(fds[0], _INPUTS_FD), os.dup2(fds[1], _ANSWERS_FD)
        os.closerange(3, _INPUTS_FD)
        os.closerange(_ANSWERS_FD + 1, 65536)
        os.chdir("/tmp")
        lockdown.limit_resources(
            order["cpu_s"], order["memory_mib"], order["n_processes"], order["files_mib"], order["reserve_mib"]
        )
        random.seed(0)  # a fork seeds it from the clock
        os.write(answers, READY)
        run_program(inputs, answers)
        code = 0
    finally:
        os._exit(code)


def _ends_within(watched: int, limit_s: float) -> bool:
    return bool(select.select([watched], [], [], limit_s)[0])


def _become(uid: int) -> None:
    """Turn into a user for ever; the kernel takes all capabilities from who is root no more (capabilities(7))."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _as_user(uid: int, action: Any) -> None:
    """Do something in a child that has become that user, and wait for it."""
    child = os.fork()
    if child == 0:
        try:
            _become(uid)
            action()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _reap_all() -> float:
    """Reap every child, all of which have been sent SIGKILL; return the CPU seconds that they used."""
    cpu_s = 0.0
    while True:
        try:
            _, _, usage = os.wait3(0)
        except ChildProcessError:
            return cpu_s
        cpu_s += usage.ru_utime + usage.ru_stime


def _sweep(uid: int) -> bool:
    """Delete what the program left in the writable folders; return whether they are empty."""
    folders = [folder for folder in WRITABLE if os.path.isdir(folder)]
    if not any(os.listdir(folder) for folder in folders):
        return True
    _as_user(uid, lambda: delete_contents(folders))
    return not any(os.listdir(folder) for folder in folders)
