"""Plans for tokens and expressions: strings, names that are no variables, operators, calls."""

from collections.abc import Callable

from tree_sitter import Node

from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.syntax.facts import Function
from pairsmith.pipeline.syntax.walking import Call, Item, Observer, Plan, Walk, names_below, words_in


def expand(walk: Walk, node: Node) -> None:
    """Go below a node."""
    walk.expand(node, walk.below(node))


def see(tag: str) -> Observer:
    """Return what notes a tag."""

    def observe(walk: Walk, node: Node) -> None:
        walk.facts.seen.add(tag)

    return observe


def spot(find: Callable[[Node, bytes], str]) -> Observer:
    """Return what notes the tag that a node shows by what is in it."""

    def observe(walk: Walk, node: Node) -> None:
        tag = find(node, walk.source)
        if tag:
            walk.facts.seen.add(tag)

    return observe


def take_atom(walk: Walk, node: Node) -> None:
    """Take a node as one literal token."""
    walk.facts.stream.append(walk.source[node.start_byte : node.end_byte])


def take_text(walk: Walk, node: Node) -> None:
    """Take a text as one token; a variable that it could name keeps its name."""
    text = walk.text(node)
    walk.facts.stream.append(text)
    walk.facts.words |= words_in(text)
    if text[:1] != b'"' and b"#" in text:  # a macro that turns its argument into a string
        walk.facts.looking |= node.type == "preproc_arg"


def expand_string(row: Grammar) -> Plan:
    """Return what takes a string as one token, cut at the expressions inside of it."""
    interpolations = row.interpolations

    def plan(walk: Walk, node: Node) -> None:
        children = node.children
        if len(children) <= 3 and (len(children) < 3 or children[1].type not in interpolations):
            take_atom(walk, node)
        elif any(child.type in interpolations for child in children):
            walk.facts.seen.add("string_interpolation")
            walk.expand(node, children)
        else:
            take_atom(walk, node)

    return plan


def expand_interpolation(walk: Walk, node: Node) -> None:
    """Go into an expression inside of a string; `{x=}` shows its own text, so it is kept unchanged."""
    children = node.children
    if any(child.type == "=" for child in children):
        walk.facts.pinned |= names_below(node, walk)
        take_atom(walk, node)
    else:
        walk.expand(node, children)


def expand_verbatim(walk: Walk, node: Node) -> None:
    """Go below a node, and take what stands between its children as tokens too: white space counts."""
    children = node.children
    if not children:
        take_text(walk, node)
        return
    items: list[Item] = []
    end = node.start_byte
    append = walk.facts.stream.append
    interpolations = walk.tables.row.interpolations
    for child in children:
        if child.type in interpolations:
            walk.facts.seen.add("string_interpolation")
        if child.start_byte > end:
            gap = walk.source[end : child.start_byte]
            items.append(Call(lambda gap=gap: append(b"\x03" + gap)))  # type: ignore[misc]
        items.append(child)
        end = child.end_byte
    if node.end_byte > end:
        gap = walk.source[end : node.end_byte]
        items.append(Call(lambda gap=gap: append(b"\x03" + gap)))  # type: ignore[misc]
    walk.expand(node, children, items)


def expand_separated(ends: frozenset[str]) -> Plan:
    """Return what leaves out the tokens that end statements: the tree shows where they end."""

    def plan(walk: Walk, node: Node) -> None:
        walk.expand(node, [child for child in walk.below(node) if child.type not in ends or child.is_named])

    return plan


def note_members(fields: tuple[str, ...]) -> Observer:
    """Return what notes names that are no variables."""

    def observe(walk: Walk, node: Node) -> None:
        plain = walk.facts.plain
        if not fields:
            plain.update(child.start_byte for child in node.named_children)
        for field in fields:
            child = node.child_by_field_name(field)
            if child is not None:
                plain.add(child.start_byte)

    return observe


def pin(walk: Walk, node: Node) -> None:
    """Have every name below keep its own."""
    walk.facts.pinned |= names_below(node, walk)


def note_old(walk: Walk, node: Node) -> None:
    """Note a statement of an older version of the language."""
    walk.facts.old = True


def note_keyword(walk: Walk, node: Node) -> None:
    """Note the name of a keyword argument, or `**`."""
    if node.type == "keyword_argument":
        walk.facts.keyword_names.add(walk.text(node.children[0]))
    else:
        walk.facts.splats_keywords = True


def note_operator(row: Grammar) -> Observer:
    """Return what counts logical operators.

    A sequence of one logical operator adds 1 to cognitive complexity, each change of operator another 1.

    Source: Campbell 2018, "Cognitive Complexity: a new way of measuring understandability", SonarSource.
    """

    def observe(walk: Walk, node: Node) -> None:
        children = node.children
        if len(children) < 3:
            return
        literals = walk.tables.literals
        operator = literals[children[1].kind_id]
        if operator in row.boolean_words:
            walk.facts.n_decisions += 1
            left = children[0]
            below = left.children if left.kind_id == node.kind_id else ()
            if len(below) < 2 or literals[below[1].kind_id] != operator:
                walk.facts.cognitive += 1

    return observe


def note_call(field: str, row: Grammar) -> Observer:
    """Return what notes the functions and methods that are called, and calls of a function by itself."""
    names = row.names

    def observe(walk: Walk, node: Node) -> None:
        facts, function = walk.facts, walk.scope.function
        callee = node.child_by_field_name(field)
        if callee is None:
            return
        if callee.type in names or callee.child_count <= 1:
            name = walk.text(callee)
            owner = node.child_by_field_name("object") if field == "name" else None
            (facts.called if owner is None else facts.methods).add(name)
            if function is not None and _is_inside(name, function) and (owner is None or owner.type == "this"):
                _note_recursion(walk)
        else:
            children = callee.children
            name = walk.text(children[-1])
            facts.methods.add(name)
            if function is not None and _is_inside(name, function) and walk.text(children[0]) in _SELF:
                _note_recursion(walk)

    return observe


_SELF = frozenset({b"self", b"cls", b"this"})


def _note_recursion(walk: Walk) -> None:
    if "recursion" not in walk.facts.seen:
        walk.facts.cognitive += 1
        walk.facts.seen.add("recursion")


def _is_inside(name: bytes, function: Function | None) -> bool:
    while function is not None:
        if function.name == name:
            return True
        function = function.parent
    return False
