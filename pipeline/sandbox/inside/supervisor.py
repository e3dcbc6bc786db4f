"""Talks with the host: takes programs and inputs, gives answers and reports. Holds the clock.

The host sends JSON frames. `open` brings code, entry point and limits. With a list of `inputs` it is a whole job:
back come any number of `answers` (a list each), then `closed`. Without, the host asks: `opened` comes back, then
for each `call` (arguments as text) an `answer`, and after `close` a `closed`. A tester (`open` with `tester`)
sends `call_out` frames instead, each of which the host answers with `reply`, and ends with `tested`. `waiting` may
come at any time: the program gets more wall time, since it was kept waiting for a processor.
"""

from __future__ import annotations

import contextlib
import json
import platform
import socket
from collections.abc import Callable
from typing import Any

from pairsmith.pipeline.sandbox.inside import syscalls
from pairsmith.pipeline.sandbox.inside.ending import CellBrokenError, ProgramEndedError
from pairsmith.pipeline.sandbox.inside.frames import (
    CALL_OUT,
    ENDED,
    LOADED,
    MISSING,
    RAISED,
    TESTED,
    TOO_LARGE,
    VALUE,
    pack,
    read_frame,
    write_all,
)
from pairsmith.pipeline.sandbox.inside.running import Cell

_LOADED = ("setup", "code", "entry_point", "mode", "tester", "foreign", "views", "variation", "limits")
_CPU_SLACK_S = 0.25  # what the kernel's clock ticks and the end of a tree of processes may add
_MAX_NAME = 100
_TEXT = bytes(range(0x20, 0x80))  # all that the encoder of values writes
_FLUSH_BYTES = 1 << 18  # of answers; more at once would only be held twice


def serve(host_in: int, host_out: int, zygote: socket.socket, first_uid: int) -> None:
    """Serve the host until it closes its end."""
    ready = {"op": "ready", "python": platform.python_version(), "is_filtered": syscalls.is_known()}
    _tell(host_out, ready)
    cells = Cells(zygote, host_in, first_uid, lambda: _tell(host_out, {"op": "waiting"}))
    while True:
        frame = read_frame(host_in)
        if frame is None:
            return
        opening = json.loads(frame)
        try:
            cell = cells.take(opening["limits"])
            cell.load(json.dumps({key: opening[key] for key in _LOADED}).encode(), opening["limits"])
        except CellBrokenError as error:
            _tell(host_out, {"op": "closed", "status": "fault", "detail": str(error)})
            return  # the host takes a fresh sandbox; so would it if this one went on
        if opening["inputs"] is not None:
            _run_job(cell, host_out, opening)
        elif not _converse(cell, host_in, host_out, opening):
            return
        cells.prepare(opening["limits"])


def _run_job(cell: Cell, host_out: int, opening: dict[str, Any]) -> None:
    """Run a program on all of its inputs, which are queued at once: it never waits for the next one."""
    limits, inputs = opening["limits"], opening["inputs"]
    for arguments in inputs:
        cell.send(arguments.encode("ascii"))
    answers: list[dict[str, Any]] = []
    n_waiting = n_all = 0
    opened, ended = _open(cell, limits)
    for _ in inputs:
        if ended is not None:
            answers.append(dict(_NO_ANSWER, status="not_run"))
            continue
        answer, ended = _answer(cell, limits)
        answers.append(answer)
        n_waiting += len(answer["value"])
        n_all += len(answer["value"])
        if n_all > limits["answers_bytes"] and ended is None:
            ended = ProgramEndedError("output_limit", "all answers together over the limit")
        if n_waiting > _FLUSH_BYTES:
            _tell(host_out, {"op": "answers", "answers": answers})
            answers, n_waiting = [], 0
    _tell(host_out, {"op": "answers", "answers": answers})
    _tell(host_out, dict(_close(cell, ended, limits), opened=opened))


def _converse(cell: Cell, host_in: int, host_out: int, opening: dict[str, Any]) -> bool:
    """Serve a program whose calls the host decides one by one; return False if the host is gone."""
    limits = opening["limits"]
    if opening["tester"]:
        opened, ended = _run_tester(cell, host_in, host_out, limits)
    else:
        opened, ended = _open(cell, limits)
    _tell(host_out, opened)
    while True:
        with cell.clock_stopped():
            frame = read_frame(host_in)
        if frame is None:
            return False
        message = json.loads(frame)
        if message["op"] == "close":
            break
        answer = dict(_NO_ANSWER, status="not_run")
        if ended is None:
            try:
                cell.check_quiet()
            except ProgramEndedError as end:
                answer["status"], ended = end.status, end
            else:
                cell.send(message["arguments"].encode("ascii"))
                answer, ended = _answer(cell, limits)
        _tell(host_out, dict(answer, op="answer"))
    _tell(host_out, dict(_close(cell, ended, limits, opening["tester"]), opened=opened))
    return True


def _open(cell: Cell, limits: dict[str, Any]) -> tuple[dict[str, Any], ProgramEndedError | None]:
    """Wait for the program to be loaded; return what to say of it, and its end if it has come."""
    opened = {"op": "opened", "status": "ok", "exception": ""}
    try:
        body = cell.receive(limits["wall_s"])
        kind = body[:1]
        if kind == MISSING:
            opened["status"] = "missing"
        elif kind == RAISED:
            opened["exception"] = _name(body[1:])
            opened["status"] = _raised(opened["exception"])
        elif kind != LOADED:
            raise ProgramEndedError("forged", "an unknown answer")
    except ProgramEndedError as end:
        return dict(opened, status=end.status), end
    return opened, ProgramEndedError(opened["status"]) if opened["status"] != "ok" else None


_NO_ANSWER = {"status": "ok", "value": "", "exception": "", "wall_s": 0.0}


def _answer(cell: Cell, limits: dict[str, Any]) -> tuple[dict[str, Any], ProgramEndedError | None]:
    """Wait for the next answer; return it, and the program's end if it has come."""
    answer: dict[str, Any] = dict(_NO_ANSWER)
    started_s = cell.wall_s
    ended = None
    try:
        body = cell.receive(limits["case_wall_s"])
        kind, rest = body[:1], body[1:]
        if kind == VALUE:
            answer["value"] = _text(rest)
        elif kind == RAISED:
            answer["exception"] = _name(rest)
            answer["status"] = _raised(answer["exception"])
        elif kind == ENDED:
            answer.update(status="exited", exception=_name(rest))
        elif kind == TOO_LARGE:
            answer["status"] = "output_limit"
        else:
            raise ProgramEndedError("forged", "an unknown answer")
    except ProgramEndedError as end:
        ended = end
    if ended is not None:
        answer["status"] = ended.status
    answer["wall_s"] = round(cell.wall_s - started_s, 6)
    return answer, ended


def _text(body: bytes) -> str:
    """Return the text of a value; it has no characters that grow sixfold on the way to the host."""
    if body.translate(None, _TEXT):
        raise ProgramEndedError("forged", "an answer that is no text")
    return body.decode("ascii")


def _name(body: bytes) -> str:
    """Return the name of an exception's type, made harmless: short, one line, no control characters."""
    text = body[:_MAX_NAME].decode("ascii", "replace")
    return "".join(letter if letter.isidentifier() or letter in "0123456789.@/-" else "?" for letter in text)


def _raised(exception: str) -> str:
    return {"SystemExit": "exited", "MemoryError": "memory"}.get(exception, "exception")


def _run_tester(
    cell: Cell, host_in: int, host_out: int, limits: dict[str, Any]
) -> tuple[dict[str, Any], ProgramEndedError | None]:
    """Relay a tester's calls to the host until it is through; return what to say of it, and its end."""
    try:
        return _relay(cell, host_in, host_out, limits), None
    except ProgramEndedError as end:
        return {"op": "tested", "status": end.status, "exception": ""}, end


def _relay(cell: Cell, host_in: int, host_out: int, limits: dict[str, Any]) -> dict[str, Any]:
    while True:
        body = cell.receive(limits["wall_s"])
        kind = body[:1]
        if kind == TESTED:
            return {"op": "tested", "status": "ok", "exception": "", "report": _text(body[1:])}
        if kind == RAISED:
            name = _name(body[1:])
            return {"op": "tested", "status": _raised(name), "exception": name}
        if kind != CALL_OUT:
            raise ProgramEndedError("forged", "an unknown answer")
        _tell(host_out, {"op": "call_out", "arguments": _text(body[1:])})
        with cell.clock_stopped():  # the candidate's time is not the tester's
            frame = read_frame(host_in)
        if frame is None:
            raise ProgramEndedError("exited", "the host is gone")
        reply = json.loads(frame)
        cell.send((VALUE if reply["ok"] else RAISED) + reply["body"].encode())


def _close(
    cell: Cell, ended: ProgramEndedError | None, limits: dict[str, Any], is_tester: bool = False
) -> dict[str, Any]:
    try:
        if (
            ended is None and not is_tester and not cell.is_alive
        ):  # its first process has ended, whoever answered in its place
            ended = cell.explain_exit()
        if ended is None:
            cell.say_goodbye()
        report = cell.finish()
        wall_s = cell.wall_s
        if ended is None:
            cell.check_quiet()
            if report["cpu_s"] > limits["cpu_s"] + _CPU_SLACK_S:
                raise ProgramEndedError("timeout", "cpu of all its processes")
            if report["peak_kib"] > limits["resident_mib"] * 1024:
                raise ProgramEndedError("memory", "more was used than the limit")
    except ProgramEndedError as end:
        ended = end
    except CellBrokenError as error:
        return {"op": "closed", "status": "fault", "detail": str(error)}
    finally:
        cell.forget()
    return {
        "op": "closed",
        "status": ended.status if ended is not None else "ok",
        "detail": ended.detail if ended is not None else "",
        "cpu_s": round(report["cpu_s"], 6),
        "wall_s": round(wall_s, 6),
        "cpu_wait_s": round(cell.cpu_wait_s, 6),
        "peak_mib": round(report["peak_kib"] / 1024, 3),
        "clean": report["clean"],
    }


def _tell(host_out: int, message: dict[str, Any]) -> None:
    write_all(host_out, pack(json.dumps(message).encode()))


_ORDERED = ("cpu_s", "memory_mib", "reserve_mib", "n_processes", "files_mib")


class Cells:
    """Has the zygote fork programs, one at a time, and keeps the next one ready.

    A program is forked and locked down as soon as the one before it is gone, so that nobody waits for it. It has
    read nothing by then.
    """

    def __init__(self, zygote: socket.socket, host_in: int, first_uid: int, on_wait: Callable[[], None]) -> None:
        """Fork nothing yet.

        Args:
            zygote: where orders go and reports come from.
            host_in: where the host speaks; a program does not outlive its end.
            first_uid: user id of the first program, where each has its own; the next takes the next one.
            on_wait: called when a program gets more wall time, since it was kept waiting for a processor.
        """
        self._zygote, self._host_in, self._on_wait = zygote, host_in, on_wait
        self._next_uid = first_uid
        self._spare: tuple[dict[str, Any], Cell] | None = None  # what it was ordered with

    def take(self, limits: dict[str, Any]) -> Cell:
        """Return a cell for these limits: some are its own, the others its supervisor holds it to."""
        order = {key: limits[key] for key in _ORDERED}
        if self._spare is not None:
            known, spare = self._spare
            self._spare = None
            if known == order and spare.is_alive:
                return spare
            with contextlib.suppress(CellBrokenError):
                spare.finish()
            spare.forget()
        return self._fork(order)

    def prepare(self, limits: dict[str, Any]) -> None:
        """Have a program forked that is likely to be asked for next."""
        order = {key: limits[key] for key in _ORDERED}
        self._spare = order, self._fork(order)

    def _fork(self, order: dict[str, Any]) -> Cell:
        uid = self._next_uid
        self._next_uid += 1
        return Cell(self._zygote, self._host_in, dict(order, op="run", uid=uid), self._on_wait)
