"""Small changes: of values, in ways that respect their type, and of programs, which gives mutants.

How many small mistakes in a right solution the problem's own tests notice is mutation analysis after DeMillo,
Lipton and Sayward 1978 (doi:10.1109/C-M.1978.218136): tests that let a changed program pass would let a wrong
candidate pass. A mutant that does the same as the solution on every known input may be no change at all, and is
not counted.
"""

import ast
import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pairsmith.pipeline.crosscheck.run import UNKNOWN, answer_keys, reading_of, run_on_inputs
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Label

MAX_TEXT = 2_000
_MAX_PARTS = 200  # of a derived container: larger ones only cost time
# For containers that hold values of several types.
_ANY: tuple[Any, ...] = (True, False, None, 0, -10, "test", [], {}, 3.14, 2.0)

Changes = Callable[[Any, random.Random, Sequence[Any]], Any]


def change_value(value: Any, chance: random.Random, pool: Sequence[Any]) -> Any:
    """Return a value of the same type that differs by one change, or another one from the pool.

    Args:
        value: a decoded value; a value of a type without mutations is returned unchanged.
        pool: values that stood in its place in other inputs, and parts of these.
    """
    same = [other for other in pool if type(other) is type(value)]
    if same and chance.random() < 0.15:
        return chance.choice(same)
    change = _CHANGES.get(type(value))
    return value if change is None else change(value, chance, pool)


def _change_bool(value: bool, chance: random.Random, pool: Sequence[Any]) -> bool:
    return not value


def _change_int(value: int, chance: random.Random, pool: Sequence[Any]) -> int:
    steps = [value + 1, value - 1] * 2
    return chance.choice([*steps, value * 2, value // 2, -value, value + 10, value * 10])


def _change_float(value: float, chance: random.Random, pool: Sequence[Any]) -> float:
    if value - value != 0.0:
        return value
    whole = float(round(value))
    return chance.choice([value + 1, value - 1, value * 2, value / 2, -value, whole, round(value, 1), value + 0.5])


def _change_str(value: str, chance: random.Random, pool: Sequence[Any]) -> str:
    at = chance.randrange(len(value) + 1)
    letters = "".join(other for other in pool if type(other) is str) or "a"
    other = chance.choice([other for other in pool if type(other) is str] or [value])
    changed = [
        value[:at] + value[at + 1 :],
        value[:at] + chance.choice(letters) + value[at:],
        value[:at] + chance.choice(letters) + value[at + 1 :],
        value[:at] + value[at : at + 1] * 2 + value[at + 1 :],
        value[:at],
        value[at:],
        value[::-1],
        value.swapcase(),
        value[:at] + value[at : at + 1].swapcase() + value[at + 1 :],
        value + other,
        other[: len(other) // 2] + value,
        " ".join((value, other)),
    ]
    return chance.choice(changed)[:MAX_TEXT]


def _change_list(value: list[Any], chance: random.Random, pool: Sequence[Any]) -> list[Any]:
    items = list(value)
    parts = [part for other in pool if type(other) is list for part in other] or items
    if _is_mixed(parts):
        parts = [*parts, *_ANY]
    kind = chance.randrange(8)
    at = chance.randrange(len(items)) if items else 0
    if kind == 0 and items:
        del items[at]
    elif kind == 1 and items:
        items.insert(at, items[chance.randrange(len(items))])
    elif kind == 2 and parts:
        items.insert(chance.randrange(len(items) + 1), chance.choice(parts))
    elif kind == 3 and len(items) > 1:
        other = chance.randrange(len(items))
        items[at], items[other] = items[other], items[at]
    elif kind == 4:
        items.reverse()
    elif kind == 5:
        items = items[: at + 1] if chance.random() < 0.5 else items[at:]
    elif kind == 6 and items:
        items = items + items[: at + 1]
    elif items:
        for _ in range(1 if chance.random() < 0.6 else len(items)):
            place = chance.randrange(len(items))
            items[place] = change_value(items[place], chance, parts)
    return items[:_MAX_PARTS]


def _change_tuple(value: tuple[Any, ...], chance: random.Random, pool: Sequence[Any]) -> tuple[Any, ...]:
    if not value:
        return value
    lengths = {len(other) for other in pool if type(other) is tuple}
    if len(lengths) > 1:  # it holds any number of items, as a list does
        return tuple(_change_list(list(value), chance, [list(other) for other in pool if type(other) is tuple]))
    at = chance.randrange(len(value))
    parts = [other[at] for other in pool if type(other) is tuple and len(other) > at]
    return (*value[:at], change_value(value[at], chance, parts), *value[at + 1 :])


def _change_dict(value: dict[Any, Any], chance: random.Random, pool: Sequence[Any]) -> dict[Any, Any]:
    changed = dict(value)
    others = [item for other in pool if type(other) is dict for item in other.items()]
    keys = list(changed)
    kind = chance.randrange(4)
    if kind == 0 and keys:
        del changed[chance.choice(keys)]
    elif kind == 1 and others:
        key, part = chance.choice(others)
        changed[key] = part
    elif kind == 2 and keys:
        key = chance.choice(keys)
        renamed = change_value(key, chance, [key for key, _ in others])
        changed = {renamed if old == key else old: part for old, part in changed.items()}
    elif keys:
        key = chance.choice(keys)
        changed[key] = change_value(changed[key], chance, [part for _, part in others])
    return changed


def _change_set(value: set[Any], chance: random.Random, pool: Sequence[Any]) -> set[Any]:
    ordered = sorted(value, key=repr)
    lists = [sorted(other, key=repr) for other in pool if isinstance(other, set)]
    return set(_change_list(ordered, chance, lists))


_CHANGES: dict[type, Changes] = {
    bool: _change_bool,
    int: _change_int,
    float: _change_float,
    str: _change_str,
    list: _change_list,
    tuple: _change_tuple,
    dict: _change_dict,
    set: _change_set,
}


def _is_mixed(parts: Sequence[Any]) -> bool:
    kinds = {float if type(part) in (int, float) else type(part) for part in parts}
    return len(kinds) > 1


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
    """
    try:
        tree = parse_python(source)
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
        source: a right solution.
        inputs: all inputs known, the tests' own and derived ones, to find mutants that change nothing.
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
