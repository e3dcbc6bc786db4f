"""Runs a program of another language as a child process of the program, and carries values to it and back.

The child is one process for all inputs. It has two pipes of its own beside its standard streams: on descriptor 3
it reads requests, on descriptor 4 it writes answers, each a line of ASCII that begins with a number used once:

    request   <nonce> <text of a list of arguments>    the first has no text: load, and say how that went
    answer    <nonce> <kind><body>                     kinds as in `frames`: L V R M T

Programs of the shell get their arguments as words and answer with raw bytes (see `to_word`), or with P where their
tests passed. A line with another
nonce, or one that nobody asked for, is passed on as what it is: forged. When the child ends, this process ends in
the same way, so that the supervisor sees its exit code or signal. Nothing here is trusted by anybody: the child
runs with the same rights, and what it can forge is only its own answer.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import signal
import zlib
from typing import Any

from pairsmith.pipeline.sandbox.inside import lockdown
from pairsmith.pipeline.sandbox.inside.frames import (
    HEADER,
    LOADED,
    MISSING,
    NONCE_BYTES,
    RAISED,
    TOO_LARGE,
    VALUE,
    FrameReader,
    pack,
    write_all,
)
from pairsmith.pipeline.sandbox.inside.stdin import NAME_FD, Start, is_full, serve_stdin
from pairsmith.schemas.values import decode_value

_REQUESTS, _ANSWERS = 3, 4
_CHUNK = 1 << 16
_GOODBYE_S = 0.8  # less than the supervisor waits
_SLACK = 256  # of a line beside its body
_OF_OTHERS = (signal.SIGKILL, signal.SIGXCPU)  # the kernel's; the supervisor knows why
_PASSED = b"P"
_KINDS = (LOADED, VALUE, RAISED, MISSING, TOO_LARGE)


def run_foreign(load: dict[str, Any], nonce: bytes, frames: FrameReader, answers: int) -> None:
    """Serve one program until the input ends, as `program.run_program` does.

    `load["foreign"]` is the JSON of a plan: `files` (name to base64 of zlib), `command`, `environment`, `words`
    (whether it speaks words), `overhead_mib` (memory that its runtime needs beside its heap).
    """
    plan = json.loads(load["foreign"])
    write_files(plan["files"], "/tmp")
    if load["mode"] == "stdin":
        write_all(answers, pack(nonce + LOADED))
        kept = frozenset(os.path.join("/tmp", name.partition("/")[0]) for name in plan["files"])
        serve_stdin(_command_start(plan, load["limits"]), frames, answers, load["limits"], kept)
        return
    lockdown.forbid_broad_kill()
    child = _Child(plan, load["limits"], answers)
    body = child.ask(b"")
    write_all(answers, pack(nonce + body))
    if body[:1] != LOADED:
        return
    while True:
        frame = frames.read()
        if frame is None:
            child.say_goodbye()
            return
        write_all(answers, pack(frame[:NONCE_BYTES] + child.ask(frame[NONCE_BYTES:])))


def encode_files(files: dict[str, bytes]) -> dict[str, str]:
    """Return files in the form that a plan has them in."""
    return {name: base64.b64encode(zlib.compress(data, 1)).decode() for name, data in files.items()}


def write_files(files: dict[str, str], folder: str) -> None:
    """Write the files of a plan, executable for their owner."""
    for name, text in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(zlib.decompress(base64.b64decode(text)))
        os.chmod(path, 0o700)


def _command(plan: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    heap_mib = max(limits["memory_mib"] - plan["overhead_mib"], 32)
    stack_mib = min(limits["memory_mib"] - 2, 1000)  # the runtime itself needs some; Java takes no more
    command = []
    for part in plan["command"]:
        part = part.replace("{heap_mib}", str(heap_mib)).replace("{stack_mib}", str(stack_mib))
        command.append(part.replace("{stack_kib}", str(stack_mib * 1024)))
    return command


def _command_start(plan: dict[str, Any], limits: dict[str, Any]) -> Start:
    """Return how a whole program is started on an input: by its command, in place of the child that was forked."""
    command = _command(plan, limits)

    def start() -> int:
        if not {"missing.cjs", "missing.sh"}.isdisjoint(plan["files"]):
            # It writes the name of the package that is not there.
            os.set_inheritable(NAME_FD, True)
        _execute(command, plan["environment"])
        raise AssertionError("unreachable")

    return start


class _OutOfMemoryError(Exception):
    """The child died near its limit of memory."""


class _Child:
    """The other language's process."""

    def __init__(self, plan: dict[str, Any], limits: dict[str, Any], answers: int) -> None:
        self._speaks_words = plan["words"]
        self._limits, self._answers_up = limits, answers
        command = _command(plan, limits)
        requests_read, self._requests = os.pipe()
        self._answers, answers_write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _become(command, plan["environment"], requests_read, answers_write)
        os.close(requests_read)
        os.close(answers_write)
        os.set_blocking(self._answers, False)
        self._ended = os.pidfd_open(self._pid)
        self._buffer = bytearray()
        self._is_open = True

    def ask(self, text: bytes) -> bytes:
        """Return the kind and body of the child's answer; does not return if the child forges or ends."""
        self._read()
        if self._buffer:
            self._say_forged()
        nonce = os.urandom(8).hex().encode()
        end, request = b"\n", text + b"\n"
        if self._speaks_words:
            end, request = b"\0", _request(text) or b""
        if not request:
            return RAISED + b"ArgumentError"
        with contextlib.suppress(BrokenPipeError):  # it is gone or closed its end: its exit will tell
            write_all(self._requests, nonce + b" " + request)
        try:
            line = self._receive_line(end)
        except _OutOfMemoryError:
            return RAISED + b"MemoryError"
        head, _, rest = line.partition(b" ")
        if self._speaks_words and rest == _PASSED:
            rest = VALUE + b"null"
        elif self._speaks_words and rest[:1] == VALUE:
            printed = rest[1:-1] if rest[-1:] == b"\n" else rest[1:]
            rest = VALUE + json.dumps(printed.decode("utf-8", "replace")).encode()
        if head != nonce or rest[:1] not in _KINDS:
            self._say_forged()
        return rest

    def say_goodbye(self) -> None:
        """End the requests, on which a driver exits; pass on whatever the child still says."""
        os.close(self._requests)
        select.select([self._ended], [], [], _GOODBYE_S)
        os.waitpid(self._pid, os.WNOHANG)  # so that its memory counts as ours
        self._read()
        if self._buffer:
            self._say_forged()

    def _receive_line(self, end: bytes) -> bytes:
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        while True:
            if end in self._buffer:
                line, _, rest = bytes(self._buffer).partition(end)
                if rest:
                    self._say_forged()
                self._buffer.clear()
                return line
            if len(self._buffer) > self._limits["answer_bytes"] + _SLACK:
                self._say_too_large()
            if self._is_open:
                poll.register(self._answers, select.POLLIN)
            else:
                poll.unregister(self._answers)
            ready = {fd for fd, _ in poll.poll()}
            self._read()
            if self._ended in ready and end not in self._buffer:
                self._share_fate()

    def _read(self) -> None:
        """Read what there is; one answer more than the limit is enough to see that it is too large."""
        while self._is_open and len(self._buffer) <= self._limits["answer_bytes"] + _SLACK:
            try:
                data = os.read(self._answers, _CHUNK)
            except BlockingIOError:
                return
            self._is_open = bool(data)
            self._buffer += data

    def _share_fate(self) -> None:
        """End as the child ended.

        Raises:
            _OutOfMemoryError: if it was memory that ran out; the next request then finds the child gone.
        """
        _, status, usage = os.wait4(self._pid, 0)
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) in _OF_OTHERS
        if status != 0 and not is_killed and is_full(usage.ru_maxrss, self._limits["memory_mib"]):
            raise _OutOfMemoryError
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)

    def _say_forged(self) -> None:
        write_all(self._answers_up, pack(bytes(NONCE_BYTES) + b"?"))
        os._exit(1)

    def _say_too_large(self) -> None:
        write_all(self._answers_up, HEADER.pack(0xFFFFFFFF))
        os._exit(1)


def _become(command: list[str], environment: dict[str, str], requests: int, answers: int) -> None:
    """Turn into the child: nothing of this process but the standard streams and its two pipes."""
    try:
        requests, answers = os.dup2(requests, 60), os.dup2(answers, 61)
        os.dup2(requests, _REQUESTS)
        os.dup2(answers, _ANSWERS)
        os.closerange(_ANSWERS + 1, 1024)
        _execute(command, environment)
    finally:
        os._exit(127)


def _execute(command: list[str], environment: dict[str, str]) -> None:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a child would inherit that
        signal.signal(number, signal.SIG_DFL)
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    os.execve(command[0], command, {**known, **environment})


_SCALARS = (str, bool, int, float, type(None))


class NoWordError(ValueError):
    """A value has no form as a word."""


def to_word(value: Any) -> str:
    """Return a value as a word of a shell: what a Bash function gets as argument, and what it must print.

    str            itself                          bool     true, false
    int            decimal digits                  float    shortest text that reads back, such as 2.5
    None           the empty word                  list, tuple, set of these   items joined by spaces
    list of lists  one line each, as above         dict     one line each, key,value

    The convention is that of MultiPL-E (Cassano et al. 2022, arXiv:2208.08227). Other values have no word.

    Raises:
        NoWordError: for bytes, complex numbers, records and the like, and for text that holds a NUL.
    """
    if isinstance(value, _SCALARS):
        return _scalar(value)
    if isinstance(value, dict):
        return "\n".join(f"{_scalar(key)},{to_word(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        is_flat = all(isinstance(item, _SCALARS) for item in value)
        return (" " if is_flat else "\n").join(to_word(item) for item in value)
    raise NoWordError(f"a {type(value).__name__} is no word")


def _request(text: bytes) -> bytes | None:
    """Return how many words follow, and the words, for a list of arguments; None if one has no word."""
    try:
        words = (
            [to_word(value).encode("utf-8", "surrogateescape") for value in decode_value(text.decode())]
            if text
            else []
        )
    except (NoWordError, UnicodeEncodeError):
        return None
    return b"%d\n" % len(words) + b"".join(word + b"\0" for word in words)


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if "\0" in value:
            raise NoWordError("a NUL is no part of a word")
        return value
    if isinstance(value, (int, float)):
        return repr(value)
    raise NoWordError(f"a {type(value).__name__} is no word")
