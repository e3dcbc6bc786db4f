"""Random rewrites of programs, by means other than ours: Python's own `ast` and `symtable`, edits of leaves."""

import ast
import copy
import io
import keyword
import random
import symtable
import tokenize
from collections.abc import Iterator

from tree_sitter import Node, Parser

from pairsmith.pipeline.languages.table import find_grammar
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.schemas.candidate import Program, Syntax
from pairsmith.schemas.config import SyntaxConfig

FRESH = ("alpha", "beta", "gamma", "delta", "item_", "result_", "x1", "y2", "tmp", "Value", "_q", "näme")
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.BitXor)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is)


def analyse_program(program: Program, language: str = "python") -> Syntax:
    """Return the syntax of one program, seen alone."""
    (row,) = analyse_problem([program], SyntaxConfig(), language)
    return row


def rewrite(code: str, draw: random.Random) -> str:
    """Return a Python program that does the same: other local names, comments, blank lines, spaces, docstring."""
    code = _rename(code, draw)
    frozen = _string_lines(code)
    lines: list[str] = []
    for number, line in enumerate(code.split("\n"), start=1):
        indent = line[: len(line) - len(line.lstrip())]
        free = number not in frozen and line.strip() != ""
        if free and draw.random() < 0.3:
            lines.append(f"{indent}# {draw.choice(FRESH)} = 1")
        if free and draw.random() < 0.2:
            lines.append("")
        lines.append(line + "  # note" if free and draw.random() < 0.3 else line)
    return "\n".join(lines)


def _string_lines(code: str) -> set[int]:
    """Return the numbers of the lines that a string of several lines covers, or a line that goes on."""
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.STRING and token.start[0] != token.end[0]:
            found.update(range(token.start[0], token.end[0] + 1))
    for number, line in enumerate(code.split("\n"), start=1):
        if line.endswith("\\"):
            found.update((number, number + 1))
    return found


def _rename(code: str, draw: random.Random) -> str:
    """Rename local variables that no nested scope shares, at the places that `ast` gives."""
    source = code.encode()
    starts = [0]
    for line in source.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    tree = ast.parse(code)
    tables = {table.get_lineno(): table for table in _tables(symtable.symtable(code, "x", "exec"))}
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    taken |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    edits: list[tuple[int, int, bytes]] = []
    for function in ast.walk(tree):
        table = tables.get(function.lineno) if isinstance(function, ast.FunctionDef) else None
        if table is None or table.has_children():
            continue
        symbols = [s for s in table.get_symbols() if not s.is_parameter() and not s.is_imported()]
        names = [symbol.get_name() for symbol in symbols if symbol.is_local()]
        fresh = [name for name in FRESH if name not in taken and not keyword.iskeyword(name)]
        draw.shuffle(fresh)
        chosen = dict(zip(sorted(names), fresh, strict=False))
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id in chosen:
                start = starts[node.lineno - 1] + node.col_offset
                edits.append((start, start + len(node.id.encode()), chosen[node.id].encode()))
    for start, end, name in sorted(edits, reverse=True):
        source = source[:start] + name + source[end:]
    return source.decode()


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        if child.get_type() == "function":
            yield child
        yield from _tables(child)


def mutate(code: str, draw: random.Random) -> tuple[str, str] | None:
    """Return a Python program and one that differs from it in an operator, a constant, an order or a name."""
    tree = ast.parse(code)
    base = ast.unparse(tree)
    changed = copy.deepcopy(tree)
    nodes = [node for node in ast.walk(changed) if _can_change(node)]
    if not nodes:
        return None
    _change(draw.choice(nodes), draw)
    other = ast.unparse(ast.fix_missing_locations(changed))
    return None if other == base else (base, other)


def _can_change(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float, bool)
    if isinstance(node, ast.Call):
        return len(node.args) > 1
    return isinstance(node, ast.BinOp | ast.Compare | ast.BoolOp | ast.If | ast.Subscript | ast.Return)


def _change(node: ast.AST, draw: random.Random) -> None:
    if isinstance(node, ast.Constant):
        value = node.value
        choices: list[str | float] = [0, 1, True, False, 2, 1.0, 0.0, -1, 10, "1"]
        node.value = draw.choice([other for other in choices if repr(other) != repr(value)])
    elif isinstance(node, ast.Call):
        left, right = draw.sample(range(len(node.args)), 2)
        node.args[left], node.args[right] = node.args[right], node.args[left]
    elif isinstance(node, ast.BinOp):
        if draw.random() < 0.3:
            node.left, node.right = node.right, node.left
        else:
            node.op = draw.choice([kind for kind in OPERATORS if not isinstance(node.op, kind)])()
    elif isinstance(node, ast.Compare):
        node.ops[0] = draw.choice([kind for kind in COMPARISONS if not isinstance(node.ops[0], kind)])()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.If):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Subscript):
        node.slice = ast.Constant(draw.choice([0, 1, -1, 7]))
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(draw.choice([None, 0, "", 77]))


SWAPS = {
    b"+": b"-", b"-": b"+", b"*": b"+", b"<": b"<=", b">": b">=", b"<=": b"<", b">=": b">", b"==": b"!=",
    b"!=": b"==", b"&&": b"||", b"||": b"&&", b"===": b"!==", b"+=": b"-=", b"++": b"--", b"-gt": b"-ge",
    b"true": b"false", b"false": b"true",
}  # fmt: skip


def change_leaf(code: str, language: str, draw: random.Random) -> str | None:
    """Return a program in which one operator or number is another."""
    source, row = code.encode(), find_grammar(language)
    leaves = [leaf for leaf in _leaves(code, language) if leaf.text in SWAPS or leaf.type in row.numbers]
    if not leaves:
        return None
    leaf = draw.choice(leaves)
    text = leaf.text or b""
    other = SWAPS.get(text, b"7" if text != b"7" else b"8")
    return (source[: leaf.start_byte] + other + source[leaf.end_byte :]).decode()


def add_comments(code: str, language: str, draw: random.Random) -> str:
    """Return a program with comments and blank lines more."""
    mark = find_grammar(language).comment_marks[0].decode()
    lines: list[str] = []
    for line in code.split("\n"):
        if draw.random() < 0.3:
            lines.append(f"{mark} {draw.choice(FRESH)}" if draw.random() < 0.5 else "")
        lines.append(line)
    return "\n".join(lines)


def _leaves(code: str, language: str) -> Iterator[Node]:
    waiting = [Parser(find_grammar(language).grammar).parse(code.encode()).root_node]
    while waiting:
        node = waiting.pop()
        if node.child_count:
            waiting.extend(node.children)
        else:
            yield node
