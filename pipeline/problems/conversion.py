"""Assert-style tests (HumanEval's `check`, MBPP's `test_list`) as typed cases, or as code for a tester.

If every assert of a problem has a typed form, the problem is judged by cases: the candidate meets inputs
only. Otherwise the whole test runs unchanged in its own sandbox (`tester`). What neither can take is
kept with the reason.
"""

import ast
import builtins
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.problems.asserts import (
    bound_names,
    calls_to_add,
    case_of,
    is_call_of,
    is_suite,
    suite_code,
    why_no_suite,
    why_no_tester,
)
from pairsmith.pipeline.problems.constants import (
    NotConvertibleError,
    Scope,
    constant,
    is_mutable,
    simple_classes,
    with_attribute,
)
from pairsmith.schemas.problem import Case, JudgedBy

_MATH_MODULE = "math"
MAX_NODES = 150_000  # of a syntax tree, about 2 MiB of asserts; published tests have a tenth


class TestSyntaxError(ValueError):
    """Tests that are not Python; the message names line and reason."""

    __test__ = False  # pytest: not a test class


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a problem's tests became."""

    judged_by: JudgedBy
    cases: tuple[Case, ...] = ()  # for `cases`; empty otherwise
    test_code: str = ""  # for `tester` and `suite`; empty otherwise
    reason: str = ""  # why the tests are not cases, or not even a tester's; empty for `cases`


def convert_tests(source: str, entry_point: str, setup: str = "", parameters: tuple[str, ...] = ()) -> Conversion:
    """Return a problem's tests as cases, as a tester's code, or as nothing, with the reason.

    Args:
        source: Python: assert statements, or a function `check(candidate)` as HumanEval has it, or a pytest or
            unittest module (see `tester`).
        entry_point: the function that the tests call; `check`'s parameter means it too.
        setup: code that runs before the candidate's and before the tests.
        parameters: names of the entry point's parameters, by which keyword arguments find their position.

    Raises:
        TestSyntaxError: if `source` or `setup` is not Python.
    """
    try:
        return _convert(source, entry_point, setup, parameters)
    except RecursionError:
        raise TestSyntaxError("nested too deep") from None


def _convert(source: str, entry_point: str, setup: str, parameters: tuple[str, ...]) -> Conversion:
    tree, before = parse(source), parse(setup)
    if is_suite(tree):
        obstacle = why_no_suite(tree, entry_point)
        if obstacle:
            return Conversion(JudgedBy.NOTHING, reason=obstacle)
        code, reason = suite_code(tree, source, entry_point), "a pytest or unittest module"
        return Conversion(JudgedBy.SUITE, test_code=code, reason=reason)
    checks = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check")
    check = next((node for node in checks if len(node.args.args) == 1), None)
    callees = frozenset({entry_point} | ({check.args.args[0].arg} if check else set()))
    try:
        classes = simple_classes(before)
        scope = Scope(callees, hidden=bound_names(before) - callees, parameters=parameters, classes=classes)
        _bind_imports([node for node in before.body if isinstance(node, ast.Import | ast.ImportFrom)], scope)
        around = [
            node
            for node in tree.body
            if node is not check
            and not (check and isinstance(node, ast.Expr) and is_call_of(node.value, frozenset({"check"})))
        ]
        cases = _cases([*around, *(check.body if check else ())], scope)
    except (NotConvertibleError, ArithmeticError) as error:
        return _for_tester(tree, source, entry_point, callees, str(error))
    if not cases:
        return Conversion(JudgedBy.NOTHING, reason="no assert calls the entry point")
    return Conversion(JudgedBy.CASES, cases=tuple(cases))


def parse(source: str) -> ast.Module:
    """Return the syntax tree of test code.

    Raises:
        TestSyntaxError: if it is not Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in a test is the test's affair
            tree = parse_python(source)
        if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
            raise TestSyntaxError(f"more than {MAX_NODES:,} parts")
    except TestSyntaxError:
        raise
    except SyntaxError as error:
        raise TestSyntaxError(f"line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise TestSyntaxError(f"{type(error).__name__}: {error}") from None
    return tree


def _for_tester(
    tree: ast.Module, source: str, entry_point: str, callees: frozenset[str], reason: str
) -> Conversion:
    obstacle = why_no_tester(tree, callees)
    if obstacle:
        return Conversion(JudgedBy.NOTHING, reason=f"{reason}; {obstacle}")
    # Tests that draw numbers must draw the same ones each time.
    seed = ['__import__("random").seed(0)'] if "random" in source else []
    lines = [*seed, source.strip("\n"), *calls_to_add(tree, entry_point)]
    return Conversion(JudgedBy.TESTER, test_code="\n".join(lines) + "\n", reason=reason)


def _cases(body: Iterable[ast.stmt], scope: Scope) -> list[Case]:
    cases: list[Case] = []
    for node in body:
        match node:
            case ast.Assert(test=test):
                case = case_of(test, scope)
                if case is not None:
                    _spend(test, scope)
                    cases.append(case)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                _assign(name, value, scope)
            case ast.Assign(targets=[ast.Attribute() as target], value=value):
                _set_attribute(target, value, scope)
            case ast.Import() | ast.ImportFrom():
                _bind_imports([node], scope)
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case ast.Expr(value=ast.Name(id=name)) if hasattr(builtins, name):
                pass  # HumanEval/129 holds a bare `print`
            case _:
                raise NotConvertibleError(f"statement {type(node).__name__}")
    return cases


def _spend(test: ast.expr, scope: Scope) -> None:
    """Forget the mutable variables that a test has used: the call may have changed them.

    Raises:
        NotConvertibleError: if one is used twice in the test.
    """
    names = [node.id for node in ast.walk(test) if isinstance(node, ast.Name) and node.id in scope.values]
    for name in names:
        if is_mutable(scope.values.get(name)):
            if names.count(name) > 1:
                raise NotConvertibleError(f"{name} is used twice and may change between")
            del scope.values[name]
            scope.hidden.add(name)


def _assign(name: str, node: ast.expr, scope: Scope) -> None:
    if name in scope.callees:
        raise NotConvertibleError(f"{name} is assigned")
    value = constant(node, scope)
    used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    if is_mutable(value) and any(is_mutable(scope.values.get(other)) for other in used):
        raise NotConvertibleError(f"{name} may share parts with another variable")
    scope.values[name] = value
    scope.hidden.discard(name)
    scope.math = {path: real for path, real in scope.math.items() if path.split(".")[0] != name}


def _set_attribute(target: ast.Attribute, node: ast.expr, scope: Scope) -> None:
    """Follow `root.left.right = ...` where `root` is a known object."""
    path: list[str] = []
    owner: ast.expr = target
    while isinstance(owner, ast.Attribute):
        path.insert(0, owner.attr)
        owner = owner.value
    if not isinstance(owner, ast.Name) or owner.id not in scope.values:
        raise NotConvertibleError(f"an attribute of {ast.unparse(owner)} is assigned")
    if any(isinstance(part, ast.Name) and is_mutable(scope.values.get(part.id)) for part in ast.walk(node)):
        raise NotConvertibleError(f"{owner.id} may share parts with another variable")
    try:
        scope.values[owner.id] = with_attribute(scope.values[owner.id], path, constant(node, scope))
    except ValueError as error:
        raise NotConvertibleError(str(error)) from None


def _bind_imports(nodes: Iterable[ast.stmt], scope: Scope) -> None:
    for node in nodes:
        assert isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names:
            bound = (alias.asname or alias.name).split(".")[0]
            if alias.name == "*" or bound in scope.callees:
                raise NotConvertibleError("import that may cover the entry point")
            scope.values.pop(bound, None)
            scope.hidden.add(bound)
            if isinstance(node, ast.ImportFrom) and node.module == _MATH_MODULE:
                scope.math[bound] = alias.name
            elif isinstance(node, ast.Import) and alias.name == _MATH_MODULE:
                names = ("isclose", "fabs", "pi", "e", "tau", "inf", "nan")
                scope.math.update({f"{bound}.{name}": name for name in names})
