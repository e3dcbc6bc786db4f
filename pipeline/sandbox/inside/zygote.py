"""Forks programs from a warm interpreter, and reads nothing but orders of limits."""

from __future__ import annotations

import _sitebuiltins
import _thread
import builtins
import contextlib
import gc
import json
import os
import select
import socket
import sys
import threading

from pairsmith.pipeline.sandbox.inside import lockdown
from pairsmith.pipeline.sandbox.inside.cell import MODE_USERS, Cell, start_cell
from pairsmith.pipeline.sandbox.inside.supervisor import serve

# Modules that solutions often import: loaded once here, a few microseconds in each program.
_WARM = (
    "array", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers", "operator", "random", "re",
    "statistics", "string", "textwrap", "time", "typing", "unicodedata",
)  # fmt: skip
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_N_FDS = 4
_MAX_ORDER = 4096
_ENVIRONMENT = {"HOME", "LANG", "PATH", "PYTHONHASHSEED", "TZ"}


def main(isolation: str, first_uid: int) -> None:
    """Fork the zygote, then be the supervisor until the host closes its end.

    Args:
        isolation: `namespaces` or `uids`.
        first_uid: user id of the first program, for `uids`; each program takes the next one.
    """
    os.umask(0o077)
    lockdown.share_one_arena()
    lockdown.prepare_filters()
    lockdown.keep_thread_stacks_small()
    # No container of ours can mount over /proc. Where programs can be kept from opening what is in it, they may
    # pass through to their own descriptors (/dev/stdin); gVisor may refuse: they see /proc as any user does.
    mode = 0o711 if lockdown.can_close_proc() else 0o700
    if isolation == MODE_USERS:
        with contextlib.suppress(OSError):
            os.chmod("/proc", mode)
    set_int_max_str_digits = getattr(sys, "set_int_max_str_digits", None)  # not in older interpreters
    if set_int_max_str_digits is not None:
        set_int_max_str_digits(0)  # time is limited already
    for name in set(os.environ) - _ENVIRONMENT:
        del os.environ[name]  # engines add names of their own
    # Libraries of numbers start a thread a processor, each with a stack and buffers.
    for name in _ONE_THREAD if os.path.isdir("/packages") else ():
        os.environ[name] = "1"
    for name in _WARM:
        __import__(name)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lockdown.hide_from_tracers()
    if os.fork() == 0:
        code = 1
        try:
            ours.close()
            _fork_programs(theirs, isolation)
            code = 0
        finally:
            os._exit(code)
    theirs.close()
    serve(0, 1, ours, first_uid)
    os._exit(0)


def _fork_programs(orders: socket.socket, isolation: str) -> None:
    """Fork a program for each order, one at a time, and report its end; return when the supervisor is gone."""
    lockdown.die_with_parent()
    lockdown.adopt_orphans()
    lockdown.hide_from_tracers()
    lockdown.limit_for_ever()
    lockdown.filter_system_calls()
    if isolation == MODE_USERS:
        lockdown.forbid_namespaces()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    os.close(null)
    for name in ("exit", "quit"):  # programs count on them; the interpreter was started without `site`
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D"))
    threading.stack_size = _thread.stack_size = lockdown.thread_stack_size
    gc.collect()
    gc.freeze()
    while True:
        message, fds, _, _ = socket.recv_fds(orders, _MAX_ORDER, _N_FDS)
        if not message:
            return
        order = json.loads(message)
        if order["op"] != "run":  # it came for a program that had just ended
            continue
        try:
            cell = start_cell(fds, order, isolation)
        except OSError as error:
            report = {"error": f"{type(error).__name__}: {error}"}
        else:
            for fd in fds:
                os.close(fd)
            fds = []
            if not _wait_for_end(cell, orders):
                cell.end()
                return
            report = cell.end()
        for fd in fds:
            os.close(fd)
        orders.send(json.dumps(report).encode())


def _wait_for_end(cell: Cell, orders: socket.socket) -> bool:
    """Wait until the program has ended or shall end; return False if the supervisor is gone."""
    poll = select.poll()
    poll.register(cell.watched, select.POLLIN)
    poll.register(orders, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if cell.watched in ready:
            return True
        message = orders.recv(_MAX_ORDER)
        if not message:
            return False
        if json.loads(message)["op"] == "kill":
            return True
        waited_s, cpu_s = cell.used()
        orders.send(json.dumps({"waited_s": waited_s, "used_cpu_s": cpu_s}).encode())
