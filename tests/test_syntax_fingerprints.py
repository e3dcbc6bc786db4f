import ast
import dis
import gzip
import itertools
import json
import symtable
import types
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.languages.grammar import ScopeKind
from pairsmith.pipeline.syntax.parsing import parse_facts
from pairsmith.schemas.candidate import Extraction, Program, Syntax
from tests.syntax_rewrites import analyse_program

SAMPLES = Path(__file__).parents[1].parent / "shared" / "data" / "humaneval_codegen16b_100_samples.jsonl.gz"


def analyse(code: str) -> Syntax:
    return analyse_program(Program("0" * 32, "p", Extraction.OK, "bare", code))


def test_a_broken_program_has_only_an_exact_fingerprint() -> None:
    broken = analyse("def f(a:\n    return a\n")
    assert (broken.parsed, broken.renamed, broken.tags, broken.cyclomatic) == (False, "", (), 0)
    assert broken.exact == analyse("def f(a:\n\n    return a   \n").exact
    assert broken.exact != analyse("def f(a:\n   return a\n").exact


def test_python_2_does_not_parse() -> None:
    assert not analyse("def f(a):\n    print a\n").parsed


NAMES = st.lists(
    st.text("abcxyz_", min_size=1, max_size=3).filter(lambda name: not name.startswith("_")),
    min_size=6, max_size=6, unique=True,
)  # fmt: skip
TEMPLATE = """
def f(p, q=1):
    {0}, *{1} = p
    def {2}({3}):
        nonlocal {0}
        {0} = [{3} for {3} in {1} if {3}]
        return lambda {4}: {4} + {3}
    with q as {5}:
        {5} += {2}({0})({1})
    return f"{{{5}}}"
"""


@given(NAMES, NAMES)
def test_any_two_choices_of_distinct_names_merge(left: list[str], right: list[str]) -> None:
    assert analyse(TEMPLATE.format(*left)).renamed == analyse(TEMPLATE.format(*right)).renamed


# Places of TEMPLATE whose names live in one scope, or are read in one: one name for both changes the meaning.
MEETING = [*itertools.combinations((0, 1, 2, 5), 2), (3, 4)]


@given(NAMES, st.sampled_from(MEETING))
def test_two_variables_made_one_never_merge(names: list[str], places: tuple[int, int]) -> None:
    merged = list(names)
    merged[places[0]] = merged[places[1]]
    assert analyse(TEMPLATE.format(*names)).renamed != analyse(TEMPLATE.format(*merged)).renamed


def _samples(step: int) -> Iterator[tuple[str, list[str]]]:
    if not SAMPLES.exists():
        pytest.skip(f"no {SAMPLES.name} beside this checkout")
    with gzip.open(SAMPLES, "rt") as file:
        for line in file:
            row = json.loads(line)
            yield row["task_id"], [row["prompt"] + sample for sample in row["samples"][::step]]


@pytest.mark.slow
def test_programs_of_one_fingerprint_have_the_same_bytecode() -> None:
    """Hold every merge on real programs against CPython's compiler, which knows scopes better than we do."""
    merged = 0
    for task, programs in _samples(4):
        exact: dict[str, Any] = {}
        renamed: dict[str, Any] = {}
        for code in programs:
            if (bytecode := _bytecode(code)) is None:
                continue
            row = analyse(code)
            assert row.parsed, code
            merged += row.renamed in renamed
            assert exact.setdefault(row.exact, code) == code or _bytecode(exact[row.exact]) == bytecode, task
            assert renamed.setdefault(row.renamed, bytecode) == bytecode, (task, code)
    assert merged > 500


@pytest.mark.slow
def test_scopes_are_those_of_symtable() -> None:
    for task, programs in _samples(10):
        for code in programs:
            if _bytecode(code) is None:
                continue
            _, facts = parse_facts(code.encode())
            assert facts is not None
            ours = Counter(
                tuple(sorted(name.decode() for name in scope.bound.keys() - scope.globals_ - scope.nonlocals))
                for scope in facts.scopes
                if scope.kind is not ScopeKind.FILE
            )
            assert ours == Counter(_local_names(code)), (task, code)


def _local_names(code: str) -> Iterator[tuple[str, ...]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        waiting = list(symtable.symtable(code, "x", "exec").get_children())
    while waiting:
        table = waiting.pop()
        waiting.extend(table.get_children())
        local = (symbol for symbol in table.get_symbols() if symbol.is_local() and not symbol.is_global())
        yield tuple(sorted(name for symbol in local if not (name := symbol.get_name()).startswith(".")))


LOCAL = {"LOAD_DEREF", "STORE_DEREF", "LOAD_CLOSURE", "DELETE_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"}


def _bytecode(code: str) -> Any:
    """Return a program's instructions with local variables numbered and docstrings left out; None if invalid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(code)
            compile(tree, "x", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return None
        for node in ast.walk(tree):
            documented = isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
            if documented and ast.get_docstring(node, clean=False) is not None:  # type: ignore[arg-type]
                node.body[0] = ast.copy_location(ast.Pass(), node.body[0])  # type: ignore[attr-defined]
        return _instructions(compile(tree, "x", "exec", dont_inherit=True), {}, itertools.count())


def _instructions(code: types.CodeType, outer: dict[str, int], numbers: Iterator[int]) -> Any:
    names = {name: outer[name] for name in code.co_freevars if name in outer}
    found: list[Any] = [code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_flags]
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        if instruction.opname in ("MAKE_CELL", "COPY_FREE_VARS"):
            continue
        if "_FAST" in instruction.opname or instruction.opname in LOCAL:
            value = [
                names.setdefault(name, next(numbers) if name not in names else 0)
                for name in (value if isinstance(value, tuple) else (value,))
            ]
        elif isinstance(value, types.CodeType):
            value = _instructions(value, names, numbers)
        elif instruction.opname == "LOAD_CONST":
            value = repr(value)
        found.append((instruction.opname, value))
    return found
