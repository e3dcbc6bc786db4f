"""Forks cells from a warm interpreter, and reads nothing but orders of limits."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket

from pipeline.sandbox.inside import lockdown
from pipeline.sandbox.inside.cell import MODE_USERS, run_cell
from pipeline.sandbox.inside.supervisor import serve

# Modules that solutions often import: loaded once here, a few microseconds in each program.
_WARM = (
    "array", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers", "operator", "random", "re",
    "statistics", "string", "textwrap", "time", "typing", "unicodedata",
)  # fmt: skip
_N_FDS = 5
_ENVIRONMENT = {"HOME", "LANG", "PATH", "PYTHONHASHSEED", "TZ"}


def main(isolation: str, first_uid: int) -> None:
    """Start the supervisor, then fork a cell for each of its orders until it ends.

    Args:
        isolation: `namespaces` or `uids`.
        first_uid: user id of the first program, for `uids`; each program takes the next one.
    """
    os.umask(0o077)
    lockdown.share_one_arena()
    if isolation == MODE_USERS:
        with contextlib.suppress(OSError):  # gVisor may refuse; programs then see /proc as any user does
            os.chmod("/proc", 0o700)  # no container of ours can mount over it
    for name in set(os.environ) - _ENVIRONMENT:
        del os.environ[name]  # engines add names of their own
    for name in _WARM:
        __import__(name)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        lockdown.hide_from_tracers()
        serve(0, 1, theirs, isolation, first_uid)
        os._exit(0)
    theirs.close()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    os.close(null)
    lockdown.hide_from_tracers()
    gc.collect()
    gc.freeze()
    while True:
        message, fds, _, _ = socket.recv_fds(ours, 4096, _N_FDS)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            ours.close()
            code = 1
            try:
                run_cell(fds, json.loads(message))
                code = 0
            finally:
                os._exit(code)
        for fd in fds:
            os.close(fd)
        _reap_ended()


def _reap_ended() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
