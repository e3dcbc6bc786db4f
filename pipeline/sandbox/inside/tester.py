"""Runs test code in a process that holds no candidate; what it uses of the candidate it reaches by a `Session`."""

from __future__ import annotations

import ast
import builtins
import enum
import sys
import types
from typing import Any

from pairsmith.pipeline.sandbox.inside.answering import RAISED, TESTED, type_name
from pairsmith.pipeline.sandbox.inside.frames import FrameReader
from pairsmith.pipeline.sandbox.inside.remote import Meta, RefusedError, UnsupportedTestError
from pairsmith.pipeline.sandbox.inside.serving import Line
from pairsmith.pipeline.sandbox.inside.session import Session
from pairsmith.schemas.values import encode_value

_MODULE = "tests"


def run_tester(load: dict[str, Any], nonce: bytes, frames: FrameReader, answers: int) -> None:
    """Run the tests of one problem: names that only the candidate binds mean the candidate's.

    The functions of the setup run here, on this side's own copy; so do its classes, unless the candidate defines a
    class of the same name. A builtin is never the candidate's, but for the entry point.
    """
    line = Line(nonce, frames, answers)
    session = Session(line.talk, is_test=True)
    session.not_reaching = ("names", "public", "derive")
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
    line.send(TESTED + encode_value([[["", *outcome]], notes(session)]).encode("ascii"))


def _outcome(
    code: types.CodeType, names: list[str], entry_point: str, namespace: dict[str, Any], session: Session
) -> list[str]:
    try:
        bound = session.request("names", names)
        bound[entry_point]  # it was there when the solution was loaded
        namespace.update(bound)
    except BaseException as error:
        session.is_broken = True
        return ["failed", type_name(error).decode()]
    twins = (enum.Enum, tuple)  # what such classes do happens here
    session.was_reached = any(
        isinstance(value, type) and (issubclass(value, twins) or value in session.shared)
        for value in bound.values()
    )
    found = bound[entry_point]
    if isinstance(found, type) and not isinstance(
        found, Meta
    ):  # a class of the standard library is this side's own
        session.was_reached = True
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
            and not session.overlaps
            and not isinstance(error, RefusedError)
        )
        return ["failed" if is_shown else "error", name]
    return ["passed", ""]


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
