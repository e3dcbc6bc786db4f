"""A function of a source file, or a static method of a Java class: what is known of it, and why it is no seed."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from pairsmith.pipeline.languages.contract import below
from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.syntax.parsing import parse_source, to_source

_WORDS = re.compile(r"[^\W\d_]{2,}")
_LEAST_WORDS = 3  # of documentation
_NO_RETURNS = ("rust", "bash")  # a value without `return`: the last expression, the output
_UNTYPED = ("javascript", "bash")
_SILENT = ("void", "None", "NoReturn", "never")


@dataclass(frozen=True, slots=True)
class SourceFunction:
    """A function of a file.

    Attributes:
        code: with what it needs; empty if `reason` explains why it is no seed.
        n_lines: lines of the function itself.
    """

    name: str
    line: int
    code: str
    reason: str
    is_typed: bool
    n_lines: int


def why_not(node: Node, source: bytes, row: Grammar, min_lines: int, max_lines: int) -> str:
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
    if source[node.start_byte : node.start_byte + 5] == b"async" or any(below(body, {"yield"})):
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


def _gives_value(node: Node, body: Node, row: Grammar) -> bool:
    if body.type not in row.blocks and "block" not in body.type and body.type != "statement_block":
        return True  # an arrow function's expression
    return any(inner.named_child_count for inner in below(body, row.returns))


def _docstring_lines(body: Node | None, source: bytes, row: Grammar) -> int:
    first = body.named_children[0] if body is not None and body.named_child_count else None
    if not row.documents or first is None or first.type != "expression_statement":
        return 0
    inner = first.named_children[0] if first.named_child_count else first
    return inner.end_point.row - inner.start_point.row + 1 if inner.type in row.strings else 0


def _is_documented(node: Node, body: Node, source: bytes, row: Grammar) -> bool:
    """Return whether a function is documented: by a docstring, or a comment right above it."""
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


def static_methods(text: str, row: Grammar, min_lines: int, max_lines: int) -> Iterator[SourceFunction]:
    """Give the methods of a class's text, each cut out with the comment above it; only static ones are seeds."""
    source = to_source(text)
    root = parse_source(source, row)
    if root.has_error:
        return
    for node in reversed([*below(root, {"method_declaration"})]):
        named = node.child_by_field_name("name")
        if named is None:
            continue
        code = _with_comment(node, source)
        alone = to_source(code)
        tree = parse_source(alone, row)
        method = next((child for child in tree.children if child.type == "method_declaration"), None)
        modifiers = next((child for child in node.children if child.type == "modifiers"), None)
        if modifiers is None or b"static" not in (modifiers.text or b""):
            reason = "method"
        elif method is None or tree.has_error:
            reason = "does_not_parse_alone"
        else:
            reason = why_not(method, alone, row, min_lines, max_lines)
        n_lines = node.end_point.row - node.start_point.row + 1
        code = "" if reason else code.strip("\n") + "\n"
        yield SourceFunction((named.text or b"").decode(), 1, code, reason, not reason, n_lines)


def _with_comment(node: Node, source: bytes) -> str:
    before = node.prev_sibling
    start = before.start_byte if before is not None and before.type.endswith("comment") else node.start_byte
    line = source.rfind(b"\n", 0, start) + 1
    return textwrap.dedent(source[line : node.end_byte].decode("utf-8", "replace"))
