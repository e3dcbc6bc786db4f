"""Tells what only a later version of Python has from what no version has."""

import ast
import re
import sys
import warnings

from tree_sitter import Node

from pairsmith.pipeline.languages.contract import below, parse
from pairsmith.pipeline.languages.python.parsing import parse_python

_HERE = sys.version_info[:2]
_STARS_ANEW = (3, 11)  # the first with stars in indices and annotations (PEP 646)
_NESTED_ANEW = (3, 12)  # the first whose f-strings hold their own quotes, backslashes and comments (PEP 701)
_DEFINITIONS = ("function_definition", "class_definition")
_PREFIX = re.compile(rb"[a-zA-Z]*")


def needs_later(code: str, version: tuple[int, int] = _HERE) -> bool:
    """Return whether code is not Python of this version and is that of a later one; False for what is none at all.

    What this interpreter does not compile is asked for of the grammar: `type` statements, type parameters and
    f-strings of 3.12 are rewritten as what has always been there, and the rest must compile.
    """
    earlier = _rewritten(code)
    if not _compiles(code, _HERE):
        return earlier != code and _compiles(earlier, _HERE)
    if version >= _HERE:
        return False
    is_anew = version < _NESTED_ANEW and earlier != code
    return is_anew or not _compiles(code, version) or (version < _STARS_ANEW and _has_new_stars(code))


def _has_new_stars(code: str) -> bool:
    """Return whether code has a star in an index (`x[*a]`) or in an annotation (`*args: *Ts`).

    The grammar of this interpreter takes both for any version's.
    """
    for node in ast.walk(parse_python(code)):
        if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Starred):
            return True
        index = node.slice if isinstance(node, ast.Subscript) else None
        if not isinstance(index, ast.Tuple) or not any(isinstance(part, ast.Starred) for part in index.elts):
            continue
        if (index.lineno, index.col_offset) == (index.elts[0].lineno, index.elts[0].col_offset):  # no parenthesis
            return True
    return False


def _compiles(code: str, version: tuple[int, int]) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parse_python(code, version=version)
            compile(code, "<candidate>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True


def _rewritten(code: str) -> str:
    """Return code with what 3.12 brought in the words of earlier versions."""
    return _children(parse(code, "python"), code.encode()).decode()


def _children(node: Node, source: bytes) -> bytes:
    """Return a node's source, its children rewritten."""
    pieces, at = [], node.start_byte
    for child in node.children:
        pieces += [source[at : child.start_byte], _piece(child, source)]
        at = child.end_byte
    return b"".join([*pieces, source[at : node.end_byte]])


def _piece(node: Node, source: bytes) -> bytes:
    above = node.parent.type if node.parent is not None and not node.parent.has_error else ""
    if above == "type_alias_statement" and node.type == "type" and not node.is_named:
        return b"_:"  # `type X = int`, `_: X = int`
    if node.type == "type_parameter" and node.parent is not None and node.parent.type in _DEFINITIONS:
        given = source[node.start_byte + 1 : node.end_byte - 1].decode()  # they are written as parameters are
        return b"" if given.strip() and _compiles(f"def f({given}): pass", _HERE) else _children(node, source)
    if node.type == "string" and not node.has_error and _is_nested_anew(node, source):
        parts = [_piece(inner, source) for one in _parts(node) for inner in one.named_children[:1]]
        return b"(" + b"".join(b"(" + part + b")," for part in parts) + b")"
    return _children(node, source)


def _parts(string: Node) -> list[Node]:
    """Return the outermost expressions in braces of an f-string."""
    return [child for child in string.named_children if child.type == "interpolation"]


def _is_nested_anew(string: Node, source: bytes) -> bool:
    opening = source[string.start_byte : string.children[0].end_byte]
    quotes = opening[len(_PREFIX.match(opening)[0]) :]  # type: ignore[index]
    for part in _parts(string):
        text = source[part.start_byte : part.end_byte]
        over_lines = b"\n" in text and len(quotes) == 1
        if quotes in text or b"\\" in text or over_lines or any(below(part, {"comment"})):
            return True
    return False
