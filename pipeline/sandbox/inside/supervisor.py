"""Talks with the host: takes programs and inputs, gives answers and reports. Holds the clock.

The host sends JSON frames: `open` (code, entry point, limits), then any number of `call` (arguments as text), then
`close`. It may send them all at once. For each there is one frame back: `opened`, `answer`, `closed`. A tester
(`open` with `tester`) sends `call_out` frames instead, each of which the host answers with `reply`, and ends with
`tested`.
"""

from __future__ import annotations

import json
import platform
import socket
import time
from typing import Any

from pipeline.sandbox.inside import lockdown, program
from pipeline.sandbox.inside.frames import pack, read_frame, write_all
from pipeline.sandbox.inside.running import Cell, CellBrokenError, ProgramEndedError

_CPU_SLACK_S = 0.25  # what the kernel's clock ticks and the end of a tree of processes may add
_MAX_NAME = 100
_TEXT = bytes(range(0x20, 0x80))  # all that the encoder of values writes


def serve(host_in: int, host_out: int, zygote: socket.socket, isolation: str, first_uid: int) -> None:
    """Serve the host until it closes its end."""
    ready = {"op": "ready", "python": platform.python_version(), "is_filtered": lockdown.can_filter()}
    _tell(host_out, ready)
    n_programs = 0
    while True:
        frame = read_frame(host_in)
        if frame is None:
            return
        opening = json.loads(frame)
        order = dict(opening["limits"], isolation=isolation, uid=first_uid + n_programs)
        n_programs += 1
        _serve_program(host_in, host_out, zygote, order, opening)


def _serve_program(
    host_in: int, host_out: int, zygote: socket.socket, order: dict[str, Any], opening: dict[str, Any]
) -> None:
    limits = opening["limits"]
    cell = Cell(zygote, order, limits)
    ended: ProgramEndedError | None = None
    load = {key: opening[key] for key in ("setup", "code", "entry_point", "mode", "tester", "limits")}
    cell.send(json.dumps(load).encode())
    try:
        if opening["tester"]:
            _tell(host_out, _run_tester(cell, host_in, host_out, limits))
        else:
            opened = _open(cell, limits)
            _tell(host_out, opened)
            if opened["status"] != "ok":
                ended = ProgramEndedError(opened["status"])
    except ProgramEndedError as end:
        ended = end
        _tell(
            host_out,
            {"op": "tested" if opening["tester"] else "opened", "status": end.status, "exception": ""},
        )
    while True:
        frame = read_frame(host_in)
        if frame is None:
            return
        message = json.loads(frame)
        if message["op"] == "close":
            break
        if ended is not None:
            _tell(host_out, {"op": "answer", "status": "not_run", "value": "", "exception": "", "wall_s": 0.0})
            continue
        answer, ended = _call(cell, message["arguments"], limits)
        _tell(host_out, answer)
    _tell(host_out, _close(cell, ended, limits))


def _open(cell: Cell, limits: dict[str, Any]) -> dict[str, Any]:
    body = cell.receive(limits["wall_s"])
    kind = body[:1]
    if kind == program.LOADED:
        return {"op": "opened", "status": "ok", "exception": ""}
    if kind == program.MISSING:
        return {"op": "opened", "status": "missing", "exception": ""}
    if kind == program.RAISED:
        name = _name(body[1:])
        return {"op": "opened", "status": _raised(name), "exception": name}
    raise ProgramEndedError("forged", "an unknown answer")


def _call(cell: Cell, arguments: str, limits: dict[str, Any]) -> tuple[dict[str, Any], ProgramEndedError | None]:
    answer = {"op": "answer", "status": "ok", "value": "", "exception": "", "wall_s": 0.0}
    started = time.monotonic()
    ended = None
    try:
        cell.check_quiet()
        cell.send(arguments.encode("ascii"))
        body = cell.receive(limits["case_wall_s"])
        kind, rest = body[:1], body[1:]
        if kind == program.VALUE:
            answer["value"] = _text(rest)
        elif kind == program.RAISED:
            answer["exception"] = _name(rest)
            answer["status"] = _raised(str(answer["exception"]))
        elif kind == program.ENDED:
            answer.update(status="exited", exception=_name(rest))
        elif kind == program.TOO_LARGE:
            answer["status"] = "output_limit"
        else:
            raise ProgramEndedError("forged", "an unknown answer")
    except ProgramEndedError as end:
        ended = end
    if ended is not None:
        answer["status"] = ended.status
    answer["wall_s"] = round(time.monotonic() - started, 6)
    return answer, ended


def _text(body: bytes) -> str:
    """Return the text of a value; it has no characters that grow sixfold on the way to the host.

    Raises:
        ProgramEndedError: `forged`, for bytes that the encoder never writes.
    """
    if body.translate(None, _TEXT):
        raise ProgramEndedError("forged", "an answer that is no text")
    return body.decode("ascii")


def _name(body: bytes) -> str:
    """Return the name of an exception's type, made harmless: short, one line, no control characters."""
    text = body[:_MAX_NAME].decode("ascii", "replace")
    return "".join(letter if letter.isidentifier() or letter in "0123456789." else "?" for letter in text)


def _raised(exception: str) -> str:
    return {"SystemExit": "exited", "MemoryError": "memory"}.get(exception, "exception")


def _run_tester(cell: Cell, host_in: int, host_out: int, limits: dict[str, Any]) -> dict[str, Any]:
    """Relay a tester's calls to the host until it is through."""
    while True:
        body = cell.receive(limits["wall_s"])
        kind = body[:1]
        if kind == program.TESTED:
            return {"op": "tested", "status": "ok", "exception": ""}
        if kind == program.RAISED:
            name = _name(body[1:])
            return {"op": "tested", "status": _raised(name), "exception": name}
        if kind != program.CALL_OUT:
            raise ProgramEndedError("forged", "an unknown answer")
        _tell(host_out, {"op": "call_out", "arguments": _text(body[1:])})
        frame = read_frame(host_in)
        if frame is None:
            raise ProgramEndedError("exited", "the host is gone")
        reply = json.loads(frame)
        if reply["ok"] is None:
            raise ProgramEndedError("forged", "arguments that are no values")
        cell.send((program.VALUE if reply["ok"] else program.RAISED) + reply["body"].encode())


def _close(cell: Cell, ended: ProgramEndedError | None, limits: dict[str, Any]) -> dict[str, Any]:
    try:
        if ended is None:
            cell.say_goodbye()
        report = cell.finish()
        if ended is None:
            cell.check_quiet()
            if report["cpu_s"] > limits["cpu_s"] + _CPU_SLACK_S:
                raise ProgramEndedError("timeout", "cpu of all its processes")
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
        "wall_s": round(report["wall_s"], 6),
        "peak_mib": round(report["peak_kib"] / 1024, 3),
        "clean": report["clean"],
    }


def _tell(host_out: int, message: dict[str, Any]) -> None:
    write_all(host_out, pack(json.dumps(message).encode()))
