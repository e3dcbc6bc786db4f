"""Test code that runs in a sandbox of its own and reaches the candidate by requests."""

import ast


def why_no_tester(tree: ast.Module, callees: frozenset[str]) -> str:
    """Return why test code shows nothing about a candidate, in words, or an empty string.

    Args:
        tree: the test code.
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
