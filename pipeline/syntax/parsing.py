"""The one parse that everything else shares."""

import functools
from enum import StrEnum

from tree_sitter import Node, Parser

from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.languages.table import find_grammar
from pairsmith.pipeline.syntax.facts import Facts
from pairsmith.pipeline.syntax.tables import make_tables
from pairsmith.pipeline.syntax.walking import Walk

MAX_BYTES = 1 << 18  # longer texts aren't parsed: no sampler's limit lets a model write so much


class ParseStatus(StrEnum):
    """What came of parsing a text."""

    PARSED = "parsed"
    SYNTAX_ERROR = "syntax_error"
    TOO_LONG = "too_long"
    NULL_BYTES = "null_bytes"


def to_source(code: str) -> bytes:
    """Return the bytes that are parsed: UTF-8, with a replacement character for each lone surrogate."""
    try:
        return code.encode()
    except UnicodeEncodeError:
        return code.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


@functools.lru_cache(maxsize=8)
def parse_source(source: bytes, row: Grammar) -> Node:
    """Return the root of the tree of a text, however broken it is.

    The last few trees are kept, so that a program that was just extracted isn't parsed again. A parser is made
    each time: it costs 1 microsecond and can't be shared between threads.
    """
    return Parser(row.grammar).parse(source).root_node


def walk_tree(root: Node, source: bytes, row: Grammar) -> Facts:
    """Return the facts of a tree that has no error, or of one statement of it."""
    walk = Walk(root, source, make_tables(row))
    facts = walk.facts
    for comment in walk.comments:
        text = walk.text(comment)
        line = source[source.rfind(b"\n", 0, comment.start_byte) + 1 : comment.start_byte]
        if text == b"\\\n" or comment.type == "line_continuation":
            continue
        facts.seen.add("comment")
        if not line.strip():
            facts.comment_lines += text.rstrip().count(b"\n") + 1
        if row.doc_marks and text.startswith(row.doc_marks):
            facts.seen.add("docstring")
    return facts


def parse_facts(source: bytes, language: str = "python") -> tuple[ParseStatus, Facts | None]:
    """Return the facts of a program; none if it is too long or doesn't parse without an error.

    Raises:
        LanguageError: for an unknown language.
    """
    row = find_grammar(language)
    if len(source) > MAX_BYTES:
        return ParseStatus.TOO_LONG, None
    if b"\0" in source:
        return ParseStatus.NULL_BYTES, None
    root = parse_source(source, row)
    if root.has_error:
        return ParseStatus.SYNTAX_ERROR, None
    facts = walk_tree(root, source, row)
    return (ParseStatus.SYNTAX_ERROR, None) if facts.old else (ParseStatus.PARSED, facts)
