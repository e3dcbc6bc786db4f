"""Tests of a problem: an assert as a typed case where that keeps its meaning, else an unchanged suite."""

import ast
import math
from typing import Any, get_args, get_type_hints

from pairsmith.pipeline.judging.tolerance import ISCLOSE_RTOL, MAX_REL_TOL
from pairsmith.pipeline.problems.constants import NotConvertibleError, Scope, constant
from pairsmith.pipeline.sandbox.inside.surroundings import PATCHABLE
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import JSON_INT, ValueTooLargeError, encode_value

_FRAMEWORKS = frozenset({"pytest", "unittest", "solution"})
# Each of these watches or changes the process that it is in, which holds no candidate.
_REACHING_IN = frozenset({"mocker", "capfd", "capsysbinary", "capfdbinary", "tracemalloc"})
_SOLUTION = "solution"
_STREAMS = ("sys.stdout", "sys.stderr")


def is_suite(tree: ast.Module) -> bool:
    """Return whether test code is a pytest or unittest module, by what it imports and defines."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return bool(_imported(tree) & _FRAMEWORKS) and any(node.name.startswith("test") for node in functions)


def why_no_suite(tree: ast.Module, entry_point: str) -> str:
    """Return why a suite can't be run apart from the candidate, in words, or an empty string."""
    origins = _origins(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) if name in _REACHING_IN:
                return f"the tests use {name}, which reaches into the process of the solution"
            case ast.alias(name=name) if name.rpartition(".")[2] in _REACHING_IN:
                return f"the tests use {name}, which reaches into the process of the solution"
            case ast.Call() if reached := _patched(node, origins):
                return f"the tests patch {reached}, which reaches into the process of the solution"
    if "solution" not in _imported(tree) and not any(
        isinstance(node, ast.Name) and node.id == entry_point for node in ast.walk(tree)
    ):
        return "no test reaches the solution"
    return ""


def _patched(call: ast.Call, origins: dict[str, str]) -> str:
    """Return what a call of `monkeypatch` or `mock.patch` changes that a solution would not see; "" for none."""
    path = ast.unparse(call.func).split(".")
    name = path[-1]
    if "monkeypatch" in path[:-1]:
        if name in ("setattr", "delattr", "setitem", "delitem"):
            return _unseen(call, origins)
        return "" if name in ("undo", "context", "setenv", "delenv", "chdir") else name
    if "patch" in path and path[-1] in ("patch", "object", "dict", "multiple"):
        return _unseen(call, origins)
    return ""


def _unseen(call: ast.Call, origins: dict[str, str]) -> str:
    """Return the target of a patch, unless it is the solution's, the tests' own, or crosses (`surroundings`)."""
    parts = [part.value if isinstance(part, ast.Constant) else None for part in call.args[:2]]
    if not parts:
        return "nothing"
    if isinstance(parts[0], str):
        target = parts[0]
    else:
        target = ast.unparse(call.args[0])
        root, _, rest = target.partition(".")
        if root not in origins:
            return "" if isinstance(call.args[0], ast.Name) else target
        attribute = parts[1] if len(parts) > 1 and isinstance(parts[1], str) else ""
        target = ".".join(part for part in (origins[root], rest, attribute) if part)
    module, _, name = target.partition(".")
    if module == _SOLUTION and name.count(".") < 2 and name.partition(".")[0] not in PATCHABLE:
        return "" if "." not in name or not isinstance(parts[0], str) else target
    target = name if module == _SOLUTION else target
    owner, _, name = target.rpartition(".")
    is_seen = name in PATCHABLE.get(owner, ()) or target.startswith("os.environ") or target in _STREAMS
    return "" if is_seen else target


def _origins(tree: ast.Module) -> dict[str, str]:
    """Return what the names that tests import refer to."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update({alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return found


def suite_code(tree: ast.Module, source: str, entry_point: str) -> str:
    """Return the module to run: the entry point is imported where the tests count on its being there."""
    if "solution" in _imported(tree):
        return source.strip("\n") + "\n"
    first = 0  # a docstring, and imports from the future, must stay at the top
    for node in tree.body:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.ImportFrom(module="__future__"):
                first = node.end_lineno or 0
    lines = source.split("\n")
    lines.insert(first, f"from solution import {entry_point}")
    return "\n".join(lines).strip("\n") + "\n"


def _imported(tree: ast.Module) -> set[str]:
    """Return the modules that tests import, or import from."""
    return {origin.partition(".")[0] for origin in _origins(tree).values()}


def why_no_tester(tree: ast.Module, callees: frozenset[str]) -> str:
    """Return why test code shows nothing about a candidate, in words, or an empty string.

    Args:
        callees: names that mean the candidate.
    """
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if not names & {callee.partition(".")[0] for callee in callees}:
        return "no test calls the entry point"
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    if any("pytest" in ast.unparse(node).split() for node in imports):
        return "the tests import pytest, but define no test function"
    return ""


def calls_to_add(tree: ast.Module, entry_point: str) -> list[str]:
    """Return the lines that run a test's functions: `check(f)`, and each `test_...()` that is never called."""
    called = {
        node.func.id
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    lines: list[str] = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name in called:
            continue
        n_parameters = len(node.args.args)
        if node.name == "check" and n_parameters == 1:
            owner, _, method = entry_point.rpartition(".")
            candidate = f"lambda *a, **k: {owner}().{method}(*a, **k)" if owner else entry_point
            lines.append(f"check({candidate})")
        elif node.name.startswith("test") and n_parameters == 0:
            lines.append(f"{node.name}()")
    return lines


def bound_names(tree: ast.AST) -> set[str]:
    """Return every name that some code binds, in whatever scope."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.arg(arg=name):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update((alias.asname or alias.name).split(".")[0] for alias in aliases)
            case ast.ExceptHandler(name=str(name)):
                names.add(name)
    return names


_VIEWS = frozenset(get_args(get_type_hints(Case)["view"])) - {""}


def case_of(test: ast.expr, scope: Scope) -> Case | None:
    """Return the case that an assert's test states, or None for one without content (`assert True`).

    Known: `f(...) == constant` both ways round, with one of Case's views around the call; `is None`; the
    call alone or under `not`; `abs(f(...) - c) < tolerance`; `math.isclose(f(...), c)`.

    Raises:
        NotConvertibleError: for every other form: they keep their meaning only in a tester.
    """
    if isinstance(test, ast.Constant) and test.value:
        return None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return Case(_arguments(test.operand, scope), encode_value(False), compare="falsy")
    if isinstance(test, ast.Call) and scope.math_name(test.func) == "isclose":
        return _isclose(test, scope)
    if isinstance(test, ast.Call):
        return Case(_arguments(test, scope), encode_value(True), compare="truthy")
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _comparison(test.left, test.ops[0], test.comparators[0], scope)
    raise NotConvertibleError(f"assert of the form {type(test).__name__}")


def is_call_of(node: ast.AST, callees: frozenset[str]) -> bool:
    """Return whether an expression calls the candidate."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in callees


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr, scope: Scope) -> Case:
    match op:
        case ast.Eq():
            return _equality(left, right, scope)
        case ast.Is() if isinstance(right, ast.Constant) and right.value is None:
            return _equality(left, right, scope)  # None equals nothing else
        case ast.Is():
            # `f(x) is True` refuses 1, `==` takes it: not the same test.
            raise NotConvertibleError("assert with `is` of more than None")
        case ast.Lt() | ast.LtE():
            return _tolerance(left, right, scope, strict=isinstance(op, ast.Lt))
        case ast.Gt() | ast.GtE():
            return _tolerance(right, left, scope, strict=isinstance(op, ast.Gt))
    raise NotConvertibleError(f"assert with the comparison {type(op).__name__}")


def _equality(left: ast.expr, right: ast.expr, scope: Scope) -> Case:
    answer, expected = (left, right) if _reaches(left, scope) else (right, left)
    view, call = _viewed(answer, scope)
    return Case(_arguments(call, scope), _encoded(constant(expected, scope), scope), view=view)


def _tolerance(distance: ast.expr, limit: ast.expr, scope: Scope, strict: bool) -> Case:
    """Return the case of `abs(f(...) - c) < limit`; `approx` takes a distance of `atol` too, `<` not."""
    match distance:
        case ast.Call(func=func, args=[ast.BinOp(left=left, op=ast.Sub(), right=right)], keywords=[]) if (
            scope.math_name(func) == "fabs"
            or (isinstance(func, ast.Name) and func.id == "abs" and scope.is_builtin("abs"))
        ):
            answer, expected = (left, right) if _reaches(left, scope) else (right, left)
            atol = _number(limit, scope)
            return _close(answer, expected, math.nextafter(atol, -math.inf) if strict else atol, scope)
    raise NotConvertibleError("assert of an order")


def _isclose(test: ast.Call, scope: Scope) -> Case:
    options = {keyword.arg: _number(keyword.value, scope) for keyword in test.keywords}
    if len(test.args) != 2 or not options.keys() <= {"rel_tol", "abs_tol"}:
        raise NotConvertibleError("isclose with other arguments")
    rel_tol, abs_tol = options.get("rel_tol", ISCLOSE_RTOL), options.get("abs_tol", 0.0)
    answer, expected = test.args if _reaches(test.args[0], scope) else reversed(test.args)
    if rel_tol > MAX_REL_TOL:
        raise NotConvertibleError(f"isclose with rel_tol over {MAX_REL_TOL}")
    return _close(answer, expected, max(rel_tol * abs(_number(expected, scope)), abs_tol), scope)


def _close(answer: ast.expr, expected: ast.expr, atol: float, scope: Scope) -> Case:
    if not 0.0 <= atol < math.inf:
        raise NotConvertibleError("assert with a tolerance that is no distance")
    value = _number(expected, scope)
    # As a float, because two ints are never merely close to the judge.
    return Case(_arguments(answer, scope), encode_value(float(value)), compare="approx", atol=atol)


def _viewed(node: ast.expr, scope: Scope) -> tuple[Any, ast.expr]:
    """Return the view around the candidate's call (one of Case's), and the call."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in _VIEWS:
            return (name, inner) if scope.is_builtin(name) else ("", node)
    return "", node


def _arguments(call: ast.expr, scope: Scope) -> str:
    if not is_call_of(call, scope.callees):
        raise NotConvertibleError("assert of more than one call's answer")
    assert isinstance(call, ast.Call)
    return _encoded([constant(arg, scope) for arg in _positional(call, scope)], scope)


def _positional(call: ast.Call, scope: Scope) -> list[ast.expr]:
    """Return a call's arguments by position; keywords find theirs where the signature is known."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    by_name = scope.parameters[len(call.args) : len(call.args) + len(named)]
    if any(isinstance(arg, ast.Starred) for arg in call.args) or set(by_name) != named.keys():
        raise NotConvertibleError("call with starred arguments, or with keywords of an unknown signature")
    return [*call.args, *(named[name] for name in by_name)]


def _encoded(value: Any, scope: Scope) -> str:
    try:
        text = encode_value(value)
    except ValueTooLargeError as error:
        raise NotConvertibleError(str(error)) from None
    scope.n_bytes_left -= len(text)
    if scope.n_bytes_left < 0:
        raise NotConvertibleError("values that are too long together")
    return text


def _number(node: ast.expr, scope: Scope) -> float:
    value = constant(node, scope)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotConvertibleError("tolerance around something that is no number")
    if isinstance(value, int) and abs(value) > JSON_INT:
        raise NotConvertibleError("tolerance around an int that no float holds")
    return value


def _reaches(node: ast.expr, scope: Scope) -> bool:
    return any(isinstance(part, ast.Name) and part.id in scope.callees for part in ast.walk(node))
