"""The supervisor's end of one running program: its pipes, its clock, and how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from typing import Any

from pipeline.sandbox.inside import program
from pipeline.sandbox.inside.frames import BrokenFrameError, FrameBuffer, pack

_REPORT_LIMIT_S = 20.0  # a cell only has to kill and reap; one that takes longer is broken
_GOODBYE_S = 1.0  # a program that answered and has read the end of its inputs needs under a millisecond
_CHUNK = 1 << 16
_OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


class CellBrokenError(Exception):
    """A cell failed to start or to end: nothing is proved about its program."""


class ProgramEndedError(Exception):
    """The program can answer no more; `status` says why."""

    def __init__(self, status: str, detail: str = "") -> None:
        """Keep a status of `schemas.execution.Status` and a line for a person."""
        super().__init__(status)
        self.status, self.detail = status, detail


class Cell:
    """The supervisor's end of one running program."""

    def __init__(self, zygote: socket.socket, order: dict[str, Any], limits: dict[str, Any]) -> None:
        """Have the zygote fork a cell, with pipes to it."""
        inputs, self._inputs = os.pipe()
        self._answers, answers = os.pipe()
        self._streams: list[int] = []
        theirs = [inputs, answers]
        for _ in ("stdout", "stderr"):
            read, write = os.pipe()
            self._streams.append(read)
            theirs.append(write)
        self._control, control = socket.socketpair()
        theirs.append(control.detach())
        socket.send_fds(zygote, [json.dumps(order).encode()], theirs)
        for fd in theirs:
            os.close(fd)
        for fd in (self._inputs, self._answers, *self._streams):
            os.set_blocking(fd, False)
        self._frames = FrameBuffer(limits["answer_bytes"] + program.NONCE_BYTES + 1)
        self._report: dict[str, Any] = {}
        self._oom_kills = _count_oom_kills()
        self._pending = bytearray()
        self._open_fds = {self._answers, *self._streams}
        self._limits = limits
        self._started = time.monotonic()
        self._nonce = b""
        self._n_output_bytes = 0

    def send(self, body: bytes) -> None:
        """Queue one frame for the program, under a fresh nonce."""
        self._nonce = os.urandom(program.NONCE_BYTES)
        self._pending += pack(self._nonce + body)

    def receive(self, limit_s: float) -> bytes:
        """Return the body of the program's next answer.

        Raises:
            ProgramEndedError: the program ended, ran out of time or output, or forged an answer.
        """
        deadline = min(time.monotonic() + limit_s, self._started + self._limits["wall_s"])
        while True:
            body = self._pop()
            if body is not None:
                return body
            left = deadline - time.monotonic()
            if left <= 0:
                raise ProgramEndedError("timeout", "wall")
            self._turn(left)

    def check_quiet(self) -> None:
        """Refuse answers that nobody asked for.

        Raises:
            ProgramEndedError: `forged`, if the program has sent anything since its last answer.
        """
        self._read_answers()
        if len(self._frames):
            raise ProgramEndedError("forged", "an answer that nobody asked for")

    def say_goodbye(self) -> None:
        """End the inputs, on which a program ends by itself; wait for that a moment.

        So whatever it still meant to say is said, and a verdict doesn't hang on who was faster.
        """
        if not self._report:
            os.close(self._inputs)
            self._inputs = -1
            select.select([self._control], [], [], _GOODBYE_S)

    def finish(self) -> dict[str, Any]:
        """Kill the program with all that it started; return the cell's report, the same at each call.

        Raises:
            CellBrokenError: if the cell does not report in time, or failed.
        """
        if not self._report:
            self._report = self._collect_report()
        if self._report["error"]:
            raise CellBrokenError(self._report["error"])
        return self._report

    def forget(self) -> None:
        """Close the pipe of answers: nothing is read from this program any more."""
        os.close(self._answers)

    def _collect_report(self) -> dict[str, Any]:
        with contextlib.suppress(OSError):  # it ended by itself; its report waits
            self._control.shutdown(socket.SHUT_WR)  # the cell sees the end of the stream
        self._control.settimeout(_REPORT_LIMIT_S)
        parts = []
        try:
            while part := self._control.recv(_CHUNK):
                parts.append(part)
            report: dict[str, Any] = json.loads(b"".join(parts))
        except (OSError, ValueError):
            report = {"error": "the cell gave no report"}
        for fd in (self._inputs, *self._streams):
            if fd != -1:
                os.close(fd)
        self._control.close()
        report["wall_s"] = time.monotonic() - self._started
        return report

    def _explain_exit(self) -> ProgramEndedError:
        """Return why a program ended that nobody had asked to."""
        try:
            report = self.finish()
        except CellBrokenError as error:
            return ProgramEndedError("fault", str(error))
        wait_status = report["wait_status"]
        was_starved = _count_oom_kills() > self._oom_kills
        if wait_status is None and not was_starved:
            return ProgramEndedError("exited", "all its processes were killed")
        if wait_status is not None and os.WIFEXITED(wait_status):
            return ProgramEndedError("exited", f"exit code {os.WEXITSTATUS(wait_status)}")
        number = signal.SIGKILL if wait_status is None else os.WTERMSIG(wait_status)
        out_of_cpu = report["cpu_s"] >= self._limits["cpu_s"] - 0.05
        if number == signal.SIGXCPU or (number == signal.SIGKILL and out_of_cpu):
            return ProgramEndedError("timeout", "cpu")
        if number == signal.SIGKILL and was_starved:
            return ProgramEndedError("memory", "killed by the kernel for want of memory")
        return ProgramEndedError("exited", f"signal {int(number)}")

    def _pop(self) -> bytes | None:
        try:
            frame = self._frames.pop()
        except BrokenFrameError:
            raise ProgramEndedError("output_limit", "an answer over the limit") from None
        if frame is None:
            return None
        if frame[: program.NONCE_BYTES] != self._nonce:
            raise ProgramEndedError("forged", "an answer with a wrong nonce")
        return frame[program.NONCE_BYTES :]

    def _turn(self, limit_s: float) -> None:
        """Move bytes for a moment: inputs in, answers and output out."""
        poll = select.poll()
        for fd in self._open_fds:
            poll.register(fd, select.POLLIN)
        if self._pending:
            poll.register(self._inputs, select.POLLOUT)
        poll.register(self._control.fileno(), select.POLLIN)
        has_reported = False
        for fd, _ in poll.poll(limit_s * 1000 + 1):
            if fd == self._inputs:
                self._write_inputs()
            elif fd in self._streams:
                self._read_stream(fd)
            elif fd != self._answers:
                has_reported = True
        if not self._read_answers() and has_reported:
            raise self._explain_exit()

    def _write_inputs(self) -> None:
        try:
            n = os.write(self._inputs, self._pending[:_CHUNK])
            del self._pending[:n]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._pending.clear()  # the program is gone or closed its end: its exit will tell

    def _read_answers(self) -> bool:
        """Read what there is; return whether there was anything."""
        data = self._read_some(self._answers)
        self._frames.feed(data)
        return bool(data)

    def _read_stream(self, fd: int) -> None:
        self._n_output_bytes += len(self._read_some(fd))
        if self._n_output_bytes > self._limits["output_bytes"]:
            raise ProgramEndedError("output_limit", "standard output or error over the limit")

    def _read_some(self, fd: int) -> bytes:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return b""
        if not data:
            self._open_fds.discard(fd)  # its writers are gone; polling it would spin
        return data


def _count_oom_kills() -> int:
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
