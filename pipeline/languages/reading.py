"""What drivers need: the files that come with them, and the syntax tree of a solution."""

import functools
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tree_sitter import Language, Node, Parser


@functools.cache
def read_source(language: str, name: str) -> str:
    """Return the text of a file in a language's folder."""
    return (Path(__file__).parent / language / name).read_text(encoding="utf-8")


@functools.cache
def _grammar(name: str) -> Language:
    module = import_module(f"tree_sitter_{name}")
    return Language(module.language_typescript() if name == "typescript" else module.language())


def parse(code: str, grammar: str) -> Node:
    """Return the root of the tree of a text, however broken it is."""
    return Parser(_grammar(grammar)).parse(code.encode()).root_node


def text_of(node: Node | None) -> str:
    """Return the source text of a node, empty for none."""
    return node.text.decode() if node is not None and node.text is not None else ""


def split_entry(entry_point: str) -> tuple[str, str]:
    """Return class and name of an entry point, `Class.method` or a bare name, whose class is `Solution`."""
    owner, _, name = entry_point.rpartition(".")
    return owner or "Solution", name


def walk(node: Node, within: frozenset[str]) -> Iterator[Node]:
    """Give a node's named children, and theirs where they are of those kinds."""
    for child in node.named_children:
        yield child
        if child.type in within:
            yield from walk(child, within)
