"""Runs one candidate: loads its code, then answers inputs with values. Knows no expected value.

Nothing here is trusted by anybody: the candidate shares this process and may change all of it. What it can
forge is only its own answer.
"""

from __future__ import annotations

import json
import os
import sys
import types
from typing import Any

from pairsmith.pipeline.sandbox.inside import lockdown
from pairsmith.pipeline.sandbox.inside.answering import (
    CALL_OUT,
    LOADED,
    MISSING,
    NONCE_BYTES,
    RAISED,
    TESTED,
    TOO_LARGE,
    VALUE,
    type_name,
)
from pairsmith.pipeline.sandbox.inside.frames import FrameReader, pack, write_all
from pairsmith.pipeline.sandbox.inside.serving import answer_request
from pairsmith.pipeline.sandbox.inside.stdin import python_program, serve_stdin
from pairsmith.schemas.values import Lazy, Record, ValueTooLargeError, decode_value, encode_value


class CandidateError(Exception):
    """What a tester sees where the candidate raised, ran out of time or broke: its call gave no value."""


def run_program(inputs: int, answers: int) -> None:
    """Serve one program over two descriptors until the input ends.

    The first frame is a nonce and a JSON object {setup, code, entry_point, mode, tester, foreign, limits}; each
    later one is a nonce and the text of a list of arguments. Each answer repeats its nonce.
    """
    frames = FrameReader(inputs)
    frame = frames.read()
    if frame is None:
        return
    nonce, load = frame[:NONCE_BYTES], json.loads(frame[NONCE_BYTES:])
    if load["foreign"]:
        from pairsmith.pipeline.sandbox.inside.foreign import run_foreign  # rare, and not loaded in every sandbox

        run_foreign(load, nonce, frames, answers)
        return
    sys.argv = ["solution"]
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    if load["mode"] == "stdin":
        _run_on_stdin(load, nonce, frames, answers)
        return
    lockdown.forbid_broad_kill()
    if load["mode"] == "suite":
        from pairsmith.pipeline.sandbox.inside.suite import run_suite  # only sandboxes of suites have it

        run_suite(load["code"], nonce, frames, answers)
        return
    if load["tester"]:
        _run_tester(load, module.__dict__, nonce, frames, answers)
        return
    problem = _load(load, module.__dict__)
    if problem is not None:
        write_all(answers, pack(nonce + problem))
        return
    is_module = load["mode"] == "module"
    function = module.__dict__ if is_module else _find(module.__dict__, load["entry_point"])
    if function is None:
        write_all(answers, pack(nonce + MISSING))
        return
    write_all(answers, pack(nonce + LOADED))
    while True:
        frame = frames.read()
        if frame is None:
            return
        text = frame[NONCE_BYTES:].decode("ascii")
        answer = answer_request(function, text) if is_module else _answer(function, text, module.__dict__)
        write_all(answers, pack(frame[:NONCE_BYTES] + answer))


def _run_on_stdin(load: dict[str, Any], nonce: bytes, frames: FrameReader, answers: int) -> None:
    try:
        start = python_program(load["setup"], load["code"])
    except BaseException as error:
        write_all(answers, pack(nonce + RAISED + type_name(error)))
        return
    write_all(answers, pack(nonce + LOADED))
    serve_stdin(start, frames, answers, load["limits"])


def _load(load: dict[str, Any], namespace: dict[str, Any]) -> bytes | None:
    """Execute the code at module level; return the answer that says why it failed, None if it did not."""
    try:
        if load["setup"]:
            exec(compile(load["setup"], "<setup>", "exec", dont_inherit=True), namespace)
        exec(compile(load["code"], "<solution>", "exec", dont_inherit=True), namespace)
    except BaseException as error:
        return RAISED + type_name(error)
    return None


def _find(namespace: dict[str, Any], entry_point: str) -> Any:
    """Return the function of that name, or `Class.method` on a fresh object each time; None if there is none."""
    owner, _, method = entry_point.rpartition(".")
    if not owner:
        function = namespace.get(entry_point)
        return function if callable(function) else None
    kind = namespace.get(owner)
    if not isinstance(kind, type) or not callable(getattr(kind, method, None)):
        return None
    return lambda *arguments: getattr(kind(), method)(*arguments)


def _answer(function: Any, text: str, namespace: dict[str, Any]) -> bytes:
    try:
        arguments = decode_value(text)
        if '{"record":' in text:
            arguments = _with_objects(arguments, namespace)
        value = function(*arguments)
        return VALUE + encode_value(value).encode("ascii")
    except ValueTooLargeError:
        return TOO_LARGE
    except BaseException as error:
        return RAISED + type_name(error)


def _with_objects(value: Any, namespace: dict[str, Any]) -> Any:
    """Return arguments whose records are objects of the classes of these names, as far as there are such."""
    if isinstance(value, list):
        return [_with_objects(item, namespace) for item in value]
    if isinstance(value, tuple):
        return tuple(_with_objects(item, namespace) for item in value)
    if isinstance(value, dict):
        return {key: _with_objects(part, namespace) for key, part in value.items()}
    kind = namespace.get(value.name) if isinstance(value, Record) and not value.is_tuple else None
    if not isinstance(kind, type):
        return value
    made: Any = object.__new__(kind)
    for name, part in value.fields:
        object.__setattr__(made, name, _with_objects(part, namespace))
    return made


def _run_tester(
    load: dict[str, Any], namespace: dict[str, Any], nonce: bytes, frames: FrameReader, answers: int
) -> None:
    """Run test code whose entry point is a stand-in that asks for values from the other sandbox."""

    def entry_point(*arguments: object) -> Any:
        nonlocal nonce
        write_all(answers, pack(nonce + CALL_OUT + encode_value(list(arguments)).encode("ascii")))
        frame = frames.read()
        if frame is None:
            os._exit(1)
        nonce, body = frame[:NONCE_BYTES], frame[NONCE_BYTES:]
        if body[:1] == VALUE:
            return _plain(decode_value(body[1:].decode("ascii")))
        raise CandidateError(body[1:].decode("utf-8", "replace"))

    try:
        exec(compile(load["setup"], "<setup>", "exec", dont_inherit=True), namespace)
        namespace[load["entry_point"]] = entry_point
        exec(compile(load["code"], "<tests>", "exec", dont_inherit=True), namespace)
    except BaseException as error:
        write_all(answers, pack(nonce + RAISED + type_name(error)))
        return
    write_all(answers, pack(nonce + TESTED))


def _plain(value: Any) -> Any:
    """Return a lazy value as the iterator that it was, so that `list(f(x))` works in a test."""
    if isinstance(value, Lazy):
        return iter(value.items)
    return value
