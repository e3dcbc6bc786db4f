"""The functions of one file that stand on their own, each with what it needs of the file.

The file is cut at its margin by the readers that also cut completions. A function brings the imports, constants
and helpers that it reads; what is missing then, or comes from elsewhere, is no seed.
"""

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from pipeline.extraction.needs import find_missing, select_needed
from pipeline.extraction.readers import find_reader, join
from pipeline.extraction.statements import Statement
from pipeline.seeds.files import SourceFile
from pipeline.syntax.fingerprints import free_names
from pipeline.syntax.language import Language
from pipeline.syntax.languages import find_language
from pipeline.syntax.parsing import MAX_BYTES, parse_source, to_source, walk_tree

_WORDS = re.compile(r"[^\W\d_]{2,}")
_LEAST_WORDS = 3  # of documentation
_OWN_INCLUDE = re.compile(r'^\s*#\s*include\s*"')
_NO_RETURNS = ("rust", "bash")  # a value without `return`: the last expression, the output
_HINTED = "type_hints_full"
_UNTYPED = ("javascript", "bash")
_SILENT = ("void", "None", "NoReturn", "never")


@dataclass(frozen=True, slots=True)
class Found:
    """A function of a file.

    Attributes:
        code: with what it needs; empty where `reason` says why it is no seed.
        free: names that it takes from outside of the file, as far as the grammar tells; empty for Python.
        n_lines: lines of the function itself.
    """

    name: str
    line: int
    code: str
    reason: str
    is_typed: bool
    free: frozenset[str]
    n_lines: int


def find_functions(file: SourceFile, min_lines: int, max_lines: int) -> tuple[list[Found], frozenset[str]]:
    """Return the functions at the margin of a file (of Java: static methods), and all names bound there.

    Args:
        file: the file.
        min_lines: lines of a function at least, its signature included.
        max_lines: lines at most.

    A file that can't be read gives what can be read of it; broken pieces are no functions.
    """
    row = find_language(file.language)
    source = to_source(file.text)
    if len(source) > MAX_BYTES:
        return [], frozenset()
    statements = find_reader(file.language).cut(file.text, False).statements
    bound = frozenset(name for one in statements for name in one.binds)
    if file.language == "java":
        found = [one for statement in statements for one in _java(statement.text, row, min_lines, max_lines)]
    else:
        found = [
            one
            for statement in statements
            if (one := _function(statement, statements, row, min_lines, max_lines)) is not None
        ]
    lines = file.text.split("\n")
    return [_placed(one, lines) for one in found], bound


def _placed(found: Found, lines: Sequence[str]) -> Found:
    pattern = re.compile(rf"\b{re.escape(found.name)}\s*(?:\(|<|=)")
    line = next((number for number, text in enumerate(lines, 1) if pattern.search(text)), 1)
    return Found(found.name, line, found.code, found.reason, found.is_typed, found.free, found.n_lines)


def _function(
    statement: Statement, statements: Sequence[Statement], row: Language, min_lines: int, max_lines: int
) -> Found | None:
    """Return the function that a statement defines, None if it defines none."""
    source = to_source(statement.text)
    root = parse_source(source, row)
    node = next((inner for child in root.children if (inner := _entry(child, row)) is not None), None)
    if statement.kind != "definition" or node is None or root.has_error:
        return None
    name = next(iter(sorted(statement.binds)), "")
    n_lines = node.end_point.row - node.start_point.row + 1
    reason = _why_not(node, root, source, row, min_lines, max_lines)
    if len(statement.binds) != 1 or statement.dynamic:
        reason = reason or "dynamic"
    if reason:
        return Found(name, 1, "", reason, False, frozenset(), n_lines)
    code, reason = _alone(name, statements, row)
    if reason:
        return Found(name, 1, "", reason, False, frozenset(), n_lines)
    return Found(name, 1, code, "", _is_typed(node, row), _free(code, row), n_lines)


def _entry(node: Node, row: Language) -> Node | None:
    while node.type in row.wrappers:
        inner = node.child_by_field_name("declaration") or node.child_by_field_name("definition")
        inner = inner or next((child for child in reversed(node.named_children)), None)
        if inner is None:
            return None
        node = inner
    if node.type in ("lexical_declaration", "variable_declaration"):  # const f = (x) => ...
        inner = node.named_children[0] if node.named_child_count == 1 else None
        value = inner.child_by_field_name("value") if inner is not None else None
        return value if value is not None and value.type in row.functions else None
    return node if node.type in row.entries and node.type in row.functions else None


def _why_not(node: Node, root: Node, source: bytes, row: Language, min_lines: int, max_lines: int) -> str:
    """Return why a function is no seed, as far as it alone tells."""
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
    if source[node.start_byte : node.start_byte + 5] == b"async" or b"yield" in _kinds(body):
        return "async_or_generator"
    if not _is_documented(node, body, source, row):
        return "undocumented"
    returns = node.child_by_field_name(shape.returns) if shape.returns else None
    said = source[returns.start_byte : returns.end_byte].decode().strip(": ") if returns is not None else ""
    gives = said not in _SILENT and (row.name in _NO_RETURNS or _gives_value(node, body, row))
    if not gives or (row.name == "rust" and returns is None):
        return "no_value"
    first = source[node.start_byte : body.start_byte]
    return "test" if re.search(rb"\b(test_?\w*|Test\w+)\s*\(", first) else ""


def _kinds(node: Node) -> set[bytes]:
    return {child.type.encode() for child in _below(node)}


def _below(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        yield inner
        waiting.extend(inner.named_children)


def _gives_value(node: Node, body: Node, row: Language) -> bool:
    if body.type not in row.blocks and "block" not in body.type and body.type != "statement_block":
        return True  # an arrow function's expression
    return any(inner.type in row.returns and inner.named_child_count for inner in _below(body))


def _docstring_lines(body: Node | None, source: bytes, row: Language) -> int:
    first = body.named_children[0] if body is not None and body.named_child_count else None
    if not row.documents or first is None or first.type != "expression_statement":
        return 0
    inner = first.named_children[0] if first.named_child_count else first
    return inner.end_point.row - inner.start_point.row + 1 if inner.type in row.strings else 0


def _is_documented(node: Node, body: Node, source: bytes, row: Language) -> bool:
    """Return whether words say what a function does: a docstring, or a comment right above it."""
    if row.documents and _docstring_lines(body, source, row):
        text = body.named_children[0].text or b""
        return len(_WORDS.findall(text.decode("utf-8", "replace"))) >= _LEAST_WORDS
    above = source[: node.start_byte].decode("utf-8", "replace").rstrip("\n")
    last = re.split(r"\n[ \t]*\n", above)[-1]
    comment = any(mark.decode() in last for mark in row.comment_marks)
    return comment and len(_WORDS.findall(last)) >= _LEAST_WORDS


def _alone(name: str, statements: Sequence[Statement], row: Language) -> tuple[str, str]:
    """Return the code of a function with what it needs, and why it does not stand on its own."""
    needed = select_needed(statements, name)
    reads = {word for one in needed for word in one.reads}
    kept = [
        one
        for one in needed
        if not (one.kind == "setting" and one.binds and one.binds.isdisjoint(reads))
        and not _OWN_INCLUDE.match(one.text)
    ]
    if any(one.dynamic for one in kept):
        return "", "dynamic"
    code = find_reader(row.name).finish(join(kept))
    if row.name == "python" and find_missing(kept, find_reader("python").builtins):
        return "", "not_self_contained"
    source = to_source(code)
    root = parse_source(source, row)
    if root.has_error:
        return "", "does_not_parse_alone"
    if any(not one.standard for one in walk_tree(root, source, row).imports if one.module):
        return "", "not_self_contained"
    return code, "" if row.name != "python" or _compiles(code) else "does_not_parse_alone"


def _compiles(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _free(code: str, row: Language) -> frozenset[str]:
    if row.name == "python":
        return frozenset()
    source = to_source(code)
    facts = walk_tree(parse_source(source, row), source, row)
    known = facts.scopes[0].bound.keys() | row.builtins
    return frozenset(name.decode("utf-8", "replace") for name in free_names(facts) - known)


def _is_typed(node: Node, row: Language) -> bool:
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
    typed = all(one.type not in plain for one in inner)
    if row.name == "typescript":
        typed = all(one.child_by_field_name("type") is not None for one in inner)
    return returns is not None and typed


def _java(text: str, row: Language, min_lines: int, max_lines: int) -> Iterator[Found]:
    """Give the static methods of a class; they may use nothing else of it."""
    source = to_source(text)
    root = parse_source(source, row)
    if root.has_error:
        return
    members = _members(root, source)
    for node in _below(root):
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
            reason = _why_not(method, tree, alone, row, min_lines, max_lines)
        if not reason and not (_java_words(node) - {name}).isdisjoint(members):
            reason = "not_self_contained"
        n_lines = node.end_point.row - node.start_point.row + 1
        code = "" if reason else own.strip("\n") + "\n"
        yield Found(name, 1, code, reason, not reason, _free(code, row) if code else frozenset(), n_lines)


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
        for node in _below(root)
        if node.type in kinds and (named := node.child_by_field_name("name")) is not None
    }
    for node in _below(root):
        if node.type == "field_declaration" and (one := node.child_by_field_name("declarator")) is not None:
            named = one.child_by_field_name("name")
            found |= {(named.text or b"").decode()} if named is not None else set()
    return frozenset(found)


def _java_words(node: Node) -> set[str]:
    kinds = ("identifier", "type_identifier")
    return {(inner.text or b"").decode() for inner in _below(node) if inner.type in kinds}


def _with_comment(node: Node, source: bytes) -> str:
    before = node.prev_sibling
    start = before.start_byte if before is not None and before.type.endswith("comment") else node.start_byte
    line = source.rfind(b"\n", 0, start) + 1
    return textwrap.dedent(source[line : node.end_byte].decode("utf-8", "replace"))


def names_elsewhere(bound: Mapping[str, frozenset[str]], path: str, free: frozenset[str]) -> bool:
    """Return whether a function takes a name from outside of its file that another file of the group binds.

    Args:
        bound: path to the names that the file binds at its margin.
        path: the function's file.
        free: the names that it takes from outside.
    """
    return any(not free.isdisjoint(names) for other, names in bound.items() if other != path)
