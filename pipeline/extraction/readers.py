"""How completions are read, by language: Python by its own compiler, the others by their grammar alone."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pairsmith.pipeline.extraction.compiling import compiles
from pairsmith.pipeline.extraction.declarations import cut_declarations
from pairsmith.pipeline.extraction.statements import BUILTINS, Pieces, Statement, cut_pieces
from pairsmith.pipeline.languages.grammar import Grammar as Language
from pairsmith.pipeline.languages.table import find_grammar as find_language


@dataclass(frozen=True, slots=True)
class Reader:
    """What reading an answer asks of a language.

    Attributes:
        cut: returns the statements of a text; the second argument says whether prose may stand in it.
        compiles: whether a text is a program. True for all languages but Python: their compilers judge.
        builtins: names that need no definition.
        comment: how a comment at the margin begins.
        language: the row of the table; None for Python.
    """

    cut: Callable[[str, bool], Pieces]
    compiles: Callable[[str], bool]
    builtins: frozenset[str]
    comment: str
    language: Language | None

    def finish(self, code: str) -> str:
        """Return code without blank lines at its ends and without comments at the margin behind it."""
        lines = code.split("\n")
        while lines and (not lines[-1].strip() or lines[-1].startswith(self.comment)):
            lines.pop()
        while lines and not lines[0].strip():
            lines.pop(0)
        return "\n".join(lines) + "\n" if lines else ""


PYTHON = Reader(lambda text, prose: cut_pieces(text), compiles, BUILTINS, "#", None)


@functools.cache
def find_reader(name: str) -> Reader:
    """Return the reader of a language.

    Raises:
        SyntaxToolsError: if the table has none of this name.
    """
    if name == "python":
        return PYTHON
    language = find_language(name)
    return Reader(
        cut=lambda text, prose: cut_declarations(text, language, prose=prose),
        compiles=lambda text: True,
        builtins=frozenset(),
        comment=language.comment_marks[0].decode(),
        language=language,
    )


def join(statements: Sequence[Statement]) -> str:
    """Return the text of statements, one below the other."""
    texts = (statement.text for statement in statements)
    return "".join(text if text.endswith("\n") else text + "\n" for text in texts).strip("\n")
