"""Text and pickles that tests run: a candidate may have written them, and its code must not act among the tests.

`eval(f(x))` and `pickle.loads(f(x))` run here. What is no text of the tests' own may compute with values and
define functions. It may not import, look at private attributes, define operators, or name what only tests have.
"""

from __future__ import annotations

import ast
import builtins
import codecs
import inspect
import io
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

from pairsmith.pipeline.sandbox.inside import layouts
from pairsmith.pipeline.sandbox.inside.remote import Remote, UnsupportedTestError

OF_TESTS = ("tests", "test_solution")
# Builtins that lead to the code or the names of who calls them.
ACTING = (
    "eval", "exec", "compile", "open", "getattr", "setattr", "delattr", "vars", "globals", "locals", "input",
    "type", "breakpoint", "super", "help", "exit", "quit", "memoryview", "dir", "__import__", "__build_class__",
)  # fmt: skip
_REAL = [vars(builtins)[name] for name in ACTING if name in vars(builtins)]  # whatever tests patch
_ENDING = ("BaseException", "SystemExit", "KeyboardInterrupt", "GeneratorExit")  # of a test, or of all of them
_SAFE = {name for name in vars(builtins) if name not in (*ACTING, *_ENDING) and not name.startswith("__")}
_FRAMES = ("_", "gi_", "cr_", "ag_", "tb_", "f_", "co_", "format", "mro")  # how attributes that lead out begin
_CLOSED = (
    ast.Import,
    ast.ImportFrom,
    ast.Global,
    ast.Nonlocal,
    getattr(ast, "MatchClass", ast.Import),
)  # Python 3.9
_OF_HINTS = (ast.Expression, ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.Constant, ast.BinOp,
             ast.BitOr, ast.Load, ast.Starred, ast.UnaryOp, ast.USub)  # fmt: skip
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_MODULES = ("math", "cmath")  # which have nothing but functions and numbers


def is_acting(value: Any) -> bool:
    """Return whether a function is one of `ACTING`, as Python has it or as tests have it here."""
    is_ours = type(value) is types.FunctionType and value.__module__ == __name__
    return is_ours or any(value is one for one in _REAL)


def guard_texts(code: str) -> None:
    """Check what the tests evaluate, execute and unpickle from now on, as far as their code does.

    Args:
        code: of the tests and their setup.
    """
    if any(name in code for name in ("typing", "annotations", "signature", "singledispatch")):
        typing.compile, inspect.eval = _hints_only(compile), _hints_only(eval)  # type: ignore[attr-defined]
    if any(name in code for name in ("eval", "exec", "compile")):
        own = _constants(code)
        builtins.eval, builtins.exec = _checked(eval, own), _checked(exec, own)
        builtins.compile = _compiling(compile, own)
    if "pickle" in code:
        import pickle

        pickle.dumps, pickle.loads, pickle.load = _pickling(pickle)


def _hints_only(real: Callable[..., Any]) -> Callable[..., Any]:
    """Return what evaluates type hints that are text: names and their parts."""

    def checked(source: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(source, str) and not _is_hint(source):
            raise UnsupportedTestError("a type hint that is code")
        return real(source, *arguments, **options)

    return checked


def _is_hint(text: str) -> bool:
    try:
        nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    except (SyntaxError, ValueError, RecursionError):
        return True  # nobody can evaluate it
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    names = [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    is_plain = all(isinstance(node, _OF_HINTS) for node in nodes) and not any(name[:1] == "_" for name in names)
    return is_plain and all(map(_is_hint, texts))


def _constants(code: str) -> set[str]:
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError):
        return set()
    return {_bare(node.value) for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _bare(text: str) -> str:
    return "".join(text.split())  # tests dedent their texts


def _checked(real: Callable[..., Any], own: set[str]) -> Callable[..., Any]:
    """Return an `eval` or `exec` for the tests."""

    def run(source: Any, space: Any = None, names: Any = None, /, **options: Any) -> Any:
        frame = sys._getframe(1)
        space, names = options.pop("globals", space), options.pop("locals", names)  # from Python 3.13 on
        given = None if space is None or space is frame.f_globals else {**space, **(names or {})}
        if space is None:
            space, names = frame.f_globals, frame.f_locals if names is None else names
        if frame.f_globals.get("__name__") in OF_TESTS and not isinstance(source, types.CodeType):
            known = {**frame.f_globals, **frame.f_locals} if given is None else given
            _check(source, own, known, is_given=given is not None)
            if isinstance(source, str):  # without the rules of this module's own text
                text = source.strip(" \t") if real is _eval else source
                source = _compile(text, "<string>", real.__name__, 0, True)
        return real(source, space, names, **options)

    return run


def _compiling(real: Callable[..., Any], own: set[str]) -> Callable[..., Any]:
    def run(source: Any, *arguments: Any, **options: Any) -> Any:
        if sys._getframe(1).f_globals.get("__name__") in OF_TESTS:
            _check(source, own, {}, is_given=True)
        return real(source, *arguments, **options)

    return run


_eval, _compile = eval, compile


def _check(source: Any, own: set[str], known: dict[str, Any], is_given: bool) -> None:
    """Refuse what may do more than compute.

    Args:
        known: the names that it may find.
        is_given: whether the tests gave it these; else they are all of their own names.

    Raises:
        UnsupportedTestError: if it may.
    """
    if isinstance(source, str) and _bare(source) in own:
        return
    try:
        text = source if isinstance(source, (str, ast.AST)) else bytes(source)
        tree = text if isinstance(text, ast.AST) else ast.parse(text.strip() if isinstance(text, str) else text)
    except (SyntaxError, ValueError, TypeError, RecursionError):
        return  # as it will say itself
    nodes = list(ast.walk(tree))
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.name for node in nodes if isinstance(node, _DEFINITIONS)}
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    attributes = [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    is_closed = any(isinstance(node, _CLOSED) for node in nodes)
    is_closed = is_closed or any(name.startswith(_FRAMES) for name in attributes)
    is_closed = is_closed or any(name.startswith("__") and name != "__init__" for name in bound | used)
    if is_closed or not all(name in bound or _is_open(name, known, is_given) for name in used):
        raise UnsupportedTestError("text of the candidate's that is run among the tests")


def _is_open(name: str, known: dict[str, Any], is_given: bool) -> bool:
    if name not in known:
        return name in _SAFE or name not in vars(builtins)
    value = known[name]
    if isinstance(value, types.ModuleType):
        return value.__name__ in _MODULES
    return is_given or isinstance(value, Remote) or hasattr(value, "__peer__")


def _pickling(pickle: Any) -> tuple[Callable[..., Any], ...]:
    """Return `dumps`, `loads` and `load`: pickles that the tests did not make hold values of plain classes."""
    made: set[bytes] = set()
    dumps = pickle.dumps

    class Plain(pickle.Unpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            module = "builtins" if module == "__builtin__" else module  # before protocol 3
            if (module, name) == ("_codecs", "encode"):
                return codecs.encode
            kind = layouts.TYPES.get(name)
            if kind is None or layouts.is_heap(kind) or kind.__module__ != module or name in ACTING:
                raise UnsupportedTestError("a pickle of the candidate's")
            return kind

    def dump(value: Any, *arguments: Any, **options: Any) -> bytes:
        data: bytes = dumps(value, *arguments, **options)
        made.add(data)
        return data

    def load(file: Any, **options: Any) -> Any:
        place = file.tell()
        data = file.read()
        known = io.BytesIO(data)
        found = (pickle.Unpickler if data in made else Plain)(known, **options).load()
        file.seek(place + known.tell())
        return found

    return dump, lambda data, /, **options: load(io.BytesIO(data), **options), load
