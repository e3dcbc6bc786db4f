"""A function of a source file, or a static method of a Java class: what is known of it, and why it is no seed."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.syntax.fingerprints import free_names
from pairsmith.pipeline.syntax.parsing import parse_source, to_source, walk_tree

_WORDS = re.compile(r"[^\W\d_]{2,}")
_LEAST_WORDS = 3  # of documentation
_NO_RETURNS = ("rust", "bash")  # a value without `return`: the last expression, the output
_UNTYPED = ("javascript", "bash")
_SILENT = ("void", "None", "NoReturn", "never")


@dataclass(frozen=True, slots=True)
class SourceFunction:
    """A function of a file.

    Attributes:
        code: with what it needs; empty where `reason` says why it is no seed.
        free: names that it takes from outside of the file, as far as the grammar shows; empty for Python.
        n_lines: lines of the function itself.
    """

    name: str
    line: int
    code: str
    reason: str
    is_typed: bool
    free: frozenset[str]
    n_lines: int


def why_not(node: Node, root: Node, source: bytes, row: Grammar, min_lines: int, max_lines: int) -> str:
    """Return why a function is no seed, judged by the function alone."""
    shape = row.functions[node.type]
    body = node.child_by_field_name(shape.body)
    lines = [line for line in source[node.start_byte : node.end_byte].split(b"\n") if line.strip()]
    n_lines = len(lines) - _docstring_lines(body, source, row)
    if body is None:
        return "no_body"
    if n_lines < min_lines:
        return "too_short"
    if n_lines > max_lines:
        return "too_long"
    if source[node.start_byte : node.start_byte + 5] == b"async" or any(
        inner.type == "yield" for inner in below(body)
    ):
        return "async_or_generator"
    if not _is_documented(node, body, source, row):
        return "undocumented"
    returns = node.child_by_field_name(shape.returns) if shape.returns else None
    annotation = source[returns.start_byte : returns.end_byte].decode().strip(": ") if returns is not None else ""
    gives = annotation not in _SILENT and (row.name in _NO_RETURNS or _gives_value(node, body, row))
    if not gives or (row.name == "rust" and returns is None):
        return "no_value"
    first = source[node.start_byte : body.start_byte]
    return "test" if re.search(rb"\b(test_?\w*|Test\w+)\s*\(", first) else ""


def below(node: Node) -> Iterator[Node]:
    """Give a node and all below it."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        yield inner
        waiting.extend(inner.named_children)


def _gives_value(node: Node, body: Node, row: Grammar) -> bool:
    if body.type not in row.blocks and "block" not in body.type and body.type != "statement_block":
        return True  # an arrow function's expression
    return any(inner.type in row.returns and inner.named_child_count for inner in below(body))


def _docstring_lines(body: Node | None, source: bytes, row: Grammar) -> int:
    first = body.named_children[0] if body is not None and body.named_child_count else None
    if not row.documents or first is None or first.type != "expression_statement":
        return 0
    inner = first.named_children[0] if first.named_child_count else first
    return inner.end_point.row - inner.start_point.row + 1 if inner.type in row.strings else 0


def _is_documented(node: Node, body: Node, source: bytes, row: Grammar) -> bool:
    """Return whether words say what a function does: a docstring, or a comment right above it."""
    if row.documents and _docstring_lines(body, source, row):
        text = body.named_children[0].text or b""
        return len(_WORDS.findall(text.decode("utf-8", "replace"))) >= _LEAST_WORDS
    above = source[: node.start_byte].decode("utf-8", "replace").rstrip("\n")
    last = re.split(r"\n[ \t]*\n", above)[-1]
    comment = any(mark.decode() in last for mark in row.comment_marks)
    return comment and len(_WORDS.findall(last)) >= _LEAST_WORDS


def is_typed(node: Node, row: Grammar) -> bool:
    """Return whether all parameters and the value have types; in languages without a choice they have."""
    if row.name in _UNTYPED:
        return False
    if not row.hint_tags and row.name != "typescript":
        return True
    shape = row.functions[node.type]
    returns = node.child_by_field_name(shape.returns) if shape.returns else None
    parameters = node.child_by_field_name(shape.parameters[0])
    inner = [] if parameters is None else parameters.named_children
    plain = ("identifier", "default_parameter", "list_splat_pattern", "dictionary_splat_pattern")
    typed = all(child.type not in plain for child in inner)
    if row.name == "typescript":
        typed = all(child.child_by_field_name("type") is not None for child in inner)
    return returns is not None and typed


def outside_names(code: str, row: Grammar) -> frozenset[str]:
    """Return the names that code takes from outside of itself; none for Python, which is asked elsewhere."""
    if row.name == "python":
        return frozenset()
    source = to_source(code)
    facts = walk_tree(parse_source(source, row), source, row)
    known = facts.scopes[0].bound.keys() | row.builtins
    return frozenset(name.decode("utf-8", "replace") for name in free_names(facts) - known)


def static_methods(text: str, row: Grammar, min_lines: int, max_lines: int) -> Iterator[SourceFunction]:
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
        words = {
            (part.text or b"").decode() for part in below(node) if part.type in ("identifier", "type_identifier")
        }
        if not reason and not (words - {name}).isdisjoint(members):
            reason = "not_self_contained"
        n_lines = node.end_point.row - node.start_point.row + 1
        code = "" if reason else own.strip("\n") + "\n"
        yield SourceFunction(
            name, 1, code, reason, not reason, outside_names(code, row) if code else frozenset(), n_lines
        )


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


def _with_comment(node: Node, source: bytes) -> str:
    before = node.prev_sibling
    start = before.start_byte if before is not None and before.type.endswith("comment") else node.start_byte
    line = source.rfind(b"\n", 0, start) + 1
    return textwrap.dedent(source[line : node.end_byte].decode("utf-8", "replace"))
