"""Plans for statements that decide, nest and leave: what complexity and the tags of control flow rest on.

Cyclomatic complexity is 1 and the decisions: `if`, `else if`, loops, `catch`, cases but the default, ternaries,
each logical operator, and the clauses of comprehensions.

Cognitive complexity adds, for each of these that nests, 1 and how deep it is nested; 1 for each `else`, for each
sequence of one logical operator, and for recursion. Jumps to labels are not counted.

Sources: McCabe 1976, "A complexity measure"; Campbell 2018, "Cognitive Complexity: a new way of measuring
understandability", SonarSource.
"""

from tree_sitter import Node

from pairsmith.pipeline.languages.grammar import Grammar, ScopeKind, kind_ids
from pairsmith.pipeline.syntax.facts import Cut, Function
from pairsmith.pipeline.syntax.walking import Frame, Observer, Plan, Walk, make_mark


def enter_loop(walk: Walk, node: Node) -> None:
    """Count a loop."""
    facts = walk.facts
    frame = _nest(walk, node, depth=1, loops=1, cognitive=1)
    facts.n_decisions += 1
    facts.cognitive += frame.cognitive
    if frame.loops > facts.loop_depth and walk.scope.function is not None:
        facts.loop_depth = frame.loops


def enter_if(row: Grammar) -> Observer:
    """Return what counts an `if`."""

    def observe(walk: Walk, node: Node) -> None:
        facts, start = walk.facts, node.start_byte
        facts.n_decisions += 1
        if start in walk.chained:  # an `else if` nests no deeper than its `if`
            facts.cognitive += 1
        else:
            facts.cognitive += _nest(walk, node, depth=1, cognitive=1).cognitive
        alternative = node.child_by_field_name("alternative")
        if alternative is None:
            return
        inner = alternative
        if alternative.type in row.elses and alternative.named_child_count:
            inner = next((child for child in alternative.named_children if child.type in row.ifs), alternative)
        if inner.type in row.ifs:
            walk.chained.add(inner.start_byte)
            walk.chained.add(-alternative.start_byte)
        elif not row.elses:
            facts.cognitive += 1

    return observe


def pass_elif(walk: Walk, node: Node) -> None:
    """Count an `elif`."""
    walk.facts.n_decisions += 1
    walk.facts.cognitive += 1


def pass_else(walk: Walk, node: Node) -> None:
    """Count an `else`, unless an `else if` counts it."""
    if -node.start_byte not in walk.chained:
        walk.facts.cognitive += 1


def enter_switch(walk: Walk, node: Node) -> None:
    """Count a switch; its cases decide."""
    walk.facts.cognitive += _nest(walk, node, depth=1, cognitive=1).cognitive


def pass_case(defaults: tuple[bytes, ...]) -> Observer:
    """Return what counts a case that is not the default."""

    def observe(walk: Walk, node: Node) -> None:
        walk.facts.n_decisions += not walk.source.startswith(defaults, node.start_byte)

    return observe


def enter_choice(walk: Walk, node: Node) -> None:
    """Count a handler of exceptions, or an `a if b else c`."""
    walk.facts.n_decisions += 1
    walk.facts.cognitive += _nest(walk, node, cognitive=1).cognitive


def enter_nest(walk: Walk, node: Node) -> None:
    """Note a statement that nests and decides nothing."""
    _nest(walk, node, depth=1)


def pass_clause(walk: Walk, node: Node) -> None:
    """Count a clause of a comprehension."""
    walk.facts.n_decisions += 1


def note_return(walk: Walk, node: Node) -> None:
    """Count a function's returns."""
    if walk.scope.function is not None:
        walk.scope.function.n_returns += 1


def _nest(walk: Walk, node: Node, *, depth: int = 0, loops: int = 0, cognitive: int = 0) -> Frame:
    """Return the frame of a node, entered; `cognitive` there is what the node itself adds."""
    around = walk.frame(node.start_byte)
    frame = Frame(node.end_byte, around.depth + depth, around.loops + loops, around.cognitive + cognitive)
    walk.frames.append(frame)
    if frame.depth > walk.facts.nesting_depth and walk.scope.function is not None:
        walk.facts.nesting_depth = frame.depth
    return frame


def expand_block(row: Grammar) -> Plan:
    """Return what goes below a list of statements: dead code, documentation, what a function's body is like."""
    documents = row.documents
    leaving, wrapped, never_dead = (
        kind_ids(row, names)
        for names in (
            row.leaving,
            frozenset({"expression_statement"}),
            frozenset({"function_declaration", "labeled_statement", "case_statement", "function_item"}),
        )
    )
    may_wrap = any("expression" in kind for kind in row.leaving)

    def plan(walk: Walk, node: Node) -> None:
        children = walk.below(node)
        statements = [child for child in children if child.is_named]
        if len(statements) < len(children) and (ends := row.separated.get(node.type)) is not None:
            children = [child for child in children if child.is_named or child.type not in ends]
        left = False
        for statement in statements:
            kind = statement.kind_id
            if left and kind not in never_dead:
                walk.facts.seen.add("dead_code")
            left = kind in leaving or (may_wrap and kind in wrapped and _leaves(statement, row.leaving))
        scope = walk.scope
        function = scope.function
        fresh = walk.undescribed.pop(id(function or scope), None)
        if fresh is not None:
            if documents and statements and is_docstring(statements[0]):
                _note_docstring(walk, node, children, statements, function)
                statements = statements[1:]
            if function is not None and fresh.kind is ScopeKind.FUNCTION:
                _describe(function, statements, row)
        outer = scope
        if node.type in row.scopes:
            walk.stack.append(outer)
            walk.scope = walk.open_scope(ScopeKind.BLOCK, outer.function)
        walk.expand(node, children)

    return plan


def _leaves(statement: Node, leaving: frozenset[str]) -> bool:
    """Return whether an expression statement leaves the function or loop (Rust's `return`)."""
    if statement.type != "expression_statement" or not statement.named_child_count:
        return False
    return statement.children[0].type in leaving


def _describe(function: Function, statements: list[Node], row: Grammar) -> None:
    if not statements:
        return
    last = statements[-1]
    function.ends_in_return = last.type in row.returns or _leaves(last, row.returns)
    function.single = len(statements) == 1


def is_docstring(statement: Node) -> bool:
    """Return whether a statement is one plain string; the caller checks that it comes first."""
    if statement.type != "expression_statement" or statement.child_count != 1:
        return False
    string = statement.children[0]
    return string.type == "string" and not any(part.type == "interpolation" for part in string.children)


def _note_docstring(
    walk: Walk, node: Node, children: list[Node], statements: list[Node], function: Function | None
) -> None:
    """Note a docstring, and how the stream is without it; a whole body leaves a mark, since it can't be empty."""
    facts, place = walk.facts, len(walk.facts.stream)
    text = walk.text(statements[0])
    facts.docstring_lines += sum(bool(line.strip()) for line in text.split(b"\n"))
    if function is not None:
        function.documented = True
    n = len(children)
    if n == 1:
        facts.cuts.append(Cut(place + 1, place + 3, (b"\x05",)))
    else:
        facts.cuts.append(Cut(place, place + 3, (make_mark(node.kind_id, n - 1),)))
