"""Isolates one program, limits it, ends it and reports on it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from typing import Any

from pipeline.sandbox.inside import lockdown
from pipeline.sandbox.inside.program import run_program
from pipeline.sandbox.inside.sweeping import WRITABLE, delete_contents

MODE_NAMESPACES, MODE_USERS = "namespaces", "uids"
_INNER_USER = 1000
_INIT_LIMIT_S = 5.0
# When the sandbox's memory runs out the kernel takes the program, then the cell, never the supervisor: a cell
# that is killed proves nothing about its program.
_FATE, _FIRST_TO_GO, _LAST_TO_GO = "/proc/self/oom_score_adj", b"1000", b"500"


def run_cell(fds: list[int], order: dict[str, Any]) -> None:
    """Run one program from its first to its last process; never returns to the zygote's loop with it alive.

    Args:
        fds: inputs (read), answers (write), stdout (write), stderr (write), control (socket).
        order: isolation, uid, cpu_s, memory_mib, n_processes, files_mib.
    """
    control = socket.socket(fileno=fds[4])
    report: dict[str, Any] = {"wait_status": None, "cpu_s": 0.0, "peak_kib": 0, "clean": False, "error": ""}
    try:
        if order["isolation"] == MODE_NAMESPACES:
            _run_in_namespaces(fds[:4], order, control, report)
        else:
            _run_as_user(fds[:4], order, control, report)
    except Exception as error:  # whatever it was, this cell is broken and says so
        report["error"] = f"{type(error).__name__}: {error}"
    control.sendall(json.dumps(report).encode())


def _run_in_namespaces(
    fds: list[int], order: dict[str, Any], control: socket.socket, report: dict[str, Any]
) -> None:
    uid, gid = os.getuid(), os.getgid()
    lockdown.hide_from_tracers(False)  # else /proc/self/uid_map belongs to root
    fate = os.open(_FATE, os.O_WRONLY)
    lockdown.unshare(lockdown.NEWUSER | lockdown.NEWPID | lockdown.NEWNS | lockdown.NEWIPC)
    lockdown.map_user(uid, gid, _INNER_USER)
    lockdown.make_mounts_private()
    room = f"size={order['files_mib']}m,nr_inodes=4096,mode=1777"
    for folder in WRITABLE:
        lockdown.mount_tmpfs(folder, room)
    lockdown.mount_tmpfs("/proc", "size=4k,mode=0000", read_only=True)
    lockdown.hide_from_tracers()
    status_read, status_write = os.pipe()
    os.write(fate, _FIRST_TO_GO)
    init = os.fork()
    if init == 0:
        os.close(fate)
        lockdown.die_with_parent()
        os.close(status_read)
        control.close()
        _be_init(fds, order, status_write)
    os.write(fate, _LAST_TO_GO)
    _close_all([*fds, fate, status_write])
    _wait_for_end(init, control)
    os.kill(init, signal.SIGTERM)  # it kills and reaps the others, so that their CPU time is counted
    if not _ends_within(init, _INIT_LIMIT_S):
        os.kill(init, signal.SIGKILL)
    _, _, usage = os.wait4(init, 0)  # returns when every process of its namespace is gone
    status = os.read(status_read, 16)
    report.update(
        wait_status=int(status) if status else None,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_kib=usage.ru_maxrss,
        clean=True,
    )


def _be_init(fds: list[int], order: dict[str, Any], status_write: int) -> None:
    """Be process 1 of the namespace: when the program ends, or at SIGTERM, kill and reap all others."""
    os.setsid()
    lockdown.drop_capabilities()
    child = os.fork()
    if child == 0:
        os.close(status_write)
        _be_program(fds, dict(order, n_processes=order["n_processes"] + 1))  # this process counts too
    signal.signal(signal.SIGTERM, lambda *_: os.kill(-1, signal.SIGKILL))
    _close_all(fds)
    _, status = os.waitpid(child, 0)
    os.write(status_write, str(status).encode())
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        os._exit(0)
    _reap_all()
    os._exit(0)


def _run_as_user(fds: list[int], order: dict[str, Any], control: socket.socket, report: dict[str, Any]) -> None:
    lockdown.adopt_orphans()
    uid = order["uid"]
    fate = os.open(_FATE, os.O_WRONLY)
    os.write(fate, _FIRST_TO_GO)
    child = os.fork()
    if child == 0:
        os.close(fate)
        control.close()
        os.setsid()
        _become(uid)
        _be_program(fds, order)
    os.write(fate, _LAST_TO_GO)
    _close_all([*fds, fate])
    _wait_for_end(child, control)
    os.kill(child, signal.SIGKILL)  # it may not have become that user yet
    _as_user(uid, lambda: os.kill(-1, signal.SIGKILL))
    _, status, usage = os.wait4(child, 0)
    report.update(wait_status=status, peak_kib=usage.ru_maxrss)
    report["cpu_s"] = usage.ru_utime + usage.ru_stime + _reap_all()
    report["clean"] = _sweep(uid)


def _be_program(fds: list[int], order: dict[str, Any]) -> None:
    """Turn into the program: descriptors, limits, filter, then the candidate's code."""
    code = 1
    try:
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(fds[2], 1)
        os.dup2(fds[3], 2)
        inputs, answers = os.dup2(fds[0], 200), os.dup2(fds[1], 201)
        os.closerange(3, 200)
        os.closerange(202, 65536)
        os.chdir("/tmp")
        lockdown.limit_resources(order["cpu_s"], order["memory_mib"], order["n_processes"], order["files_mib"])
        lockdown.drop_capabilities()
        lockdown.filter_system_calls()
        run_program(inputs, answers)
        code = 0
    finally:
        os._exit(code)


def _wait_for_end(child: int, control: socket.socket) -> None:
    """Return when the child has ended or the supervisor asks for its end (or is gone itself)."""
    watched = os.pidfd_open(child)
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    poll.register(control.fileno(), select.POLLIN)
    poll.poll()
    os.close(watched)


def _ends_within(child: int, limit_s: float) -> bool:
    watched = os.pidfd_open(child)
    try:
        return bool(select.select([watched], [], [], limit_s)[0])
    finally:
        os.close(watched)


def _become(uid: int) -> None:
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
    """Reap every adopted process, all of which have been sent SIGKILL; return the CPU seconds that they used."""
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


def _close_all(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
