"""The static methods of a Java class, each by itself."""

import textwrap
from collections.abc import Iterator

from tree_sitter import Node

from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.syntax.parsing import parse_source, to_source
from pairsmith.pipeline.synthesis.seeds.functions import Found, below, outside_names, why_not


def static_methods(text: str, row: Grammar, min_lines: int, max_lines: int) -> Iterator[Found]:
    """Give the static methods of a class; they may use nothing else of it."""
    source = to_source(text)
    root = parse_source(source, row)
    if root.has_error:
        return
    members = _members(root, source)
    for node in below(root):
        modifiers = next((child for child in node.children if child.type == "modifiers"), None)
        named = node.child_by_field_name("name")
        if node.type != "method_declaration" or named is None:
            continue
        name = (named.text or b"").decode()
        own = _with_comment(node, source)
        alone, at = to_source(own), to_source(own).rfind(source[node.start_byte : node.end_byte][:20])
        tree = parse_source(alone, row)
        method = next((child for child in tree.children if child.type == "method_declaration"), None)
        reason = "method" if modifiers is None or b"static" not in (modifiers.text or b"") else ""
        if not reason and (method is None or tree.has_error or at < 0):
            reason = "does_not_parse_alone"
        if not reason and method is not None:
            reason = why_not(method, tree, alone, row, min_lines, max_lines)
        if not reason and not (_java_words(node) - {name}).isdisjoint(members):
            reason = "not_self_contained"
        n_lines = node.end_point.row - node.start_point.row + 1
        code = "" if reason else own.strip("\n") + "\n"
        yield Found(name, 1, code, reason, not reason, outside_names(code, row) if code else frozenset(), n_lines)


def _members(root: Node, source: bytes) -> frozenset[str]:
    """Return the names of all fields, methods and types of a file."""
    kinds = (
        "method_declaration",
        "class_declaration",
        "interface_declaration",
        "enum_declaration",
        "record_declaration",
    )
    found = {
        (named.text or b"").decode()
        for node in below(root)
        if node.type in kinds and (named := node.child_by_field_name("name")) is not None
    }
    for node in below(root):
        if node.type == "field_declaration" and (one := node.child_by_field_name("declarator")) is not None:
            named = one.child_by_field_name("name")
            found |= {(named.text or b"").decode()} if named is not None else set()
    return frozenset(found)


def _java_words(node: Node) -> set[str]:
    kinds = ("identifier", "type_identifier")
    return {(inner.text or b"").decode() for inner in below(node) if inner.type in kinds}


def _with_comment(node: Node, source: bytes) -> str:
    before = node.prev_sibling
    start = before.start_byte if before is not None and before.type.endswith("comment") else node.start_byte
    line = source.rfind(b"\n", 0, start) + 1
    return textwrap.dedent(source[line : node.end_byte].decode("utf-8", "replace"))
