"""Runs a program once for each input, as judges of stdin/stdout problems do: text in, text out.

The process of the program is a parent here, which runs nothing of the candidate's: it compiles the code once and
forks a child for each input. In a child, descriptor 0 is a file that holds the input, descriptor 1 a pipe to the
parent, and the code runs as `__main__`. An exit with code 0 is the normal end; all other ends are failures of that
input. When a child has ended, everything that it started is killed and its files are deleted before the next
input. A child that ran out of CPU time or was killed ends the whole program: its parent ends in the same way, so
that the supervisor explains it as it explains any program's end.

How a child starts is a parameter (`Start`): to run Python code, or to execute a command of another language.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import random
import resource
import select
import signal
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, NoReturn

from pairsmith.pipeline.sandbox.inside import lockdown
from pairsmith.pipeline.sandbox.inside.ending import WRITABLE, delete_contents
from pairsmith.pipeline.sandbox.inside.frames import (
    ENDED,
    NONCE_BYTES,
    RAISED,
    TOO_LARGE,
    VALUE,
    FrameReader,
    pack,
    type_name,
    write_all,
)
from pairsmith.schemas.values import decode_value, encode_value

Start = Callable[[], int]
"""Called in the child, with descriptors 0, 1 and 2 in place and no others: returns its exit code, raises what the
program raises, or never returns because it executed a command (which inherits an ignored SIGPIPE: reset it)."""

_INPUT = "/tmp/.input"
_ERRORS = "/tmp/.errors"
_MAX_ERRORS = 1 << 18  # bytes of standard error that are given out
NAME_FD = 3  # where a child writes the type of what it raised; closed by most commands' execution
_CHUNK = 1 << 16
_OUT_OF_MEMORY_SHARE = 0.45  # of the limit; what grows by doubling asks for all that is left
_KILLED = (signal.SIGKILL, signal.SIGXCPU)


def python_program(setup: str, code: str, seed: int = 0) -> Start:
    """Return the start of a Python program.

    Raises:
        SyntaxError: or whatever else `compile` raises for such code.
    """
    before = compile(setup, "<setup>", "exec", dont_inherit=True)
    program = compile(code, "<solution>", "exec", dont_inherit=True)

    def start() -> int:
        _open_streams()
        random.seed(seed)  # again: a fork draws a fresh seed
        module = sys.modules["__main__"] = types.ModuleType("__main__")
        module.__file__ = sys.argv[0] = "/tmp/solution.py"
        exit_code = 0
        try:
            exec(before, module.__dict__)
            exec(program, module.__dict__)
        except SystemExit as end:
            exit_code = _code_of(end)
            if end.code is not None and not isinstance(end.code, int):
                print(end.code, file=sys.stderr)
        _finish(module)
        return exit_code

    return start


def serve_stdin(
    start: Start, frames: FrameReader, answers: int, limits: dict[str, Any], keep: frozenset[str] = frozenset()
) -> None:
    """Run a child for each input until the inputs end.

    Args:
        start: how a child starts.
        frames: each is a nonce and the text of a string value (see `schemas.values`).
        answers: each frame is the nonce and the outcome; a VALUE is the text of all that was printed, as a string
            value, or as a bytes value where it is no UTF-8.
        limits: `answer_bytes` for what is printed, `case_cpu_s` for one child; with `is_whole` each VALUE is a
            list of what was printed, standard error and the exit code, however the child ended.
        keep: paths right in /tmp that stay between inputs, such as a compiled program's.
    """
    lockdown.adopt_orphans()
    limit_s = resource.getrlimit(resource.RLIMIT_CPU)[0]
    while True:
        frame = frames.read()
        if frame is None:
            return
        text = decode_value(frame[NONCE_BYTES:].decode("ascii")).encode("utf-8")
        answer = _run_child(start, text, limits)
        delete_contents([folder for folder in WRITABLE if os.path.isdir(folder)], keep)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        if limit_s != resource.RLIM_INFINITY and used.ru_utime + used.ru_stime > limit_s:
            _end_like(signal.SIGXCPU)
        write_all(answers, pack(frame[:NONCE_BYTES] + answer))


def is_full(peak_kib: int, memory_mib: int) -> bool:
    """Return whether a process that ended badly ran out of memory, by what it held at most."""
    return peak_kib >= _OUT_OF_MEMORY_SHARE * 1024 * memory_mib


def _run_child(start: Start, text: bytes, limits: dict[str, Any]) -> bytes:
    """Return the answer for one input."""
    stdin = _file_with(text)
    errors = _nameless_file() if limits.get("is_whole") else -1
    (output, stdout), (named, name) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_child(start, (stdin, stdout, name, errors), limits["case_cpu_s"])
    for fd in (stdin, stdout, name):
        os.close(fd)
    os.set_blocking(named, False)
    printed = _read_while_alive(output, pid, limits["answer_bytes"])
    with contextlib.suppress(OSError):  # there is nobody left
        os.kill(-1, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    _reap_all()
    is_whole = _read_rest(output, printed, limits["answer_bytes"])
    exception = _read_name(named)
    complaint = _read_errors(errors)
    for fd in (output, named):
        os.close(fd)
    if not is_whole:
        return TOO_LARGE
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number in _KILLED:
            is_out_of_time = usage.ru_utime + usage.ru_stime >= limits["case_cpu_s"]
            _end_like(signal.SIGXCPU if is_out_of_time else number)
    if errors >= 0:
        code = os.waitstatus_to_exitcode(status)
        return _value([_decoded(bytes(printed)), _decoded(complaint), code], limits["answer_bytes"])
    if not os.WIFSIGNALED(status) and exception:
        return RAISED + exception
    if status != 0 and is_full(usage.ru_maxrss, limits["memory_mib"]):
        return RAISED + b"MemoryError"
    if os.WIFSIGNALED(status):
        return ENDED + signal.Signals(number).name.encode()
    if os.WEXITSTATUS(status) != 0:
        return ENDED + b"SystemExit"
    return _value(_decoded(bytes(printed)), limits["answer_bytes"])


def _be_child(start: Start, fds: tuple[int, int, int, int], cpu_s: int) -> NoReturn:
    exit_code = 1
    try:
        os.setsid()  # signals to its own process group must not reach the parent
        for target, fd in enumerate(fds[:2]):
            os.dup2(fd, target)
        if fds[3] >= 0:
            os.dup2(fds[3], 2)
        os.dup2(fds[2], NAME_FD, inheritable=False)
        os.closerange(NAME_FD + 1, 65536)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        lockdown.forbid_broad_kill()
        lockdown.hide_from_tracers(False)  # else /proc/self/fd, where /dev/stdin leads, is not its own
        exit_code = start()
    except BaseException as error:
        os.write(NAME_FD, type_name(error))
        if fds[3] >= 0:
            _complain(error)
    finally:
        if fds[3] >= 0:
            _flush()
        os._exit(exit_code)


def _complain(error: BaseException) -> None:
    """Print what the interpreter prints of an exception: the frames of the program, not ours."""
    import traceback  # in a child that has ended: nobody else pays for it

    _flush()
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != "<solution>":
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace))
    write_all(2, text.encode("utf-8", "backslashreplace"))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _nameless_file() -> int:
    fd = os.open(_ERRORS, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    os.unlink(_ERRORS)
    return fd


def _read_errors(fd: int) -> bytes:
    if fd < 0:
        return b""
    found = os.pread(fd, _MAX_ERRORS, 0)
    os.close(fd)
    return found


def _file_with(text: bytes) -> int:
    """Return a descriptor of a nameless file that holds the input: programs ask for its size, seek and map it."""
    fd = os.open(_INPUT, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    write_all(fd, text)
    reading = os.open(_INPUT, os.O_RDONLY)
    os.close(fd)
    os.unlink(_INPUT)
    return reading


def _read_while_alive(output: int, pid: int, limit: int) -> bytearray:
    """Return what the child printed until it ended, or until it was more than `limit` bytes."""
    printed = bytearray()
    watched = os.pidfd_open(pid)
    os.set_blocking(output, False)
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    poll.register(output, select.POLLIN)
    while len(printed) <= limit:
        ready = {fd for fd, _ in poll.poll()}
        if watched in ready:
            break
        data = os.read(output, _CHUNK)
        printed += data
        if not data:
            poll.unregister(output)  # it closed its standard output, and goes on
    os.close(watched)
    return printed


def _read_rest(output: int, printed: bytearray, limit: int) -> bool:
    """Add what is left in the pipe, whose writers are all gone; return whether all is within the limit."""
    while len(printed) <= limit:
        data = os.read(output, _CHUNK)
        if not data:
            return True
        printed += data
    return False


def _read_name(named: int) -> bytes:
    try:
        return os.read(named, 100)
    except BlockingIOError:
        return b""


def _decoded(printed: bytes) -> str | bytes:
    try:
        return printed.decode("utf-8")
    except UnicodeDecodeError:
        return printed


def _value(answer: object, limit: int) -> bytes:
    text = encode_value(answer)
    return VALUE + text.encode("ascii") if len(text) <= limit else TOO_LARGE


def _end_like(number: int) -> NoReturn:
    """End this process, and so the program, by a signal."""
    os.kill(os.getpid(), number)
    signal.pause()
    raise AssertionError("unreachable")


def _reap_all() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _open_streams() -> None:
    """Open the standard streams as a fresh interpreter in a UTF-8 locale does, whatever they were here."""

    def stream(fd: int, mode: str, errors: str = "strict") -> Any:
        return open(fd, mode, encoding="utf-8", errors=errors, closefd=False)

    for name, opened in (
        ("stdin", stream(0, "r")),
        ("stdout", stream(1, "w")),
        ("stderr", stream(2, "w", "backslashreplace")),
    ):
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)


def _code_of(end: SystemExit) -> int:
    """Return the exit code that the interpreter gives for a SystemExit."""
    if end.code is None:
        return 0
    return end.code & 0xFF if isinstance(end.code, int) else 1


def _finish(module: types.ModuleType) -> None:
    """Do what an interpreter does at its end: wait for threads, call exit functions, flush what is open."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None and not stream.closed:
            stream.flush()
    module.__dict__.clear()  # files that the program left open are written when they go
    gc.collect()
