"""Runs a pytest or unittest module in a process that holds no candidate: `solution` is a stand-in here.

The real pytest collects and runs the tests; its source is shipped into sandboxes of suites only. What the tests
import from `solution` is the candidate's, reached by a `Session`.

The report is a list of [test, outcome, detail], the outcome one of passed, failed, skipped and error: an `error`
is a test that could not show anything, since it broke before it reached the candidate, or asks for what can't
cross over.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import os
import sys
import types
from collections.abc import Mapping
from typing import Any

from pairsmith.pipeline.sandbox.inside.asking import hear
from pairsmith.pipeline.sandbox.inside.frames import RAISED, TESTED, FrameReader, type_name
from pairsmith.pipeline.sandbox.inside.metas import Meta
from pairsmith.pipeline.sandbox.inside.remote import RefusedError, UnsupportedTestError
from pairsmith.pipeline.sandbox.inside.serving import Line, notes, own_classes
from pairsmith.pipeline.sandbox.inside.session import NoValueError, Session
from pairsmith.schemas.values import encode_value

_FOLDER, _FILE = "/tmp/suite", "test_solution.py"
_STEERING = ("pytest_", "pytestmark", "test_", "Test", "setup_", "teardown_", "setUp", "tearDown")
_OPTIONS = (
    "-q", "--tb=no", "--assert=plain", "--capture=sys", "--import-mode=prepend", f"--rootdir={_FOLDER}",
    "--override-ini=addopts=", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:junitxml",
    "-p", "no:pastebin", "-p", "no:doctest", _FILE,
)  # fmt: skip


class _Solution(types.ModuleType):
    """The module `solution`, whose names are the candidate's; asked for each time, since they may change."""

    def __init__(self, session: Session, load: Mapping[str, Any]) -> None:
        super().__init__("solution")
        self.__dict__["_session"], self.__dict__["_load"] = session, load

    def _public(self) -> list[str]:
        """Return what `*` brings: no builtin, nothing that the tests import or that means something to pytest.

        Raises:
            UnsupportedTestError: if the tests use a name that it would bring besides.
        """
        load, (own, others) = self.__dict__["_load"], self.__dict__["_session"].request("public")
        imported = _imported(load["code"])
        hidden = imported | vars(builtins).keys() - {load["entry_point"]}
        names = [name for name in map(str, own) if not name.startswith(_STEERING) and name not in hidden]
        left_out = {*map(str, own), *map(str, others)} - imported - {*names}
        if used := sorted(left_out & _used(load["code"])):
            raise UnsupportedTestError(f"{used[0]} by `from solution import *`")
        return names

    def __getattr__(self, name: str) -> Any:
        session: Session = self.__dict__["_session"]
        if name == "__all__":
            return self._public()
        if name.startswith("__"):
            raise AttributeError(name)
        found = session.request("names", [name])
        if name not in found or not callable(found[name]):  # to import a function shows nothing yet
            session.was_reached = True
        if name not in found:
            raise AttributeError(f"module 'solution' has no attribute {name!r}")
        return found[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__"):
            super().__setattr__(name, value)
        else:
            self.__dict__["_session"].request("patch", None, name, value)

    def __delattr__(self, name: str) -> None:
        self.__dict__["_session"].request("restore", None, name)


class _Recorder:
    """A plugin of pytest that keeps the outcome of each test."""

    def __init__(self, session: Session, code: str) -> None:
        self.outcomes: dict[str, str] = {}
        self._session, self._code = session, code
        self._is_unsupported = self._is_raised = False

    def pytest_collection_modifyitems(self, items: Any) -> None:
        with open(_FILE, "w", encoding="utf-8"):  # a patched `open` may be the candidate's way to the tests
            sys.path[:] = [folder for folder in sys.path if folder != _FOLDER]
        if items:
            module = sys.modules.get(_FILE.partition(".")[0])
            hidden = _replaced(ast.parse(self._code).body, vars(module))
            self.outcomes.update(dict.fromkeys(hidden, "error"))

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        self._is_unsupported = self._is_raised = False

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        self._look(call)

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = report.nodeid.partition("::")[2]
        if report.failed:
            self.outcomes[name] = self._failure()
        elif report.skipped:
            self.outcomes.setdefault(name, "skipped")
        elif report.when == "call":
            shows_nothing = self._session.collapses or self._session.around.is_weak
            self.outcomes.setdefault(name, "error" if shows_nothing else "passed")

    def pytest_make_collect_report(self, collector: Any) -> None:
        self._is_unsupported = self._is_raised = False

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        self._look(call)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.outcomes[f"collecting {report.nodeid}"] = self._failure()

    def _look(self, call: Any) -> None:
        if call.excinfo is not None and call.excinfo.errisinstance((UnsupportedTestError, RefusedError)):
            self._is_unsupported = True
        self._is_raised |= call.excinfo is not None and call.excinfo.value is self._session.raised

    def _failure(self) -> str:
        is_shown = (
            (self._session.was_reached or self._is_raised)
            and not self._is_unsupported
            and not (self._session.collapses or self._session.overlaps)
        )
        return "failed" if is_shown else "error"


def _imported(code: str) -> set[str]:
    """Return the names that tests import from elsewhere than `solution`."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [one for node in nodes if getattr(node, "module", "") != "solution" for one in node.names]
    return {(one.asname or one.name).partition(".")[0] for one in names}


def _refuse_doctests() -> None:
    """Have tests that run the doctests of the solution say that they can't: its namespace is not here."""
    import doctest  # large, and few tests have it

    finders: Any = doctest.DocTestFinder
    find = finders.find

    def refuse(finder: Any, thing: Any, *rest: Any, **options: Any) -> Any:
        if isinstance(thing, (_Solution, Meta)) or isinstance(type(thing), Meta):
            raise UnsupportedTestError("doctests of the solution")
        return find(finder, thing, *rest, **options)

    finders.find = refuse


def _used(code: str) -> set[str]:
    """Return the names that tests use and do not bind themselves."""
    nodes = list(ast.walk(ast.parse(code)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    bound |= {node.name for node in nodes if isinstance(node, definitions)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return {node.id for node in names} - bound


def _replaced(nodes: list[ast.stmt], namespace: Mapping[str, Any]) -> list[str]:
    """Return the tests in whose places now stands what is none: something of the candidate's, or no function."""
    found = []
    for node in nodes:
        value = namespace.get(getattr(node, "name", ""))
        is_theirs = isinstance(value, Meta) or isinstance(type(value), Meta)
        if isinstance(node, ast.ClassDef) and isinstance(value, type) and not is_theirs:
            found += [f"{node.name}::{name}" for name in _replaced(node.body, vars(value))]
        elif isinstance(node, ast.ClassDef) and _replaced(node.body, {}):
            found.append(node.name)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            is_function = isinstance(value, (types.FunctionType, staticmethod, classmethod))
            found += [node.name] if is_theirs or not is_function else []
    return found


def run_suite(load: dict[str, Any], nonce: bytes, frames: FrameReader, answers: int) -> None:
    """Run a test module, ask for the candidate on the way, and report the outcomes at its end."""
    line = Line(nonce, frames, answers)
    session = Session(line.talk, is_test=True)
    hear(session, load["setup"] + "\n" + load["code"])
    try:
        import pytest

        session.around.watch(load["setup"] + load["code"])
        session.lives.watch(load["setup"] + load["code"])
        shared = types.ModuleType("solution")
        exec(compile(load["setup"], "<setup>", "exec", dont_inherit=True), shared.__dict__)
        session.setup = own_classes(shared.__dict__)
        sys.modules["solution"] = _Solution(session, load)
        if "doctest" in load["code"]:
            _refuse_doctests()
        os.mkdir(_FOLDER)
        os.chdir(_FOLDER)
        with open(_FILE, "w", encoding="utf-8") as file:
            file.write(load["code"])
        sys.dont_write_bytecode = True
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        recorder = _Recorder(session, load["code"])
        with contextlib.suppress(NoValueError):  # pytest meets that again
            session.request("names", [])  # the candidate says whether it can see what dies
        session.watch_lives(os.path.join(_FOLDER, _FILE))
        status = int(pytest.main(list(_OPTIONS), plugins=[recorder]))
        known = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
        if status not in known:  # such as by a KeyboardInterrupt of the candidate's, which it takes for its own
            is_raised = isinstance(session.raised, KeyboardInterrupt)
            recorder.outcomes[f"pytest ended with {status}"] = "failed" if is_raised else "error"
        report = encode_value(
            [[[name, outcome, ""] for name, outcome in recorder.outcomes.items()], notes(session)]
        )
    except BaseException as error:
        line.send(RAISED + type_name(error))
        return
    session.line.acquire()  # what other threads would ask for now is nobody's
    line.send(TESTED + report.encode("ascii"))
