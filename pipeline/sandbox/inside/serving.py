"""The two ends of a conversation between a test and a candidate: who answers, and who runs the test.

Test code runs in a process that holds no candidate; what it uses of the candidate it reaches by a `Session`.
"""

from __future__ import annotations

import ast
import builtins
import enum
import io
import os
import sys
import types
import warnings
from typing import Any

from pairsmith.pipeline.sandbox.inside.asking import hear
from pairsmith.pipeline.sandbox.inside.frames import (
    CALL_OUT,
    NONCE_BYTES,
    RAISED,
    TESTED,
    TOO_LARGE,
    VALUE,
    FrameReader,
    pack,
    type_name,
    write_all,
)
from pairsmith.pipeline.sandbox.inside.metas import Meta
from pairsmith.pipeline.sandbox.inside.remote import RefusedError, UnsupportedTestError
from pairsmith.pipeline.sandbox.inside.session import NoValueError, Session
from pairsmith.pipeline.sandbox.inside.surroundings import loggers_above
from pairsmith.schemas.values import ValueTooLargeError, encode_value

_MOST_SAID = 1 << 20  # characters of a stream that reach the tests
_MOST_WARNINGS = _MOST_RECORDS = 1000  # that reach the tests


class _Copied(io.TextIOWrapper):
    """A standard stream that also keeps what is written to it, for the tests."""

    def __init__(self, name: str, stream: Any, said: list[list[str]]) -> None:
        super().__init__(stream.buffer, stream.encoding, stream.errors, line_buffering=True)
        self._stream_name, self._said, self._n_left = name, said, _MOST_SAID

    def write(self, text: str) -> int:
        kept, self._n_left = text[: self._n_left], max(self._n_left - len(text), 0)
        if kept:
            self._said.append([self._stream_name, str(kept)])
        return super().write(text)


def serve(
    load: dict[str, Any],
    namespace: dict[str, Any],
    methods: dict[str, Any],
    setup: dict[str, type],
    frames: FrameReader,
    answers: int,
) -> None:
    """Answer a test's requests for a candidate until the inputs end.

    Args:
        load: the program as `program.run_program` got it.
        namespace: the candidate's own.
        methods: what stands for names that it does not bind: a test calls a method by its own name.
    """
    nonce = b""

    def talk(text: str) -> str:
        nonlocal nonce
        write_all(answers, pack(nonce + VALUE + text.encode("ascii")))
        frame = frames.read()
        if frame is None:
            os._exit(1)
        nonce = frame[:NONCE_BYTES]
        return frame[NONCE_BYTES:].decode("ascii")

    session = Session(talk, is_test=False)
    session.namespace, session.methods, session.setup = namespace, methods, setup
    session.sources = {"<setup>": load["setup"], "<solution>": load["code"]}
    session.lives.watch(load["setup"] + load["code"])
    session.line.acquire()
    _pass_warnings_on(session)
    records = _Records(session)
    streams = sys.stdout, sys.stderr  # kept: they would close the descriptors
    sys.stdout, sys.stderr = (
        _Copied(name, stream, session.said)
        for name, stream in zip(("stdout", "stderr"), streams)  # noqa: B905
    )
    while True:
        frame = frames.read()
        if frame is None:
            return
        nonce = frame[:NONCE_BYTES]
        try:
            kind, *parts = session.unpack(frame[NONCE_BYTES:].decode("ascii"))
            records.watch()
            body = session.reply(kind, parts)
            parts.clear()
            reply = VALUE + session.pack(body).encode("ascii")
        except ValueTooLargeError:
            reply = TOO_LARGE
        except BaseException as error:
            reply = RAISED + type_name(error)
        frames.leave_if_forked()
        write_all(answers, pack(nonce + reply))


def _pass_warnings_on(session: Session) -> None:
    """Have the filters and recorders of the tests say what becomes of a candidate's warnings."""
    left = iter(range(_MOST_WARNINGS))

    def show(message: Warning, *_place: Any) -> None:
        if next(left, None) is not None:
            session.request("warned", message)

    raising = [one for one in warnings.filters if one[0] == "error"]
    warnings.resetwarnings()
    warnings.simplefilter("always")
    warnings.filters[:0] = raising  # type: ignore[index]
    warnings.showwarning = show  # type: ignore[assignment]


class _Records:
    """Passes a candidate's log records on to the loggers of the tests, whose levels and handlers count."""

    def __init__(self, session: Session) -> None:
        self._session, self._left = session, _MOST_RECORDS
        self._root: Any = None
        self._root_level = 0

    def watch(self) -> None:
        """Begin once the candidate has imported `logging`."""
        logging: Any = sys.modules.get("logging")
        if logging is None or self._root is not None:
            return
        self._root = logging.getLogger()
        self._root_level = self._root.level
        for handler in self._root.handlers:
            handler.setLevel(max(handler.level, self._root_level))
        self._root.setLevel(1)
        handler = logging.Handler()
        handler.emit = self._emit
        self._root.addHandler(handler)

    def _emit(self, record: Any) -> None:
        self._left -= 1
        if self._left < 0:
            return
        logging: Any = sys.modules["logging"]
        logger = logging.getLogger(record.name)
        has_own_level = self._root_level not in (0, logging.WARNING) and record.levelno >= self._root_level
        has_own_level = has_own_level or any(one.level for one in loggers_above(logger))
        error = record.exc_info[1] if record.exc_info else None
        trace = logging.Formatter().formatException(record.exc_info) if error is not None else ""
        plain = [record.name, record.levelno, record.lineno, record.funcName, record.getMessage(), trace]
        self._session.request("logged", plain, error, has_own_level)


class Line:
    """A test's pipe to the supervisor, which passes requests on to the candidate's sandbox."""

    def __init__(self, nonce: bytes, frames: FrameReader, answers: int) -> None:
        """Take over the descriptors."""
        self.nonce = nonce
        self._frames, self._answers = frames, answers

    def talk(self, text: str) -> str:
        """Send a request; return what comes back.

        Raises:
            NoValueError: if the candidate gave no value.
        """
        self.send(CALL_OUT + text.encode("ascii"))
        frame = self._frames.read()
        if frame is None:
            os._exit(1)
        self.nonce, body = frame[:NONCE_BYTES], frame[NONCE_BYTES:]
        if body[:1] == VALUE:
            return body[1:].decode("ascii")
        raise NoValueError(body[1:].decode("utf-8", "replace"))

    def send(self, body: bytes) -> None:
        """Send an answer to the supervisor."""
        write_all(self._answers, pack(self.nonce + body))


_MODULE = "tests"


def run_tester(load: dict[str, Any], nonce: bytes, frames: FrameReader, answers: int) -> None:
    """Run the tests of one problem: names that only the candidate binds mean the candidate's.

    The functions of the setup run here, on this side's own copy; so do its classes, unless the candidate defines a
    class of the same name. A builtin is never the candidate's, but for the entry point.
    """
    line = Line(nonce, frames, answers)
    session = Session(line.talk, is_test=True)
    session.not_reaching = ("names", "public", "derive")
    hear(session, load["setup"] + "\n" + load["code"])
    session.around.watch(load["setup"] + load["code"])
    session.lives.watch(load["setup"] + load["code"])
    sys.modules["solution"] = types.ModuleType("solution")  # where a pickle looks for enums and named tuples
    module = sys.modules[_MODULE] = types.ModuleType(_MODULE)
    namespace = module.__dict__
    try:
        exec(compile(load["setup"], "<setup>", "exec", dont_inherit=True), namespace)
        code = compile(load["code"], "<tests>", "exec", dont_inherit=True)
        session.setup = own_classes(namespace)
        _import_first(load["code"])
        entry_point = load["entry_point"].partition(".")[0]
        wanted = _names(code) | session.setup.keys() | {entry_point}
        known = (namespace.keys() - session.setup.keys()) | set(vars(builtins))
        outcome = _outcome(code, sorted((wanted - known) | {entry_point}), entry_point, namespace, session)
    except UnsupportedTestError as error:
        outcome = ["error", str(error)]
    except BaseException as error:
        line.send(RAISED + type_name(error))
        return
    session.line.acquire()  # what other threads would ask for now is nobody's
    line.send(TESTED + encode_value([[["", *outcome]], notes(session)]).encode("ascii"))


def _outcome(
    code: types.CodeType, names: list[str], entry_point: str, namespace: dict[str, Any], session: Session
) -> list[str]:
    try:
        bound = session.request("names", names)
        bound[entry_point]  # it was there when the solution was loaded
        if type(bound) is not dict or not bound.keys() <= set(names):
            raise ValueError("names that nobody asked for")
        namespace.update(bound)
    except BaseException as error:
        session.is_broken = True
        return ["failed", type_name(error).decode()]
    found = bound[entry_point]
    is_own = not isinstance(found, Meta) if isinstance(found, type) else not callable(found)  # it is an answer
    session.was_reached = is_own or any(_is_known(value, session) for value in bound.values())
    session.watch_lives("<tests>")
    try:
        exec(code, namespace)
    except MemoryError:
        raise
    except SystemExit as end:
        if "is_the_candidates" not in end.__dict__:
            raise
        return ["failed", "SystemExit"]
    except UnsupportedTestError:
        raise
    except BaseException as error:
        name = type_name(error).decode()
        is_shown = (
            (session.was_reached or error is session.raised)
            and not (session.collapses or session.overlaps)
            and not isinstance(error, RefusedError)
        )
        return ["failed" if is_shown else "error", name]
    if session.collapses or session.around.is_weak:
        return ["error", "what the tests share with the solution came apart"]
    return ["passed", ""]


def _is_known(value: Any, session: Session) -> bool:
    """Return whether a name is a class of the candidate's of which this side has all, or a metaclass made it."""
    if not isinstance(value, type):
        return False
    twins = (enum.Enum, tuple)  # what such classes do happens here
    return issubclass(value, twins) or isinstance(type(value), Meta) or value in session.shared


def _import_first(code: str) -> None:
    """Import what tests import: the candidate's names come before, and may be of classes of these modules."""
    for node in ast.parse(code).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            try:
                exec(compile(ast.Module([node], []), "<imports>", "exec"), {})
            except Exception:
                continue


def notes(session: Session) -> dict[str, Any]:
    """Return what a verdict has to know of a conversation beside the outcomes."""
    return {
        "own": sum(session.own.values()),
        "vague": session.is_vague,
        "broken": session.is_broken,
        "reached": session.was_reached,
        "overlaps": session.overlaps,
        "swallowed": session.guard.swallowed(),
    }


def own_classes(namespace: dict[str, Any]) -> dict[str, type]:
    """Return the classes that a namespace defines itself, by name."""
    module = namespace.get("__name__")
    return {
        name: value
        for name, value in namespace.items()
        if isinstance(value, type) and value.__module__ == module and value.__name__ == name
    }


def _names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            names |= _names(part)
    return names
