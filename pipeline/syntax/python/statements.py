"""Statements: blocks, what binds names, what the tags look for."""

from tree_sitter import Node

from pipeline.syntax.facts import CLOSE, END, OPEN, Scope, ScopeKind
from pipeline.syntax.python.grammar import EXTRAS, LEAVING, LOOPS, is_docstring, leaves, names_below, statements_in
from pipeline.syntax.python.walker import LOOP, Item, Walk


def on_block(walk: Walk, node: Node) -> None:
    """Mark the block's ends and those of its statements."""
    items: list[Item] = [] if node.type == "module" else [OPEN]
    left = False
    for child in node.children:
        kind = child.type
        if kind == ";":
            continue
        items.append(child)
        if kind not in EXTRAS:
            items.append(END)
            if left:
                walk.facts.seen.add("dead_code")
            left = kind in LEAVING
    if node.type != "module":
        items.append(CLOSE)
    walk.push(items)


def on_compound(walk: Walk, node: Node) -> None:
    """Count how deep a statement is nested."""
    kind = node.type
    walk.stack.append(walk.state)
    if walk.scope.function is not None:
        walk.state += 1 + (LOOP if kind in LOOPS else 0)
        walk.facts.nesting_depth = max(walk.facts.nesting_depth, walk.state % LOOP)
        if walk.state >= 2 * LOOP:
            walk.facts.seen.add("nested_loops")
    if kind == "for_statement" and (left := node.child_by_field_name("left")):
        walk.bind(left, walk.scope)
    walk.push(node.children)


def on_assignment(walk: Walk, node: Node) -> None:
    """Bind the target."""
    if left := node.child_by_field_name("left"):
        walk.bind(left, walk.scope)
    walk.push(node.children)


def on_delete(walk: Walk, node: Node) -> None:
    """Bind what is deleted: `del x` makes x local."""
    for child in node.named_children:
        walk.bind(child, walk.scope)
    walk.push(node.children)


def on_alias_target(walk: Walk, node: Node) -> None:
    """Bind what stands behind `as`."""
    walk.bind(node, walk.scope)
    walk.push(node.children)


def on_walrus(walk: Walk, node: Node) -> None:
    """Bind a `:=` target, in the scope around comprehensions."""
    scope: Scope = walk.scope
    while scope.kind is ScopeKind.COMPREHENSION and scope.parent is not None:
        scope = scope.parent
    if name := node.child_by_field_name("name"):
        scope.bound.add(walk.text(name))
    walk.push(node.children)


def on_import(walk: Walk, node: Node) -> None:
    """Bind what is imported, and take the statement as it is written."""
    facts, scope = walk.facts, walk.scope
    origin = node.child_by_field_name("module_name")
    for name in node.children_by_field_name("name"):
        alias = name.child_by_field_name("alias")
        path = name.child_by_field_name("name") or name
        whole = walk.text(path)
        bound = walk.text(alias) if alias is not None else whole.split(b".")[0].strip()
        scope.bound.add(bound)
        scope.kept.add(bound)
        if node.type == "import_statement":
            facts.modules.add(whole.split(b".")[0].strip())
    if origin is not None and origin.type == "dotted_name":
        facts.modules.add(walk.text(origin).split(b".")[0].strip())
    if any(child.type == "wildcard_import" for child in node.children):
        facts.seen.add("star_import")
    facts.tokens.extend(leaves(node, walk.source))


def on_return(walk: Walk, node: Node) -> None:
    """Count a function's returns."""
    if walk.scope.function is not None:
        walk.scope.function.n_returns += 1
    walk.push(node.children)


def on_except(walk: Walk, node: Node) -> None:
    """Look for `except:`."""
    if node.child_by_field_name("value") is None:
        walk.facts.seen.add("bare_except")
    walk.push(node.children)


def on_expression_statement(walk: Walk, node: Node) -> None:
    """Look for docstrings."""
    if not is_docstring(node) or node.parent is None:
        walk.push(node.children)
        return
    block = node.parent
    owner = block.parent
    statements = statements_in(block)
    is_body = block.type == "module" or (
        owner is not None and owner.type in ("function_definition", "class_definition")
    )
    if is_body and statements[0] == node:
        walk.facts.docstrings.append((len(walk.facts.tokens), len(statements) == 1))
        walk.facts.docstring_lines += sum(bool(line.strip()) for line in walk.text(node).split(b"\n"))
    walk.push(node.children)


def on_case_pattern(walk: Walk, node: Node) -> None:
    """Pin every name of a `case` pattern: captures, values and keywords look alike there."""
    walk.facts.n_default_cases += walk.text(node) == b"_"
    names = names_below(node, walk.source)
    walk.facts.pinned |= names
    walk.scope.bound |= names
    walk.facts.tokens.extend(leaves(node, walk.source))


def on_type_parameter(walk: Walk, node: Node) -> None:
    """Pin type parameters."""
    walk.facts.pinned |= names_below(node, walk.source)  # own scopes since 3.12: rare, so left
    walk.push(node.children)


def on_old(walk: Walk, node: Node) -> None:
    """Note a statement of Python 2."""
    walk.facts.old = True
    walk.push(node.children)


def on_comment(walk: Walk, node: Node) -> None:
    """Count lines that hold nothing but a comment."""
    line = walk.source[walk.source.rfind(b"\n", 0, node.start_byte) + 1 : node.start_byte]
    walk.facts.comment_lines += not line.strip()


def on_line_continuation(walk: Walk, node: Node) -> None:
    """Leave it out of the tokens."""
