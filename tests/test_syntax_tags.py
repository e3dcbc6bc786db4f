import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.syntax import TAGS, SyntaxToolsError, analyse_program
from schemas.candidate import Extraction, Program
from schemas.syntax import Syntax


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
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", MAKES)
def test_strange_text_gets_a_row(name: str) -> None:
    row = analyse(MAKES[name])
    assert len(row.exact) == 32
    assert row.parsed == (row.renamed != "")


@given(st.text(st.characters(codec=None), max_size=300) | st.text(string.printable, max_size=300))
def test_any_text_gets_a_row(code: str) -> None:
    row = analyse(code)
    assert len(row.exact) == 32
    assert set(row.tags) <= set(TAGS)
    assert 0.0 <= row.comment_share <= 1.0
    assert min(row.n_tokens, row.n_lines, row.nesting_depth) >= 0


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(SyntaxToolsError, match=r"'cobol'.*python"):
        analyse("", "cobol")
