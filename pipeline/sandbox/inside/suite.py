"""Runs a pytest or unittest module in a process that holds no candidate: `solution` is a stand-in here.

The real pytest collects and runs the tests; its source is shipped into sandboxes of suites only. What the tests
import from `solution` asks the candidate's sandbox, by the requests of `serving`: plain values go there and plain
values come back, what the candidate raised comes back as the built-in type that it is of, and what it did to its
arguments is done to the caller's.

The report is a list of [test, outcome], the outcome one of passed, failed, skipped and error: an `error` is a test
that could not show anything, since it broke before it reached the candidate, or asks for what no plain value is.
"""

from __future__ import annotations

import builtins
import collections
import os
import sys
import types
from collections.abc import Callable
from typing import Any

from pairsmith.pipeline.sandbox.inside.answering import CALL_OUT, NONCE_BYTES, RAISED, TESTED, VALUE, type_name
from pairsmith.pipeline.sandbox.inside.frames import FrameReader, pack, write_all
from pairsmith.schemas.values import Lazy, Opaque, Record, decode_value, encode_value

_FOLDER, _FILE = "/tmp/suite", "test_solution.py"
_OPTIONS = (
    "-q", "--tb=no", "--assert=plain", "--capture=sys", "--import-mode=prepend", f"--rootdir={_FOLDER}",
    "--override-ini=addopts=", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:junitxml",
    "-p", "no:pastebin", "-p", "no:doctest", _FILE,
)  # fmt: skip
_NOT_SENT = ('{"opaque":', '{"record":', '{"namedtuple":', '{"cycle":')
_ENDS = {"KeyboardInterrupt", "GeneratorExit"}  # pytest would take them for its own end


class NoValueError(BaseException):
    """The candidate gave no value: it ran out of time or memory, or broke. No test can expect that."""


class UnsupportedTestError(BaseException):
    """A test asks for what can't cross over as a plain value: it shows nothing about the candidate."""


class _Candidate:
    """The candidate as the tests reach it: by requests.

    Attributes:
        was_reached: a test has seen something of the candidate, were it that a name is missing.
        gave_objects: it gave something that is no plain value.
        is_unsupported: the running test asks for what can't cross over.
    """

    def __init__(self, ask: Callable[[str], Any]) -> None:
        self._ask = ask
        self.was_reached = self.gave_objects = self.is_unsupported = False

    def refuse(self, why: str) -> BaseException:
        """Return what to raise where a test asks for too much: a failure, if objects of the candidate's did."""
        if self.gave_objects:
            return NoValueError(why)
        self.is_unsupported = True
        return UnsupportedTestError(why)

    def ask(self, *request: Any) -> list[Any]:
        """Return the answer to a request, one of those that `serving` gives.

        Raises:
            UnsupportedTestError: if the request holds what is no plain value.
            NoValueError: if there is no answer, or no such one.
        """
        text = encode_value(list(request))
        if any(tag in text for tag in _NOT_SENT):
            raise self.refuse("an argument that is no plain value")
        try:
            answer = self._ask(text)
            kind, parts = answer[0], answer[1:]
            if len(parts) != _N_PARTS[request[0]][kind] or not _names_are_text(kind, parts):
                raise ValueError(kind)
        except (TypeError, ValueError, KeyError, IndexError, NoValueError) as error:
            self.was_reached = True
            raise NoValueError(str(error)) from None
        return [kind, *parts]


# How many parts each answer to a request has.
_N_PARTS: dict[str, dict[Any, int]] = {
    "names": {"value": 1},
    "get": {"function": 0, "exception": 1, "value": 1, "missing": 0},
    "call": {"value": 2, "raised": 2},
}


def _names_are_text(kind: str, parts: list[Any]) -> bool:
    if kind not in ("exception", "raised"):
        return True
    return bool(parts[0]) and all(type(part) is list for part in parts) and all(type(n) is str for n in parts[0])


class _Solution(types.ModuleType):
    """The module `solution`, whose names are the candidate's."""

    def __init__(self, candidate: _Candidate) -> None:
        super().__init__("solution")
        self.__dict__["_candidate"], self.__dict__["_known"] = candidate, {}

    def __getattr__(self, name: str) -> Any:
        candidate, known = self.__dict__["_candidate"], self.__dict__["_known"]
        if name == "__all__":
            return [str(item) for item in candidate.ask("names")[1]]
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in known:
            kind, *rest = candidate.ask("get", name)
            if kind == "missing":
                candidate.was_reached = True
                raise AttributeError(f"module 'solution' has no attribute {name!r}")
            if kind == "value":
                candidate.was_reached = True
                return _rebuild(rest[0], candidate)  # asked for each time: it may change
            known[name] = _exception(rest[0]) if kind == "exception" else _function(name, candidate, known)
        return known[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise self.__dict__["_candidate"].refuse(f"a test sets {name} in the solution")


def _function(name: str, candidate: _Candidate, known: dict[str, Any]) -> Callable[..., Any]:
    def function(*arguments: Any, **options: Any) -> Any:
        candidate.was_reached = True
        kind, *rest = candidate.ask("call", name, list(arguments), options)
        if kind == "raised":
            raise _raised(rest[0], rest[1], known)
        value, after = rest
        if after is not None:
            _change([*arguments, *options.values()], after)
        return _rebuild(value, candidate)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "solution"
    return function


def _change(ours: list[Any], after: Any) -> None:
    """Make of a call's arguments what the candidate made of its copies."""
    try:
        theirs = [*after[0], *after[1].values()]
    except (TypeError, IndexError, AttributeError, KeyError):
        raise NoValueError("no arguments") from None
    for mine, its in zip(ours, theirs):  # noqa: B905 (Python 3.9)
        if type(mine) is list and type(its) is list:
            mine[:] = its
        elif type(mine) in (dict, set) and type(mine) is type(its):
            mine.clear()
            mine.update(its)


def _rebuild(value: Any, candidate: _Candidate) -> Any:
    """Return a decoded value as the tests should see it."""
    if isinstance(value, Opaque):
        candidate.gave_objects = True
    if isinstance(value, Lazy):
        items = [_rebuild(item, candidate) for item in value.items]
        return range(*_bounds(items)) if value.kind == "range" else iter(items)
    if isinstance(value, Record):
        names = [name for name, _ in value.fields]
        parts = [_rebuild(part, candidate) for _, part in value.fields]
        if value.is_tuple:
            return collections.namedtuple(value.name, names)(*parts)
        candidate.gave_objects = True  # its class, and so its equality, stayed behind
        return types.SimpleNamespace(**dict(zip(names, parts)))  # noqa: B905 (Python 3.9)
    if type(value) is list:
        return [_rebuild(item, candidate) for item in value]
    if type(value) is tuple:
        return tuple(_rebuild(item, candidate) for item in value)
    if type(value) is dict:
        return {key: _rebuild(part, candidate) for key, part in value.items()}
    return value


def _bounds(items: list[int]) -> tuple[int, int, int]:
    if not items:
        return 0, 0, 1
    step = items[1] - items[0] if len(items) > 1 else 1
    return items[0], items[-1] + (1 if step > 0 else -1), step


def _exception(names: list[str]) -> type[BaseException]:
    """Return a stand-in for the candidate's exception type, derived from its nearest built-in base."""
    base = next((kind for kind in map(_built_in, names[1:]) if kind is not None), Exception)
    return type(names[0], (base,), {"__module__": "solution"})


def _built_in(name: str) -> type[BaseException] | None:
    kind = getattr(builtins, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, BaseException) else None


def _raised(names: list[str], arguments: list[Any], known: dict[str, Any]) -> BaseException:
    """Return what the candidate raised: the type that the tests imported, else the nearest built-in one."""
    for name in names:
        imported = known.get(name)
        kind: type[BaseException] | None = imported if isinstance(imported, type) else _built_in(name)
        if name in _ENDS or kind is None:
            continue
        try:
            return kind(*arguments)
        except TypeError:  # UnicodeDecodeError and the like want arguments of their own
            error = kind.__new__(kind)
            error.args = tuple(arguments)
            return error
    return NoValueError("the candidate raised " + names[0])


class _Recorder:
    """A plugin of pytest that keeps the outcome of each test."""

    def __init__(self, candidate: _Candidate) -> None:
        self.outcomes: dict[str, str] = {}
        self._candidate = candidate

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        self._candidate.is_unsupported = self._candidate.gave_objects = False

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = report.nodeid.partition("::")[2]
        if report.failed:
            self.outcomes[name] = self._failure()
        elif report.skipped:
            self.outcomes.setdefault(name, "skipped")
        elif report.when == "call":
            self.outcomes.setdefault(name, "passed")

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.outcomes[f"collecting {report.nodeid}"] = self._failure()

    def _failure(self) -> str:
        return "failed" if self._candidate.was_reached and not self._candidate.is_unsupported else "error"


def run_suite(code: str, nonce: bytes, frames: FrameReader, answers: int) -> None:
    """Run a test module, ask for values on the way, and report the outcomes at its end."""

    def ask(text: str) -> Any:
        nonlocal nonce
        write_all(answers, pack(nonce + CALL_OUT + text.encode("ascii")))
        frame = frames.read()
        if frame is None:
            os._exit(1)
        nonce, body = frame[:NONCE_BYTES], frame[NONCE_BYTES:]
        if body[:1] == VALUE:
            return decode_value(body[1:].decode("ascii"))
        raise NoValueError(body[1:].decode("utf-8", "replace"))

    try:
        import pytest

        candidate = _Candidate(ask)
        sys.modules["solution"] = _Solution(candidate)
        os.mkdir(_FOLDER)
        os.chdir(_FOLDER)
        with open(_FILE, "w", encoding="utf-8") as file:
            file.write(code)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        recorder = _Recorder(candidate)
        status = int(pytest.main(list(_OPTIONS), plugins=[recorder]))
        known = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
        if status not in known and not recorder.outcomes:
            recorder.outcomes[f"pytest ended with {status}"] = "error"
        report = encode_value([list(pair) for pair in recorder.outcomes.items()])
    except BaseException as error:
        write_all(answers, pack(nonce + RAISED + type_name(error)))
        return
    write_all(answers, pack(nonce + TESTED + report.encode("ascii")))
