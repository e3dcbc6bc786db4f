"""Plans for what binds names and opens scopes: functions, classes, blocks, assignments, type hints."""

import functools
from collections.abc import Iterator

from tree_sitter import Node

from pairsmith.pipeline.languages.grammar import Binder, Grammar, ScopeKind, Shape, kind_ids
from pairsmith.pipeline.syntax.expressions import expand
from pairsmith.pipeline.syntax.facts import END_OF_FILE, Function, Scope
from pairsmith.pipeline.syntax.walking import Call, Frame, Item, Observer, Plan, Walk, names_below

_PARAMETERS = Binder(role="parameter")


@functools.cache
def bind(binder: Binder, row: Grammar) -> Observer:
    """Return what binds the names of a node.

    A name's scope and extent follow the binder; `declared` remembers what the name means where it is bound.
    """
    wanted = frozenset((*binder.only_with, *binder.function_with))
    name_ids = kind_ids(row, row.names)
    plain = Binder(binder.fields, scope=binder.scope)
    simple = binder == plain and len(binder.fields) == 1 and binder.scope != "body" and not row.constants

    def observe(walk: Walk, node: Node) -> None:
        target = node.child_by_field_name(binder.fields[0]) if simple else None
        if target is not None and target.kind_id in name_ids:  # nearly always: one name, assigned to
            home = walk.scope.around() if binder.scope == "function" else walk.scope
            start = target.start_byte
            text = walk.source[start : target.end_byte]
            walk.facts.declared[start] = home.bind(text, 0, "local", anew=False)
            return
        scope, until = walk.scope, END_OF_FILE
        widely = binder.scope == "function"
        if wanted:
            kinds = {child.type for child in node.children}
            if binder.only_with and kinds.isdisjoint(binder.only_with):
                return
            if binder.function_with:
                parent = node.parent
                kinds |= {child.type for child in parent.children} if parent is not None else set()
                widely = not kinds.isdisjoint(binder.function_with)
        since = node.end_byte if binder.since == "after" else 0
        if widely:
            scope = scope.around()
        elif binder.scope == "body" and (body := node.child_by_field_name("body")) is not None:
            since, until = body.start_byte, body.end_byte
        new: set[bytes] = set()
        for name in _targets(node, binder.fields, row):
            text = walk.text(name)
            if row.constants and text[:1].isupper():
                continue
            start = name.start_byte
            begin = start if binder.since == "here" else since
            anew = binder.anew and text not in new
            walk.facts.declared[start] = scope.bind(text, begin, binder.role, anew=anew, until=until)
            new.add(text)

    return observe


def _count_parameters(walk: Walk, parameters: Node, function: Function, is_method: bool, row: Grammar) -> None:
    """Count the parameters that have a type hint, and look for a default that can be changed in place."""
    for number, parameter in enumerate(parameters.named_children):
        is_bare = parameter.kind_id in walk.tables.comments or "separator" in parameter.type
        if is_bare or (is_method and number == 0 and walk.text(parameter) in (b"self", b"cls")):
            continue
        function.n_parameters += 1
        if parameter.child_count:
            function.n_hinted += parameter.child_by_field_name("type") is not None
            default = parameter.child_by_field_name("value")
            if default is not None and _is_mutable(walk, default, row):
                function.mutable_default = True


def _is_mutable(walk: Walk, node: Node, row: Grammar) -> bool:
    if node.type == "call" and (callee := node.child_by_field_name("function")):
        return walk.text(callee) in (b"list", b"dict", b"set")
    return node.type in ("list", "dictionary", "set", "list_comprehension", "dictionary_comprehension")


def _targets(node: Node, fields: tuple[str, ...], row: Grammar) -> Iterator[Node]:
    """Give the names that a pattern binds, in order; those in subscripts and attributes are only read."""
    names, patterns = row.names, row.patterns
    waiting = [child for field in fields for child in node.children_by_field_name(field)]
    if not fields:
        waiting = node.named_children
    waiting = waiting[::-1]
    while waiting:
        inner = waiting.pop()
        kind = inner.type
        if kind in names:
            yield inner
        elif kind in patterns:
            inside = patterns[kind]
            if inside:
                waiting += [child for field in inside for child in inner.children_by_field_name(field)][::-1]
            else:
                skipped = inner.child_by_field_name("type")
                waiting += [child for child in inner.named_children if child != skipped][::-1]


def note_globals(walk: Walk, node: Node) -> None:
    """Note names that are declared global."""
    walk.scope.around().globals_.update(names_below(node, walk))
    if walk.scope.function is not None:
        walk.facts.seen.add("global_state")


def note_nonlocals(walk: Walk, node: Node) -> None:
    """Note names of a function around."""
    walk.scope.around().nonlocals.update(names_below(node, walk))


def expand_function(shape: Shape, row: Grammar) -> Plan:
    """Return what opens the scope of a function."""
    kind = ScopeKind.LAMBDA if shape.lambda_ else ScopeKind.FUNCTION
    binds: dict[str, Observer] = {
        name: bind(row.binders[name], row) for name in row.functions.keys() & row.binders.keys()
    }

    def plan(walk: Walk, node: Node) -> None:
        outer, start = walk.scope, node.start_byte
        name_node = _find_name(node.child_by_field_name(shape.name), row) if shape.name else None
        name = walk.text(name_node) if name_node is not None else b""
        if name_node is not None and (name_node.type in row.names or row.dynamic):
            walk.facts.declared[name_node.start_byte] = outer.bind(name, 0, "local", anew=False)
        parent = outer.function
        function = Function(name, parent, parent is not None or shape.lambda_)
        function.n_lines = node.end_point.row - node.start_point.row + 1
        inner = walk.open_scope(kind, function)
        if not shape.lambda_:
            walk.facts.functions.append(function)
            walk.undescribed[id(function)] = inner
            function.returns_hinted = bool(shape.returns) and node.child_by_field_name(shape.returns) is not None
        if row.hint_tags and not shape.lambda_:
            parameters = node.child_by_field_name(shape.parameters[0])
            if parameters is not None:
                _count_parameters(walk, parameters, function, outer.kind is ScopeKind.CLASS, row)
        frame = walk.frame(start)
        walk.frames.append(Frame(node.end_byte, 0, 0, frame.cognitive + (parent is not None)))
        if shape.outside:
            _expand_outside(walk, node, shape, inner, outer, row)
        else:
            children = walk.below(node)
            # A scope is left at the end of the node, so the name in front can be looked up inside: it is kept.
            walk.stack.append(outer)
            walk.scope = inner
            if node.type in binds:
                binds[node.type](walk, node)
            walk.expand(node, children)

    return plan


def _expand_outside(walk: Walk, node: Node, shape: Shape, inner: Scope, outer: Scope, row: Grammar) -> None:
    """Go below a function whose defaults and hints are looked up outside of it (Python)."""
    parameters = node.child_by_field_name(shape.parameters[0])
    body = node.child_by_field_name(shape.body)
    if parameters is not None:
        walk.scope = inner
        bind(_PARAMETERS, row)(walk, parameters)
        walk.scope = outer
    children = walk.below(node)
    items: list[Item] = []
    for child in children:
        if body is not None and child == body:
            items += (inner, child, outer)
        else:
            items.append(child)
    walk.expand(node, children, items)


def _find_name(node: Node | None, row: Grammar) -> Node | None:
    """Return the name in a declarator (C), or the node itself."""
    while node is not None and node.named_child_count and node.type not in row.names:
        below = node.child_by_field_name("declarator") or node.child_by_field_name("name")
        if below is None:
            below = (
                node.named_children[-1] if node.type in ("reference_declarator", "qualified_identifier") else None
            )
        node = below
    return node


def expand_class(field: str) -> Plan:
    """Return what opens the scope of a class's members."""

    def plan(walk: Walk, node: Node) -> None:
        outer = walk.scope
        inner = walk.open_scope(ScopeKind.CLASS, None)
        walk.undescribed[id(inner)] = inner
        if not field:
            walk.stack.append(outer)
            walk.scope = inner
            expand(walk, node)
            return
        body = node.child_by_field_name(field)
        children = walk.below(node)
        items: list[Item] = []
        for child in children:
            items += (inner, child, outer) if child == body else (child,)
        walk.expand(node, children, items)

    return plan


def expand_scope(row: Grammar) -> Plan:
    """Return what opens the scope of a block."""

    def plan(walk: Walk, node: Node) -> None:
        outer, until = walk.scope, END_OF_FILE
        if node.type in row.until_alternative:
            alternative = node.child_by_field_name("alternative")
            until = alternative.start_byte if alternative is not None else until
        walk.stack.append(outer)
        walk.scope = walk.open_scope(ScopeKind.BLOCK, outer.function, until)
        expand(walk, node)

    return plan


def expand_comprehension(walk: Walk, node: Node) -> None:
    """Open the scope of a comprehension; its first source is evaluated outside of it."""
    outer = walk.scope
    inner = walk.open_scope(ScopeKind.COMPREHENSION, outer.function)
    children = walk.below(node)
    items: list[Item] = [inner]
    first = True
    for child in children:
        source = child.child_by_field_name("right") if first and child.type == "for_in_clause" else None
        if source is None:
            items.append(child)
            continue
        first = False
        items.append(Call(lambda child=child, source=source: _expand_source(walk, child, source, inner, outer)))  # type: ignore[misc]
    items.append(outer)
    walk.expand(node, children, items)


def _expand_source(walk: Walk, clause: Node, source: Node, inner: Scope, outer: Scope) -> None:
    """Go below the first `for` of a comprehension."""
    bind(walk.tables.row.binders[clause.type], walk.tables.row)(walk, clause)
    walk.facts.n_decisions += clause.type in walk.tables.row.clauses
    children = walk.below(clause)
    items: list[Item] = []
    for child in children:
        items += (outer, child, inner) if child == source else (child,)
    walk.expand(clause, children, items)
