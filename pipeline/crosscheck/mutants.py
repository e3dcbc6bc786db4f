"""How many small mistakes in a right solution the problem's own tests notice.

Mutation analysis after DeMillo, Lipton and Sayward 1978 (doi:10.1109/C-M.1978.218136): tests that let a changed
program pass would let a wrong candidate pass. A mutant that does the same as the solution on every known input may
be no change at all, and is not counted.
"""

import ast
import copy
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pairsmith.pipeline.crosscheck.run import UNKNOWN, answer_keys, reading_of, run_on_inputs
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Label

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.Div: (ast.FloorDiv,),
    ast.FloorDiv: (ast.Div,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
}


@dataclass(frozen=True, slots=True)
class Adequacy:
    """Mutants that behave differently on some known input, and those of them that fail the problem's own tests."""

    n_mutants: int
    n_killed: int


def make_mutants(source: str, n: int, seed: str) -> list[str]:
    """Return up to n programs that differ from the source by one change each, drawn over all places alike.

    Changes: another comparison or operator, a number by one more or less, `and` for `or`, a condition negated, a
    statement left out, a return value replaced by None.

    Args:
        source: a Python program; one that doesn't parse has no mutants.
        n: programs at most.
        seed: of the draw.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    original = ast.unparse(tree)
    mutants = {ast.unparse(ast.fix_missing_locations(mutant)) for mutant in _mutants(tree)} - {original}
    ordered = sorted(mutants)
    random.Random(seed).shuffle(ordered)
    return ordered[:n]


def measure_adequacy(
    problem: Problem, source: str, inputs: Sequence[str], n: int, seed: int, pool: SandboxPool
) -> Adequacy:
    """Return how many mutants of a right solution there are, and how many the problem's tests kill.

    Args:
        problem: the problem with its tests.
        source: a right solution.
        inputs: all inputs known, the tests' own and derived ones, by which mutants that change nothing are told.
        n: mutants at most.
        seed: of the draw.
        pool: where mutants run.
    """
    mutants = make_mutants(source, n, f"{seed}:{problem.problem_id}")
    if not mutants:
        return Adequacy(0, 0)
    rows = [
        Program(f"mutant{place}", problem.problem_id, Extraction.OK, "bare", code)
        for place, code in enumerate(mutants)
    ]
    verdicts = [judge(problem, done) for done in execute_programs(rows, {problem.problem_id: problem}, pool)]
    killed = {verdict.candidate_id for verdict in verdicts if verdict.label is Label.FAILED}
    alive = [row for row in rows if row.candidate_id not in killed]
    n_changed = _count_changed(problem, source, alive, inputs, pool) if alive and inputs else 0
    return Adequacy(len(killed) + n_changed, len(killed))


def _count_changed(
    problem: Problem, source: str, alive: Sequence[Program], inputs: Sequence[str], pool: SandboxPool
) -> int:
    """Return how many of these do otherwise than the source on some input that the source answers."""
    reading = reading_of(problem.cases)
    sources = [source, *(row.code for row in alive)]
    first, *others = (
        answer_keys(ran, len(inputs), reading) for ran in run_on_inputs(problem, sources, inputs, pool)
    )
    return sum(
        any(mine != theirs for mine, theirs in zip(first, other, strict=True) if mine != UNKNOWN)
        for other in others
    )


def _mutants(tree: ast.Module) -> Iterator[ast.Module]:
    """Give each mutant as a tree of its own."""
    nodes = list(ast.walk(tree))
    for place, node in enumerate(nodes):
        for change in range(_n_changes(node)):
            mutant = copy.deepcopy(tree)
            _apply(list(ast.walk(mutant))[place], change)
            yield mutant


def _n_changes(node: ast.AST) -> int:
    match node:
        case ast.Compare():
            return len(_COMPARISONS.get(type(node.ops[0]), ()))
        case ast.BinOp() | ast.AugAssign():
            return len(_OPERATORS.get(type(node.op), ()))
        case ast.BoolOp() | ast.If() | ast.While() | ast.IfExp():
            return 1
        case ast.Constant(value=value) if type(value) is int or type(value) is bool:
            return 2 if type(value) is int else 1
        case ast.Return(value=value) if value is not None:
            return 1
        case ast.FunctionDef() | ast.For():
            return sum(_is_removable(part) for part in node.body) if len(node.body) > 1 else 0
    return 0


def _apply(node: ast.AST, change: int) -> None:
    match node:
        case ast.Compare():
            node.ops[0] = _COMPARISONS[type(node.ops[0])][change]()
        case ast.BinOp() | ast.AugAssign():
            node.op = _OPERATORS[type(node.op)][change]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.If() | ast.While() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Constant(value=value):
            node.value = not value if type(value) is bool else value + (1 if change == 0 else -1)  # type: ignore[operator]
        case ast.Return():
            node.value = ast.Constant(None)
        case ast.FunctionDef() | ast.For():
            removable = [place for place, part in enumerate(node.body) if _is_removable(part)]
            del node.body[removable[change]]


def _is_removable(statement: ast.stmt) -> bool:
    """Return whether a statement does something by itself: no docstring, no definition, no return."""
    return isinstance(statement, (ast.Assign, ast.AugAssign, ast.Expr, ast.If, ast.For, ast.While)) and not (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
