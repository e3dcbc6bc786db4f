"""Finds the classes that a solution takes from its tests, as in one process with them."""

import ast
import inspect
import types

_SMALL = (None, 0, 1, -1)


def taken_classes(tests: str, code: str) -> tuple[str, str]:
    """Return the classes of nodes that a solution takes from its tests, as a setup, and the tests without them.

    In one process with its tests a solution may use their `ListNode` or `TreeNode` when it is called. Such a class
    crosses where its methods only set and show its own attributes: they say nothing of what is expected.
    """
    try:
        tree, (at_load, in_calls) = (
            ast.parse(tests),
            _names(compile(code, "<solution>", "exec", dont_inherit=True)),
        )
    except (SyntaxError, ValueError, RecursionError):
        return "", tests
    wanted = in_calls - at_load
    found = [
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in wanted and _is_node(node)
    ]
    lines = tests.splitlines(keepends=True)
    setup = "".join("".join([*lines[node.lineno - 1 : node.end_lineno], "\n"]) for node in found)
    for node in found:
        for place in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[place] = "\n"
    return "\n" + setup if setup else "", "".join(lines)


def _names(code: types.CodeType) -> tuple[set[str], set[str]]:
    """Return the global names that a program uses while it loads, and those that its functions use."""
    at_load, in_calls = (
        (set(), set(code.co_names)) if code.co_flags & inspect.CO_OPTIMIZED else (set(code.co_names), set())
    )
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            loaded, called = _names(part)
            at_load, in_calls = at_load | loaded, in_calls | called
    return at_load, in_calls


def _is_node(node: ast.ClassDef) -> bool:
    if node.bases or node.keywords or node.decorator_list:
        return False
    allowed = {node.name, "str", "repr", "isinstance", "int", "object"}
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name.startswith("__"):
            names = {inner.arg for inner in ast.walk(part) if isinstance(inner, ast.arg)}
            names |= {
                inner.id
                for inner in ast.walk(part)
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
            }
            for inner in ast.walk(part):
                if isinstance(inner, ast.Name) and inner.id not in allowed | names:
                    return False
                if (
                    isinstance(inner, ast.Constant)
                    and inner.value not in _SMALL
                    and not isinstance(inner.value, str)
                ):
                    return False
        elif not (
            isinstance(part, ast.Pass) or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        ):
            return False
    return True
