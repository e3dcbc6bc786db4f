"""Test code that runs in a sandbox of its own and reaches the candidate by requests: functions, and suites.

A suite is a pytest or unittest module. It imports what it tests from `solution`: functions, classes, constants and
exception types of the candidate. It runs under the real pytest, so its own imports, fixtures, parameters and marks
work; what reaches into the candidate's process (patches, captured output) can't.
"""

import ast

_FRAMEWORKS = frozenset({"pytest", "unittest", "solution"})
# Each of these watches or changes the process that it is in, which holds no candidate.
_REACHING_IN = frozenset(
    {"monkeypatch", "mock", "mocker", "patch", "capsys", "capfd", "capsysbinary", "capfdbinary", "caplog",
     "recwarn", "Mock", "MagicMock", "redirect_stdout", "redirect_stderr", "getsource", "signature", "tracemalloc"}
)  # fmt: skip


def is_suite(tree: ast.Module) -> bool:
    """Return whether test code is a pytest or unittest module, by what it imports and defines."""
    return bool(_imported(tree) & _FRAMEWORKS) and _has_test(tree)


def why_no_suite(tree: ast.Module, entry_point: str) -> str:
    """Return why a suite can't be run apart from the candidate, in words, or an empty string."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) if name in _REACHING_IN:
                return f"the tests use {name}, which reaches into the process of the solution"
            case ast.alias(name=name) if name.rpartition(".")[2] in _REACHING_IN:
                return f"the tests use {name}, which reaches into the process of the solution"
    if "solution" not in _imported(tree) and not _names(tree, entry_point):
        return "no test reaches the solution"
    return ""


def suite_code(tree: ast.Module, source: str, entry_point: str) -> str:
    """Return the module to run: the entry point is imported where the tests count on its being there."""
    if "solution" in _imported(tree):
        return source.strip("\n") + "\n"
    future = [node.end_lineno or 0 for node in tree.body if _is_first(node)]
    lines = source.split("\n")
    lines.insert(max(future, default=0), f"from solution import {entry_point}")
    return "\n".join(lines).strip("\n") + "\n"


def _is_first(node: ast.stmt) -> bool:
    """Return whether a statement must stay at the top: a docstring, or an import from the future."""
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def _names(tree: ast.Module, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


def _has_test(tree: ast.Module) -> bool:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(node.name.startswith("test") for node in functions)


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
