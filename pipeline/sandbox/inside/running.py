"""The supervisor's end of one running program: its pipes, its clock, and how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from pairsmith.pipeline.sandbox.inside.ending import (
    CellBrokenError,
    ProgramEndedError,
    count_oom_kills,
    explain_exit,
)
from pairsmith.pipeline.sandbox.inside.frames import NONCE_BYTES, READY, BrokenFrameError, FrameBuffer, pack

_REPORT_LIMIT_S = 20.0  # the zygote only has to fork, or to kill and reap; one that takes longer is broken
_GOODBYE_S = 1.0  # a program that answered and has read the end of its inputs needs under a millisecond
_MAX_PATIENCE = 20  # times a limit of wall time that a program may be kept waiting for a processor
_WAIT_SHARE = 0.05  # of a limit: less is the everyday noise of a scheduler
UNKNOWN_S = -1.0
_CHUNK = 1 << 16
_MAX_REPORT = 1 << 16
_KILL, _USED = b'{"op": "kill"}', b'{"op": "used"}'


class Cell:
    """The supervisor's end of one program."""

    def __init__(
        self, zygote: socket.socket, host_in: int, order: dict[str, Any], on_wait: Callable[[], None]
    ) -> None:
        """Have the zygote fork a program, with pipes to it."""
        self._zygote, self._host_in, self._on_wait = zygote, host_in, on_wait
        inputs, self._inputs = os.pipe()
        self._answers, answers = os.pipe()
        self._streams: list[int] = []
        theirs = [inputs, answers]
        for _ in ("stdout", "stderr"):
            read, write = os.pipe()
            os.fchmod(write, 0o622)  # a program under another user id may open /dev/stdout by its name
            self._streams.append(read)
            theirs.append(write)
        try:
            socket.send_fds(zygote, [json.dumps(order).encode()], theirs)
        except OSError as error:
            raise CellBrokenError(f"the zygote is gone: {error}") from None
        finally:
            for fd in theirs:
                os.close(fd)
        for fd in (self._inputs, self._answers, *self._streams):
            os.set_blocking(fd, False)
        self._poll = select.poll()
        for fd in (self._answers, *self._streams, zygote.fileno()):
            self._poll.register(fd, select.POLLIN)
        self._poll.register(host_in, 0)  # its hang-up is told all the same
        self._is_writing = False
        self._report: dict[str, Any] = {}
        self._pending = bytearray()
        self._nonces: deque[bytes] = deque()
        self._n_output_bytes = self._oom_kills = 0
        self._started = time.monotonic()
        self.cpu_wait_s = 0.0

    def load(self, body: bytes, limits: dict[str, Any]) -> None:
        """Queue the program itself, once its process is locked down; its clock starts now.

        Raises:
            CellBrokenError: if the process ended before that: no program has run in it.
        """
        self._await_process()
        self._limits = limits
        self._frames = FrameBuffer(limits["answer_bytes"] + NONCE_BYTES + 1)
        self._oom_kills = count_oom_kills()
        self._started = time.monotonic()
        self.send(body)

    def send(self, body: bytes) -> None:
        """Queue one frame for the program, under a fresh nonce. Several may wait; answers come in their order."""
        nonce = os.urandom(NONCE_BYTES)
        self._nonces.append(nonce)
        self._pending += pack(nonce + body)

    def receive(self, limit_s: float) -> bytes:
        """Return the body of the program's next answer.

        Time in which the program was ready to run but had no processor does not count.

        Raises:
            ProgramEndedError: the program ended, ran out of time or output, or forged an answer.
        """
        if self._pending:
            self._write_inputs()
        now = time.monotonic()
        deadline = min(now + limit_s, self._started + self.cpu_wait_s + self._limits["wall_s"])
        waited_before = self.cpu_wait_s
        while True:
            body = self._pop()
            if body is not None:
                return body
            left = deadline + self.cpu_wait_s - waited_before - time.monotonic()
            if left <= 0 and not self._has_waited(min(limit_s, self._limits["wall_s"])):
                raise ProgramEndedError("timeout", "wall")
            self._turn(max(left, 0.0))

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
            if select.select([self._zygote], [], [], _GOODBYE_S)[0]:
                self._report = self._receive_report()

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
        """Close all pipes: nothing is read from this program any more."""
        for fd in (self._answers, *self._streams, self._inputs):
            if fd != -1:
                os.close(fd)

    @contextlib.contextmanager
    def clock_stopped(self) -> Iterator[None]:
        """Leave out of the program's wall time what it waits for others."""
        before = time.monotonic()
        yield
        self._started += time.monotonic() - before

    @property
    def is_alive(self) -> bool:
        """Whether nothing is known of its end."""
        return not self._report and not select.select([self._zygote], [], [], 0)[0]

    @property
    def wall_s(self) -> float:
        """Seconds since the program was loaded."""
        return time.monotonic() - self._started

    def _await_process(self) -> None:
        zygote = self._zygote.fileno()
        ready, _, _ = select.select([self._answers, zygote], [], [], _REPORT_LIMIT_S)
        if self._answers in ready and os.read(self._answers, len(READY)) == READY:
            return
        if zygote in ready:
            self._report = self._receive_report()
        raise CellBrokenError(self._report.get("error") or "its process never came to be ready")

    def _collect_report(self) -> dict[str, Any]:
        try:
            self._zygote.send(_KILL)
        except OSError:
            return {"error": "the zygote is gone"}
        while "wait_status" not in (report := self._receive_report()) and not report.get("error"):
            continue  # an answer to `used` that came late
        return report

    def _receive_report(self) -> dict[str, Any]:
        self._zygote.settimeout(_REPORT_LIMIT_S)
        try:
            report: dict[str, Any] = json.loads(self._zygote.recv(_MAX_REPORT))
        except (OSError, ValueError):
            return {"error": "the zygote gave no report"}
        return report

    def _has_waited(self, limit_s: float) -> bool:
        """Ask how long the program has been kept waiting for a processor; return whether it has time left."""
        if self._report or self.cpu_wait_s >= _MAX_PATIENCE * self._limits["wall_s"]:
            return False
        try:
            self._zygote.send(_USED)
        except OSError:
            return False
        told = self._receive_report()
        if "waited_s" not in told:  # it has just ended
            self._report = told
            return True
        if told["waited_s"] is None:
            self.cpu_wait_s = UNKNOWN_S
            return False
        cpu_wait_s = min(told["waited_s"], self.wall_s - told["used_cpu_s"])
        if cpu_wait_s - self.cpu_wait_s < _WAIT_SHARE * limit_s:
            if self.cpu_wait_s:  # the rest of it, so that wall time less this is what the program had
                self.cpu_wait_s = max(cpu_wait_s, self.cpu_wait_s)
            return False
        self.cpu_wait_s = cpu_wait_s
        self._on_wait()
        return True

    def explain_exit(self) -> ProgramEndedError:
        """Return why the program ended that nobody had asked to."""
        try:
            return explain_exit(self.finish(), self._limits, self._oom_kills)
        except CellBrokenError as error:
            return ProgramEndedError("fault", str(error))

    def _pop(self) -> bytes | None:
        try:
            frame = self._frames.pop()
        except BrokenFrameError:
            raise ProgramEndedError("output_limit", "an answer over the limit") from None
        if frame is None:
            return None
        if not self._nonces or frame[:NONCE_BYTES] != self._nonces.popleft():
            raise ProgramEndedError("forged", "an answer with a wrong nonce")
        return frame[NONCE_BYTES:]

    def _turn(self, limit_s: float) -> None:
        """Move bytes for a moment: inputs in, answers and output out."""
        if self._report:
            if self._read_answers():
                return
            raise self.explain_exit()
        has_answered = has_reported = False
        for fd, _ in self._poll.poll(limit_s * 1000 + 1):
            if fd == self._inputs:
                self._write_inputs()
            elif fd == self._answers:
                has_answered = self._read_answers()
            elif fd in self._streams:
                self._read_stream(fd)
            elif fd == self._host_in:
                raise ProgramEndedError("exited", "the host is gone")
            else:
                has_reported = True
        if has_reported and not has_answered:
            self._report = self._receive_report()

    def _write_inputs(self) -> None:
        try:
            n = os.write(self._inputs, self._pending[:_CHUNK])
            del self._pending[:n]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._pending.clear()  # the program is gone or closed its end: its exit will tell
        if bool(self._pending) != self._is_writing:
            self._is_writing = bool(self._pending)
            if self._is_writing:
                self._poll.register(self._inputs, select.POLLOUT)
            else:
                self._poll.unregister(self._inputs)

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
            self._stop_polling(fd)  # its writers are gone; polling it would spin
        return data

    def _stop_polling(self, fd: int) -> None:
        with contextlib.suppress(KeyError):
            self._poll.unregister(fd)
