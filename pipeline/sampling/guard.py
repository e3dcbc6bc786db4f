"""Runs one command and ends it, with all that it started, when the process that asked for it is gone.

A program of its own (see `start`): on its standard input comes one line of JSON, variables for the command's
environment, and then nothing until the end. The end of that pipe, which even `kill -9` of the asker brings about,
ends the command.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import psutil

_GRACE_S = 10.0
_LOOK_EVERY_S = 1.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def start(command: Sequence[str], variables: Mapping[str, str], **options: Any) -> "subprocess.Popen[bytes]":
    """Start a command below a guard; `stop` ends it, and so does the end of this process.

    Args:
        variables: added to the command's environment.
        options: further ones of `Popen`.
    """
    guarded = [sys.executable, "-I", __file__, *command]
    process = subprocess.Popen(guarded, stdin=subprocess.PIPE, **options)
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.write(json.dumps(dict(variables)).encode() + b"\n")
        process.stdin.flush()
    return process


def stop(process: "subprocess.Popen[bytes]", limit_s: float | None = None) -> None:
    """Have a guard end its command, and wait for both; after `limit_s` seconds they are killed."""
    with contextlib.suppress(OSError):
        assert process.stdin is not None
        process.stdin.close()
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        process.kill()  # its command dies with it
        process.wait()


def main(command: list[str]) -> int:
    """Run the command until it ends or the asker does; return its exit status."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what the command leaves behind becomes ours, to be ended
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a Ctrl-C is for the asker, who then closes the pipe
    os.environ.update(json.loads(sys.stdin.readline() or "{}"))

    def in_child() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=in_child)
    ended, here = os.pipe()
    # After the command, which is the guard's first child.
    if os.fork() == 0:
        os.close(here)
        _keep(ended)
    while child.poll() is None:
        if select.select([sys.stdin], [], [], 0.2)[0] and not os.read(0, 1024):
            break
    _end(child)
    return child.returncode


def _keep(ended: int) -> None:
    """Wait for the guard's end, and kill what it left behind: Ray kills the children of a process that it ends.

    A process that vLLM starts outlives the server, whose end the kernel brings about.
    """
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    guard, family = psutil.Process(os.getppid()), set[psutil.Process]()
    while not select.select([ended], [], [], _LOOK_EVERY_S)[0]:
        with contextlib.suppress(psutil.Error):
            family = set(guard.children(recursive=True))
    for process in family - {psutil.Process()}:
        with contextlib.suppress(psutil.Error):
            process.kill()  # psutil looks whether the number is still that process
    os._exit(0)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End the command and all that it left behind, first by SIGTERM."""
    family = psutil.Process().children(recursive=True)
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(family, _GRACE_S)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()
    child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
