"""One assert of a test as a typed case, where that keeps its meaning."""

import ast
import math
from typing import Any, get_args, get_type_hints

from pairsmith.pipeline.judging.tolerance import ISCLOSE_RTOL, MAX_REL_TOL
from pairsmith.pipeline.problems.convert.constants import NotConvertibleError, Scope, constant
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import JSON_INT, ValueTooLargeError, encode_value

_VIEWS = frozenset(get_args(get_type_hints(Case)["view"])) - {""}


def case_of(test: ast.expr, scope: Scope) -> Case | None:
    """Return the case that an assert's test says, or None for one that says nothing (`assert True`).

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
            scope.math_name(func) == "fabs" or _is_builtin(func, "abs", scope)
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


def _is_builtin(node: ast.expr, name: str, scope: Scope) -> bool:
    return isinstance(node, ast.Name) and node.id == name and scope.is_builtin(name)
