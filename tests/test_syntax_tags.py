import random
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline import languages
from pairsmith.pipeline.languages import table
from pairsmith.pipeline.languages.contract import LanguageError
from pairsmith.pipeline.languages.table import language_names
from pairsmith.pipeline.syntax.tags import TAGS
from pairsmith.schemas.candidate import Extraction, Program, Syntax
from tests.syntax_rewrites import analyse_program


def analyse(code: str, language: str = "python") -> Syntax:
    return analyse_program(Program("0" * 32, "p", Extraction.OK, "bare", code), language)


def test_measures() -> None:
    row = analyse("# one\n\ndef f(a):  # two\n    '''Doc.\n\n    More.\n    '''\n    # three\n    return a\n")
    assert row.n_tokens == 9  # def f ( a ) : docstring return a
    assert row.n_lines == 2
    assert row.max_line_length == len("def f(a):  # two")
    assert row.comment_share == pytest.approx(2 / 7)  # "# two" shares its line with code


def test_an_f_string_is_cut_at_its_expressions() -> None:
    assert analyse("x = f'{a} b'\n").n_tokens == 8  # x = f' { a } b '
    assert analyse("x = 'a b'\n").n_tokens == 3


MAKES = {
    "nested brackets": "(" * 10_000 + ")" * 10_000,
    "open brackets": "[" * 100_000,
    "null bytes": "\0" * 1000,
    "lone surrogates": "x = '\ud800'\n" * 10,
    "one long line": "x = 1 + " + "1 + " * 200_000 + "1",
    "over a megabyte": "x = 1\n" * 400_000,
    "deep indentation": "".join(" " * depth + "if x:\n" for depth in range(2000)) + " " * 2000 + "y\n",
    "nothing": "",
    "open string": "'''" + "a" * 100_000,
    "dots": "a" + ".a" * 100_000,
    "ten megabytes on one line": "x = 1; " * 1_500_000,
    "random bytes": random.Random(0).randbytes(100_000).decode("latin-1"),
    "nested blocks": "{ if (x) " * 10_000,
}


@pytest.mark.slow
@pytest.mark.timeout(30)
@pytest.mark.parametrize("language", language_names())
@pytest.mark.parametrize("name", MAKES)
def test_strange_text_gets_a_row(name: str, language: str) -> None:
    row = analyse(MAKES[name], language)
    assert len(row.exact) == 32
    assert row.parsed == (row.renamed != "")
    assert row.parsed == (row.parse_status == "parsed")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("null bytes", "null_bytes"),
        ("ten megabytes on one line", "too_long"),
        ("open brackets", "syntax_error"),
        ("nothing", "parsed"),
    ],
)
def test_the_status_says_why(name: str, status: str) -> None:
    assert analyse(MAKES[name]).parse_status == status


TOY = '''"""TSX, by the grammar that comes with TypeScript's."""

import tree_sitter_typescript
from tree_sitter import Language

from pairsmith.pipeline.languages.grammar import Binder, Grammar, Shape

GRAMMAR = Grammar(
    name="toy",
    grammar=Language(tree_sitter_typescript.language_tsx()),
    names=frozenset({"identifier"}),
    comments=frozenset({"comment"}),
    comment_marks=(b"//",),
    numbers=frozenset({"number"}),
    functions={"function_declaration": Shape()},
    scopes=frozenset({"statement_block"}),
    binders={"variable_declarator": Binder(("name",))},
    loops=frozenset({"while_statement"}),
    tag_kinds={"while_loop": frozenset({"while_statement"})},
)
'''


def test_a_language_is_one_folder_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text(TOY)
    monkeypatch.setattr(languages, "__path__", [*languages.__path__, str(tmp_path)])
    monkeypatch.setattr(table, "NAMES", (*table.NAMES, "toy"))
    left = analyse("function f(a) { let b = 1; while (a) { b += 1 } return <p>{b}</p> }", "toy")
    right = analyse("function f(a) { let c = 1; // c\n while (a) { c += 1 } return <p>{c}</p> }", "toy")
    assert left.tags == ("names_one_letter", "while_loop")
    assert (left.cyclomatic, left.nesting_depth) == (2, 1)
    assert left.renamed == right.renamed
    assert left.exact != right.exact
    assert "toy" in language_names()


@given(st.text(st.characters(codec=None), max_size=300) | st.text(string.printable, max_size=300))
def test_any_text_gets_a_row(code: str) -> None:
    row = analyse(code)
    assert len(row.exact) == 32
    assert set(row.tags) <= set(TAGS)
    assert 0.0 <= row.comment_share <= 1.0
    assert min(row.n_tokens, row.n_lines, row.nesting_depth) >= 0


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(LanguageError, match=r"'cobol'.*python"):
        analyse("", "cobol")
