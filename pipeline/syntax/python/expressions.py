"""Expressions: names that are no variables, calls, strings."""

from tree_sitter import Node

from pipeline.syntax.facts import Function
from pipeline.syntax.python.grammar import COMPREHENSIONS
from pipeline.syntax.python.walker import Walk


def on_attribute(walk: Walk, node: Node) -> None:
    """Take the attribute's name as a token: it is no variable."""
    *before, name = node.children
    walk.push([*before, walk.text(name)])


def on_keyword_argument(walk: Walk, node: Node) -> None:
    """Take the argument's name as a token: it is no variable."""
    name, *rest = node.children
    text = walk.text(name)
    walk.facts.keyword_names.add(text)
    walk.push([text, *rest])


def on_dictionary_splat(walk: Walk, node: Node) -> None:
    """Note a `**` argument."""
    walk.facts.splats_keywords = True
    walk.push(node.children)


def on_call(walk: Walk, node: Node) -> None:
    """Note what is called."""
    facts, scope = walk.facts, walk.scope
    callee = node.child_by_field_name("function")
    if callee is not None and callee.type == "identifier":
        name = walk.text(callee)
        facts.called.add(name)
        if scope.function is not None and name in (b"print", b"input"):
            facts.seen.add(name.decode() + "_in_function")
        if _is_inside(name, scope.function):
            facts.seen.add("recursion")
    elif callee is not None and callee.type == "attribute":
        method = walk.text(callee.children[-1])
        facts.methods.add(method)
        if _is_inside(method, scope.function) and walk.text(callee.children[0]) in (b"self", b"cls"):
            facts.seen.add("recursion")
    walk.push(node.children)


def _is_inside(name: bytes, function: Function | None) -> bool:
    while function is not None:
        if function.name == name:
            return True
        function = function.parent
    return False


def on_binary(walk: Walk, node: Node) -> None:
    """Look for % formatting."""
    children = node.children
    if children[0].type == "string" and any(child.type == "%" for child in children):
        walk.facts.seen.add("percent_format")
    walk.push(children)


def on_comparison(walk: Walk, node: Node) -> None:
    """Look for numbers compared with."""
    for child in node.children:
        number = child.named_children[0] if child.type == "unary_operator" and child.named_children else child
        if number.type in ("integer", "float") and walk.text(number) not in (b"0", b"1"):
            walk.facts.seen.add("magic_comparison")
    walk.push(node.children)


def on_string(walk: Walk, node: Node) -> None:
    """Take a string as one token, cut at the variables that an f-string names: its white space counts."""
    facts, start = walk.facts, node.start_byte
    if node.child_count > 2 and any(child.type == "interpolation" for child in node.children):
        facts.seen.add("f_string")
        for name in _interpolated_names(walk, node):
            facts.tokens.append(walk.source[start : name.start_byte])
            facts.names.append((len(facts.tokens), walk.scope))
            facts.tokens.append(walk.text(name))
            facts.n_pieces += 2
            start = name.end_byte
    facts.tokens.append(walk.source[start : node.end_byte])


def _interpolated_names(walk: Walk, string: Node) -> list[Node]:
    """Return the variables inside of an f-string, in order; pin those whose renaming could be seen."""
    found: list[Node] = []
    pinned = False
    waiting = [string]
    while waiting:
        node = waiting.pop()
        kind = node.type
        children = node.children
        if kind == "identifier":
            found.append(node)
        elif kind == "interpolation" and any(child.type == "=" for child in children):
            pinned = True  # f"{x = }" prints the name
        elif kind in COMPREHENSIONS or kind in ("lambda", "named_expression"):
            pinned = True  # scopes inside of a string: rare, so left as they are
        elif kind == "attribute":
            children = children[:-1]
        elif kind == "keyword_argument":
            walk.facts.keyword_names.add(walk.text(children[0]))
            children = children[1:]
        elif kind == "dictionary_splat":
            walk.facts.splats_keywords = True
        waiting.extend(children[::-1])
    if pinned:
        walk.facts.pinned.update(walk.text(name) for name in found)
    return found
