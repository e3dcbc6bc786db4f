"""Turns a language's row into what the walk does for each kind of node."""

import functools
from collections.abc import Callable, Iterable

from tree_sitter import Node

from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.syntax import control, definitions, expressions, importing
from pairsmith.pipeline.syntax.walking import N_MARKS, Plan, Tables, Walk, make_mark

Observer = Callable[[Walk, Node], None]


@functools.cache
def make_tables(row: Grammar) -> Tables:
    """Return the tables of a language; made once."""
    grammar = row.grammar
    n = grammar.node_kind_count
    kinds = [grammar.node_kind_for_id(kind) or "" for kind in range(n)]
    named = [grammar.node_kind_is_named(kind) for kind in range(n)]
    literals: list[bytes | None] = [
        None if named[kind] or not name else name.encode() for kind, name in enumerate(kinds)
    ]
    observers, expanders = _observers(row), _expanders(row)
    plans: list[Plan | None] = []
    for kind, name in enumerate(kinds):
        plans.append(_compose(observers.get(name, []), expanders.get(name)) if named[kind] else None)
    # The steps that are no nodes have negative kind ids, which count from the end.
    plans += [_call, _enter]

    def ids(names: frozenset[str]) -> frozenset[int]:
        return frozenset(kind for kind, name in enumerate(kinds) if named[kind] and name in names)

    return Tables(
        row=row,
        literals=[*literals, None, None],
        is_name=[named[kind] and name in row.names for kind, name in enumerate(kinds)] + [False, False],
        plans=plans,
        marks=[[make_mark(kind, n) for n in range(N_MARKS)] for kind in range(n)],
        comments=ids(row.comments),
        plain_leaves=ids(row.labels | row.numbers),
        ids={name: kind for kind, name in reversed(list(enumerate(kinds))) if named[kind]},
    )


def _enter(walk: Walk, scope: object) -> None:
    walk.scope = scope  # type: ignore[assignment]


def _call(walk: Walk, step: object) -> None:
    step.run()  # type: ignore[attr-defined]


def _compose(observers: list[Observer], expander: Plan | None) -> Plan | None:
    """Return one function that observes a node and then goes below it."""
    if not observers:
        return expander
    go_on = expander or expressions.expand
    if len(observers) == 1:
        (observe,) = observers

        def plan(walk: Walk, node: Node) -> None:
            observe(walk, node)
            go_on(walk, node)

        return plan

    def plan_all(walk: Walk, node: Node) -> None:
        for observe in observers:
            observe(walk, node)
        go_on(walk, node)

    return plan_all


def _observers(row: Grammar) -> dict[str, list[Observer]]:
    """Return, by kind, what only looks at a node."""
    found: dict[str, list[Observer]] = {}

    def add(kinds: Iterable[str], make: Callable[[str], Observer]) -> None:
        for kind in kinds:
            found.setdefault(kind, []).append(make(kind))

    for tag, kinds in row.tag_kinds.items():
        add(kinds, lambda kind, tag=tag: expressions.see(tag))  # type: ignore[misc]
    add(row.spots, lambda kind: expressions.spot(row.spots[kind]))
    add(row.binders.keys() - row.functions.keys(), lambda kind: definitions.bind(row.binders[kind], row))
    add(row.members, lambda kind: expressions.note_members(row.members[kind]))
    add(row.pins, lambda kind: expressions.pin)
    add(row.globals_, lambda kind: definitions.note_globals)
    add(row.nonlocals, lambda kind: definitions.note_nonlocals)
    add(row.old, lambda kind: expressions.note_old)
    add(row.loops, lambda kind: control.enter_loop)
    add(row.ifs, lambda kind: control.enter_if(row))
    add(row.elifs, lambda kind: control.pass_elif(row))
    add(row.elses, lambda kind: control.pass_else)
    add(row.switches, lambda kind: control.enter_switch)
    add(row.cases, lambda kind: control.pass_case(row.defaults))
    add(row.catches, lambda kind: control.enter_catch)
    add(row.ternaries, lambda kind: control.enter_ternary)
    add(row.tries | row.nests, lambda kind: control.enter_nest)
    add(row.clauses, lambda kind: control.pass_clause)
    add(row.booleans | row.comparisons, lambda kind: expressions.note_operator(kind, row))
    add(row.returns, lambda kind: control.note_return)
    add(row.calls, lambda kind: expressions.note_call(row.calls[kind], row))
    add(row.keywords, lambda kind: expressions.note_keyword)
    return found


def _expanders(row: Grammar) -> dict[str, Plan]:
    """Return, by kind, what goes below a node in a way of its own."""
    found: dict[str, Plan] = dict.fromkeys(row.atoms, expressions.take_atom)
    found |= dict.fromkeys(row.texts, expressions.take_text)
    found |= dict.fromkeys(row.verbatim, expressions.expand_verbatim)
    strings = expressions.expand_string(row) if row.interpolations else expressions.take_atom
    found |= dict.fromkeys(
        row.strings - row.texts - (row.verbatim if row.interpolations else frozenset()), strings
    )
    found |= dict.fromkeys(row.interpolations, expressions.expand_interpolation)
    found |= {kind: expressions.expand_separated(ends) for kind, ends in row.separated.items()}
    found |= dict.fromkeys(row.keywords, expressions.expand_keyword)
    found |= dict.fromkeys(row.imports, importing.expand_import(row))
    found |= {kind: definitions.expand_hinted(other, row) for kind, other in row.hinted.items()}
    found |= dict.fromkeys(row.scopes, definitions.expand_scope(row))
    found |= dict.fromkeys(row.comprehensions, definitions.expand_comprehension)
    found |= dict.fromkeys(row.blocks, control.expand_block(row))
    found |= {kind: definitions.expand_class(field) for kind, field in row.classes.items()}
    found |= {kind: definitions.expand_function(shape, row) for kind, shape in row.functions.items()}
    return found
