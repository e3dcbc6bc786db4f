"""The two ends of a conversation between a test and a candidate: who answers, and the line to whom."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import Any

from pairsmith.pipeline.sandbox.inside.answering import CALL_OUT, NONCE_BYTES, RAISED, TOO_LARGE, VALUE, type_name
from pairsmith.pipeline.sandbox.inside.frames import FrameReader, pack, write_all
from pairsmith.pipeline.sandbox.inside.session import NoValueError, Session
from pairsmith.schemas.values import ValueTooLargeError

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
    namespace: dict[str, Any], methods: dict[str, Any], setup: dict[str, type], frames: FrameReader, answers: int
) -> None:
    """Answer a test's requests for a candidate until the inputs end.

    Args:
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
            session.line.release()
            try:
                records.watch()
                body = session.answer(kind, parts)
            finally:
                session.line.acquire()
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
        while logger is not None and logger is not self._root:
            has_own_level = has_own_level or logger.level != 0
            logger = logger.parent
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
