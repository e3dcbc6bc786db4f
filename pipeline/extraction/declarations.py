"""The top-level statements of a text in a language other than Python, read from its table in `pipeline.syntax`.

A compiler or interpreter judges such programs, tree-sitter doesn't: unparsable code is kept unchanged.
"""

import re
from collections.abc import Iterator

from tree_sitter import Node, Parser

from pairsmith.pipeline.extraction.statements import Pieces, Statement
from pairsmith.pipeline.languages.contract import below
from pairsmith.pipeline.languages.grammar import Grammar as Language
from pairsmith.pipeline.syntax.parsing import MAX_BYTES, to_source

MAIN = "main"  # demonstrates or tests; the harness brings its own
_MAIN_COLLIDES = frozenset({"c", "cpp", "go", "rust"})
_CALLS = frozenset({"call_expression", "method_invocation", "command", "pipeline", "list", "await_expression"})
_ASSIGNMENTS = frozenset({"assignment_expression", "augmented_assignment_expression", "variable_assignment"})


def cut_declarations(text: str, language: Language, *, prose: bool) -> Pieces:
    """Return the statements of a text.

    Args:
        text: code, maybe between prose.
        prose: whether what can't be read is prose and left out; else it is code, and always kept.
    """
    source = to_source(text)
    if len(source) > MAX_BYTES:
        return Pieces((), frozenset(), False)
    root = Parser(language.grammar).parse(source).root_node
    found: list[Statement] = []
    end = 0
    for node in root.children:
        if node.end_byte <= end or node.start_byte == node.end_byte:
            continue
        if node.type in language.comments or not node.is_named:
            continue
        start = end if not (prose and root.has_error) else source.rfind(b"\n", 0, node.start_byte) + 1
        newline = source.find(b"\n", node.end_byte)
        line_end = len(source) if newline < 0 else newline + 1
        if source[node.end_byte : line_end].strip(b" \t\r\n;"):  # another statement on this line
            line_end = node.end_byte
        if node.is_error and prose:
            end = line_end
            continue
        found.extend(_describe(node, source, source[max(start, end) : line_end].decode(), language))
        end = line_end
    return Pieces(tuple(found), frozenset(), not (prose and root.has_error))


def _describe(node: Node, source: bytes, text: str, language: Language) -> Iterator[Statement]:
    inner = _unwrap(node, language)
    if language.name == "go" and inner.type == "import_declaration":
        yield from _go_imports(inner, source, text)
        return
    binds = frozenset(_decode(_binds(inner, source, language)))
    kind = _kind(node, inner, source, binds, language)
    yield Statement(
        text=text,
        kind=kind,
        binds=binds,
        reads=frozenset(_decode(_words(node, source))),
        touches=frozenset(),
        alters=frozenset(_decode(_alters(inner, source, language))),
        stub=_is_stub(inner, language),
    )


def _unwrap(node: Node, language: Language) -> Node:
    while node.type in language.wrappers:
        inside = node.child_by_field_name("declaration") or next(
            (child for child in reversed(node.named_children) if child.type not in language.comments), None
        )
        if inside is None:
            break
        node = inside
    return node


def _kind(node: Node, inner: Node, source: bytes, binds: frozenset[str], language: Language) -> str:
    kind = inner.type
    if inner.is_error:
        return "broken"
    if kind in language.kept_whole:
        return "setting"
    if kind in language.functions or kind in language.types:
        if binds == {MAIN} and language.name in _MAIN_COLLIDES:
            return "guard"
        return "addition" if _is_addition(inner, language) else "definition" if binds else "other"
    if _is_test_module(node):
        return "guard"
    if kind == "expression_statement" and inner.named_children:
        kind = inner.named_children[0].type
    if kind in _CALLS:
        return "demo" if not any(True for _ in _alters(inner, source, language)) else "other"
    return "guard" if b"require.main" in source[inner.start_byte : inner.end_byte] else "other"


def _is_test_module(node: Node) -> bool:
    before = node.prev_named_sibling
    return node.type == "mod_item" and before is not None and b"cfg(test)" in (before.text or b"")


def _is_addition(node: Node, language: Language) -> bool:
    """Return whether a definition adds to a type: it is needed when the type is."""
    return node.type in ("impl_item", "method_declaration") and language.name in ("rust", "go")


def _binds(node: Node, source: bytes, language: Language) -> Iterator[bytes]:
    """Give the names that a statement defines; a class brings those of its methods, a type its members."""
    kind = node.type
    if _is_addition(node, language):
        return
    if kind in language.kept_whole:  # what stands under `#ifdef`
        for inner in below(node, {*language.functions}):
            yield from _named(inner, (language.functions[inner.type].name,), source, language)
        return
    if kind in language.types:
        for inner in (node, *below(node, {*language.functions, *language.types, "enumerator", "type_spec"})):
            yield from _named(inner, ("name", "declarator"), source, language)
        return
    if kind in language.functions:
        yield from _named(node, (language.functions[kind].name,), source, language)
        return
    places = [node, *node.named_children]
    places += [below for child in node.named_children for below in child.named_children if "list" in child.type]
    for place in places:
        binder = language.binders.get(place.type)
        if binder is not None:
            yield from _named(place, binder.fields, source, language)
        elif place.type == "variable_assignment":
            yield from _named(place, ("name",), source, language)
        elif place.type in language.types and place is not node:
            yield from _binds(place, source, language)


def _named(node: Node, fields: tuple[str, ...], source: bytes, language: Language) -> Iterator[bytes]:
    for field in filter(None, fields):
        for name in node.children_by_field_name(field):
            yield from _pattern(name, source, language)


def _pattern(node: Node, source: bytes, language: Language) -> Iterator[bytes]:
    """Give the names in a pattern or a declarator."""
    if not node.named_child_count:
        yield source[node.start_byte : node.end_byte]
        return
    fields = language.patterns.get(node.type)
    if fields is None:
        below = node.child_by_field_name("name") or node.child_by_field_name("declarator")
        inside = [below] if below is not None else []
    elif fields:
        inside = [child for field in fields for child in node.children_by_field_name(field)]
    else:
        inside = node.named_children
    for child in inside:
        yield from _pattern(child, source, language)


def _alters(node: Node, source: bytes, language: Language) -> Iterator[bytes]:
    """Give the names of what a statement adds to or changes, by assignment or by calling a method of it."""
    if _is_addition(node, language):
        place = node.child_by_field_name("type") or node.child_by_field_name("receiver")
        yield from _words(place, source) if place is not None else ()
        return
    if node.type in language.functions:
        declarator = node.child_by_field_name("declarator")  # C++: `int A::f() { ... }`
        while declarator is not None and declarator.type != "qualified_identifier":
            declarator = declarator.child_by_field_name("declarator")
        if declarator is not None and (scope := declarator.child_by_field_name("scope")):
            yield source[scope.start_byte : scope.end_byte]
        return
    if node.type != "expression_statement" or not node.named_children:
        return
    inside = node.named_children[0]
    target = inside.child_by_field_name("left") if inside.type in _ASSIGNMENTS else None
    if inside.type == "call_expression" and (callee := inside.child_by_field_name("function")) is not None:
        target = callee if callee.type == "member_expression" else None
    while target is not None and target.type in ("member_expression", "subscript_expression"):
        target = target.child_by_field_name("object")
    if target is not None and target.type in language.names:
        name = source[target.start_byte : target.end_byte]
        if name != b"console":
            yield name


def _go_imports(node: Node, source: bytes, text: str) -> Iterator[Statement]:
    """Give one statement an import, since Go refuses those that are not used."""
    specs = list(below(node, {"import_spec"}))
    for spec in specs:
        path, alias = spec.child_by_field_name("path"), spec.child_by_field_name("name")
        if path is None:
            continue
        written = source[path.start_byte : path.end_byte].decode().strip('"`')
        name = source[alias.start_byte : alias.end_byte].decode() if alias is not None else written.split("/")[-1]
        kind = "setting" if name in ("_", ".") else "import"
        line = f"import {source[spec.start_byte : spec.end_byte].decode()}\n"
        own = text if len(specs) == 1 else line
        yield Statement(own, kind, frozenset({name}), frozenset(), frozenset(), frozenset())


_NOT_DONE = re.compile(
    rb"(?:throw new \w+|panic|throw std::\w+)\(\W*(?:not (?:yet )?implemented|todo)|(?:todo|unimplemented)!|"
    rb"throw new (?:UnsupportedOperation|NotImplemented)\w*\(",
    re.IGNORECASE,
)


def _is_stub(node: Node, language: Language) -> bool:
    shape = language.functions.get(node.type)
    body = node.child_by_field_name(shape.body) if shape is not None else None
    if body is None:
        return False
    does = [child for child in body.named_children if child.type not in language.comments]
    return not does or (len(does) == 1 and _NOT_DONE.match(does[0].text or b"") is not None)


def _words(node: Node, source: bytes) -> Iterator[bytes]:
    """Give every word below a node that could be a name: more than are read, never fewer."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if inner.named_child_count:
            waiting.extend(inner.named_children)
        elif inner.is_named:
            word = source[inner.start_byte : inner.end_byte]
            if len(word) < 100 and not word[:1].isdigit():
                yield word


def _decode(words: Iterator[bytes]) -> Iterator[str]:
    return (word.decode() for word in words)


def function_names(text: str, language: Language) -> frozenset[str]:
    """Return the names of all functions in a text, however deep: in an `impl`, under `#ifdef`, in a namespace."""
    source = to_source(text)
    if len(source) > MAX_BYTES:
        return frozenset()
    root = Parser(language.grammar).parse(source).root_node
    nodes = below(root, {*language.functions})
    found = (
        name for node in nodes for name in _named(node, (language.functions[node.type].name,), source, language)
    )
    return frozenset(_decode(found))
