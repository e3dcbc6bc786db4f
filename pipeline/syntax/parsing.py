"""The table of languages, and the one parse that everything else shares."""

from collections.abc import Callable
from dataclasses import dataclass

from tree_sitter import Language, Node, Parser

from pipeline.syntax import python
from pipeline.syntax.facts import Facts
from pipeline.syntax.languages import SyntaxToolsError

MAX_BYTES = 1 << 20  # longer texts aren't parsed: no sampler's limit lets a model write so much


@dataclass(frozen=True, slots=True)
class LanguageRow:
    """What a language brings: its grammar, and the walk that turns a tree without errors into facts."""

    grammar: Language
    walk: Callable[[Node, bytes], Facts]


LANGUAGES: dict[str, LanguageRow] = {"python": LanguageRow(python.GRAMMAR, python.walk)}


def find_language(name: str) -> LanguageRow:
    """Return the row of a language.

    Raises:
        SyntaxToolsError: if the table has none of this name.
    """
    row = LANGUAGES.get(name)
    if row is None:
        raise SyntaxToolsError(f"no language {name!r}; known are {', '.join(sorted(LANGUAGES))}")
    return row


def to_source(code: str) -> bytes:
    """Return the bytes that are parsed: UTF-8, with a replacement character for each lone surrogate."""
    try:
        return code.encode()
    except UnicodeEncodeError:
        return code.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


def parse_source(source: bytes, language: str = "python") -> Node:
    """Return the root of the tree of a text, however broken it is.

    A parser is made each time: it costs 1 microsecond and can't be shared between threads.

    Raises:
        SyntaxToolsError: for an unknown language.
    """
    return Parser(find_language(language).grammar).parse(source).root_node


def parse_facts(source: bytes, language: str = "python") -> Facts | None:
    """Return the facts of a program; None if it is too long or doesn't parse without an error.

    Raises:
        SyntaxToolsError: for an unknown language.
    """
    if len(source) > MAX_BYTES or b"\0" in source:
        return None
    root = parse_source(source, language)
    if root.has_error:
        return None
    facts = find_language(language).walk(root, source)
    return None if facts.old else facts
