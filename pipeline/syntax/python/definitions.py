"""What opens a scope: functions, lambdas, classes, comprehensions; and what names scopes: global, nonlocal."""

from collections.abc import Iterator

from tree_sitter import Node

from pipeline.syntax.facts import Function, Scope, ScopeKind
from pipeline.syntax.python.grammar import EXTRAS, MUTABLE, is_docstring, statements_in
from pipeline.syntax.python.walker import Item, Walk


def on_function(walk: Walk, node: Node) -> None:
    """Open the scope of a function, and note what the tags ask of functions."""
    name_node, body = node.child_by_field_name("name"), node.child_by_field_name("body")
    parameters = node.child_by_field_name("parameters")
    outer, name = walk.scope, walk.text(name_node) if name_node else b""
    outer.bound.add(name)
    function = Function(name, outer.function)
    function.returns_hinted = node.child_by_field_name("return_type") is not None
    walk.facts.functions.append(function)
    inner = walk.open_scope(ScopeKind.FUNCTION, function)
    _describe_body(walk, function, body)
    items: list[Item] = []
    for child in node.children:
        if child == parameters:
            items.extend(_parameter_items(walk, child, inner, outer.kind is ScopeKind.CLASS))
        elif child == body:
            # A function's nesting is its own: the state starts anew and is put back behind it.
            items.extend((0, inner, child, outer, walk.state))
        else:
            items.append(child)
    walk.push(items)


def _describe_body(walk: Walk, function: Function, body: Node | None) -> None:
    statements = statements_in(body)
    if statements and is_docstring(statements[0]):
        function.documented = True
        del statements[0]
    if not statements:
        return
    first, last = statements[0], statements[-1]
    function.ends_in_return = last.type == "return_statement"
    function.single = len(statements) == 1
    if first.type == "if_statement" and first.child_by_field_name("alternative") is None:
        inside = statements_in(first.child_by_field_name("consequence"))
        function.guarded = bool(inside) and inside[-1].type in ("return_statement", "raise_statement")


def _parameter_items(walk: Walk, node: Node, inner: Scope, is_method: bool) -> Iterator[Item]:
    """Give the items of a parameter list: names belong to the function, defaults and hints to its outside."""
    for place, child in enumerate(node.children):
        if child.type == "identifier":
            yield _parameter(walk, child, inner)
        elif child.named_child_count and child.type not in EXTRAS:
            yield from _one_parameter(walk, child, inner)
        else:
            yield child
            continue
        if inner.function is not None and not (is_method and place == 1 and _is_self(walk, child)):
            inner.function.n_parameters += 1
            inner.function.n_hinted += child.child_by_field_name("type") is not None


def _one_parameter(walk: Walk, node: Node, inner: Scope) -> Iterator[Item]:
    """Give the items of a parameter that has a default, a type hint or stars."""
    name = node.child_by_field_name("name") or next(iter(node.named_children))
    default = node.child_by_field_name("value")
    if default is not None and inner.function is not None and inner.kind is ScopeKind.FUNCTION:
        inner.function.mutable_default |= _is_mutable(walk, default)
    for child in node.children:
        if child != name:
            yield child
        elif child.type == "identifier":
            yield _parameter(walk, child, inner)
        else:  # `*args: int` holds its stars and name a level deeper
            for part in child.children:
                yield _parameter(walk, part, inner) if part.type == "identifier" else part


def _parameter(walk: Walk, node: Node, inner: Scope) -> tuple[bytes, Scope]:
    name = walk.text(node)
    inner.bound.add(name)
    inner.parameters.add(name)
    return name, inner


def _is_self(walk: Walk, node: Node) -> bool:
    return walk.text(node) in (b"self", b"cls")


def _is_mutable(walk: Walk, node: Node) -> bool:
    if node.type == "call" and (callee := node.child_by_field_name("function")):
        return walk.text(callee) in (b"list", b"dict", b"set")
    return node.type in MUTABLE


def on_lambda(walk: Walk, node: Node) -> None:
    """Open the scope of a lambda."""
    parameters, body = node.child_by_field_name("parameters"), node.child_by_field_name("body")
    outer = walk.scope
    inner = walk.open_scope(ScopeKind.LAMBDA, outer.function)
    items: list[Item] = []
    for child in node.children:
        if child == parameters:
            for part in child.children:
                if part.type == "identifier":
                    items.append(_parameter(walk, part, inner))
                elif part.named_child_count and part.type not in EXTRAS:
                    items.extend(_one_parameter(walk, part, inner))
                else:
                    items.append(part)
        elif child == body:
            items.extend((inner, child, outer))
        else:
            items.append(child)
    walk.push(items)


def on_comprehension(walk: Walk, node: Node) -> None:
    """Open the scope of a comprehension; its first source is evaluated outside of it."""
    outer = walk.scope
    inner = walk.open_scope(ScopeKind.COMPREHENSION, outer.function)
    items: list[Item] = [inner]
    first = True
    for child in node.children:
        if child.type != "for_in_clause":
            items.append(child)
            continue
        if left := child.child_by_field_name("left"):
            walk.bind(left, inner)
        if not first:
            items.append(child)
            continue
        first = False
        walk.kinds.append(child.kind_id)
        source = child.child_by_field_name("right")
        for part in child.children:  # the first source is evaluated outside
            items.extend((outer, part, inner) if part == source else (part,))
    items.append(outer)
    walk.push(items)


def on_class(walk: Walk, node: Node) -> None:
    """Open the scope of a class body."""
    outer, body = walk.scope, node.child_by_field_name("body")
    name_node = node.child_by_field_name("name")
    if name_node is not None:
        outer.bound.add(walk.text(name_node))
        outer.kept.add(walk.text(name_node))
    inner = walk.open_scope(ScopeKind.CLASS, None)
    items: list[Item] = []
    for child in node.children:
        items.extend((inner, child, outer) if child == body else (child,))
    walk.push(items)


def on_global(walk: Walk, node: Node) -> None:
    """Note names that are declared global or nonlocal."""
    names = [walk.text(child) for child in node.named_children if child.type == "identifier"]
    if node.type == "global_statement":
        walk.scope.globals_.update(names)
        if walk.scope.function is not None:
            walk.facts.seen.add("global_state")
    else:
        walk.scope.nonlocals.update(names)
    walk.push(node.children)
