"""What tests must not do if they run in a sandbox of their own, away from the candidate.

There the entry point is a function that sends plain values, by position, to the candidate's sandbox and gives
plain values back: None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, nested. What
the candidate raises reaches the tests as one type of exception.
"""

import ast
import builtins
from collections.abc import Iterator

_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__"}
_LAZY = frozenset({"range", "map", "filter", "zip", "iter", "enumerate", "reversed", "object", "open"})
_PLAIN_PARTS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Starred)


def why_no_tester(tree: ast.Module, before: ast.Module, callees: frozenset[str]) -> str:
    """Return why test code can't work in a tester, in words, or an empty string.

    Args:
        tree: the test code.
        before: the setup, whose names the tester knows too.
        callees: names that mean the candidate.
    """
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in callees]
    if not calls:
        return "no test calls the entry point"
    return (
        _unknown_names(tree, before, callees)
        or _attributes(tree, callees)
        or _keywords(tree, callees)
        or _exceptions(tree, callees)
        or _changed_arguments(tree, callees)
        or _foreign_arguments(tree, before, callees)
    )


def calls_to_add(tree: ast.Module, entry_point: str) -> list[str]:
    """Return the lines that run a test's functions: `check(f)`, and each `test_...()` that nobody calls."""
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
            lines.append(f"check({entry_point})")
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


def _unknown_names(tree: ast.Module, before: ast.Module, callees: frozenset[str]) -> str:
    known = bound_names(tree) | bound_names(before) | callees | _BUILTINS
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    unknown = sorted(used - known)
    return f"the tests use {', '.join(unknown)}, which only the solution defines" if unknown else ""


def _attributes(tree: ast.Module, callees: frozenset[str]) -> str:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in callees:
                return f"the tests read {name}.{attribute}"
    return ""


def _keywords(tree: ast.Module, callees: frozenset[str]) -> str:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), keywords=[_, *_]) if name in callees:
                return "the tests pass keyword arguments"
    return ""


def _exceptions(tree: ast.Module, callees: frozenset[str]) -> str:
    """Look for calls under `try` or `with raises(...)`: such tests ask for a type that does not come back."""
    for node in ast.walk(tree):
        in_try = isinstance(node, ast.Try)
        in_raises = isinstance(node, ast.With) and "raises" in ast.unparse(node.items[0]).lower()
        watched = node.body if isinstance(node, ast.Try | ast.With) and (in_try or in_raises) else []
        names = (part for statement in watched for part in ast.walk(statement))
        if any(isinstance(part, ast.Name) and part.id in callees for part in names):
            return "the tests look at what the solution raises"
    return ""


def _changed_arguments(tree: ast.Module, callees: frozenset[str]) -> str:
    """Look for `f(x)` as a statement: such a test then looks at what the call did to `x`, over there."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Call(func=ast.Name(id=callee), args=args)) if callee in callees:
                if any(isinstance(arg, ast.Name) for arg in args):
                    return f"the tests look at what {callee} does to its argument"
    return ""


def _foreign_arguments(tree: ast.Module, before: ast.Module, callees: frozenset[str]) -> str:
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    code = {
        node.name: isinstance(node, ast.ClassDef)
        for part in (tree, before)
        for node in ast.walk(part)
        if isinstance(node, definitions)
    }
    own = bound_names(tree) | bound_names(before)
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in callees):
            continue
        for part in _parts([*call.args, *(keyword.value for keyword in call.keywords)]):
            match part:
                case ast.Lambda() | ast.GeneratorExp():
                    return f"the tests pass a {type(part).__name__}"
                case ast.Name(id=name) if name in code or (name in _BUILTINS and name not in own):
                    return f"the tests pass the function or class {name}"
                case ast.Call(func=ast.Name(id=name)) if code.get(name) or (name in _LAZY and name not in own):
                    return f"the tests pass an object made by {name}(...)"
    return ""


def _parts(nodes: list[ast.expr]) -> Iterator[ast.AST]:
    """Give the expressions that end up in a value, through lists, tuples, sets and dicts."""
    for node in nodes:
        if isinstance(node, _PLAIN_PARTS):
            inner = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
            yield from _parts(inner)
        else:
            yield node
