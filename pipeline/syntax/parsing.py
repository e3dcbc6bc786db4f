"""The one parse that everything else shares, and the plans of its walk for each kind of node."""

import functools
from collections.abc import Callable, Iterable
from enum import StrEnum

from tree_sitter import Node, Parser

from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.languages.table import find_grammar
from pairsmith.pipeline.syntax import control, definitions, expressions
from pairsmith.pipeline.syntax.facts import Facts
from pairsmith.pipeline.syntax.walking import Call, Observer, Plan, Tables, Walk, make_mark


def expand_import(row: Grammar) -> Plan:
    """Return the record of an import, which keeps its names."""

    def plan(walk: Walk, node: Node) -> None:
        facts, scope, stream = walk.facts, walk.scope, walk.facts.stream
        found = list(row.find_imports(node, walk.source)) if row.find_imports is not None else []
        for imported in found:
            if imported.bound:
                scope.bind(imported.bound, 0, "kept", anew=False)
        start = len(stream)
        facts.imports += found

        def close() -> None:
            written = stream[start:]
            for imported in found:
                name = imported.bound
                facts.import_tokens[name] = facts.import_tokens.get(name, 0) + written.count(name)

        walk.stack.append(Call(close))
        _expand_plain(walk, node)

    return plan


def _expand_plain(walk: Walk, node: Node) -> None:
    """Take all leaves below a node as tokens, and no names."""
    waiting = [node]
    stream, comments = walk.facts.stream, walk.tables.comments
    while waiting:
        inner = waiting.pop()
        children = inner.children
        if children and inner.type not in walk.tables.row.strings:
            if walk.commented:
                children = [child for child in children if child.kind_id not in comments]
            children = [child for child in children if child.type != ";"]
            stream.append(make_mark(inner.kind_id, len(children)))
            waiting += children[::-1]
        else:
            stream.append(walk.text(inner))


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
    steps = (*observers, expander or expressions.expand)

    def plan(walk: Walk, node: Node) -> None:
        for step in steps:
            step(walk, node)

    return plan


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
    add(row.elifs, lambda kind: control.pass_elif)
    add(row.elses, lambda kind: control.pass_else)
    add(row.switches, lambda kind: control.enter_switch)
    add(row.cases, lambda kind: control.pass_case(row.defaults))
    add((*row.catches, *row.ternaries), lambda kind: control.enter_choice)
    add(row.tries | row.nests, lambda kind: control.enter_nest)
    add(row.clauses, lambda kind: control.pass_clause)
    add(row.booleans, lambda kind: expressions.note_operator(row))
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
    found |= dict.fromkeys(row.imports, expand_import(row))
    found |= dict.fromkeys(row.scopes, definitions.expand_scope(row))
    found |= dict.fromkeys(row.comprehensions, definitions.expand_comprehension)
    found |= dict.fromkeys(row.blocks, control.expand_block(row))
    found |= {kind: definitions.expand_class(field) for kind, field in row.classes.items()}
    found |= {kind: definitions.expand_function(shape, row) for kind, shape in row.functions.items()}
    return found


MAX_BYTES = 1 << 18  # longer texts aren't parsed: no sampler's limit lets a model write so much


class ParseStatus(StrEnum):
    """What came of parsing a text."""

    PARSED = "parsed"
    SYNTAX_ERROR = "syntax_error"
    TOO_LONG = "too_long"
    NULL_BYTES = "null_bytes"


def to_source(code: str) -> bytes:
    """Return the bytes that are parsed: UTF-8, with a replacement character for each lone surrogate."""
    try:
        return code.encode()
    except UnicodeEncodeError:
        return code.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


@functools.lru_cache(maxsize=256)
def parse_source(source: bytes, row: Grammar) -> Node:
    """Return the root of the tree of a text, however broken it is.

    The last few trees are kept, so that a program that was just extracted isn't parsed again. A parser is made
    each time: it costs 1 microsecond and can't be shared between threads.
    """
    return Parser(row.grammar).parse(source).root_node


def walk_tree(root: Node, source: bytes, row: Grammar) -> Facts:
    """Return the facts of a tree that has no error, or of one statement of it."""
    walk = Walk(root, source, make_tables(row))
    facts = walk.facts
    for comment in walk.comments:
        text = walk.text(comment)
        line = source[source.rfind(b"\n", 0, comment.start_byte) + 1 : comment.start_byte]
        if text == b"\\\n" or comment.type == "line_continuation":
            continue
        facts.seen.add("comment")
        if not line.strip():
            facts.comment_lines += text.rstrip().count(b"\n") + 1
        if row.doc_marks and text.startswith(row.doc_marks):
            facts.seen.add("docstring")
    return facts


def parse_facts(source: bytes, language: str = "python") -> tuple[ParseStatus, Facts | None]:
    """Return the facts of a program; none if it is too long or doesn't parse without an error.

    Raises:
        LanguageError: for an unknown language.
    """
    row = find_grammar(language)
    if len(source) > MAX_BYTES:
        return ParseStatus.TOO_LONG, None
    if b"\0" in source:
        return ParseStatus.NULL_BYTES, None
    root = parse_source(source, row)
    if root.has_error:
        return ParseStatus.SYNTAX_ERROR, None
    facts = walk_tree(root, source, row)
    return (ParseStatus.SYNTAX_ERROR, None) if facts.old else (ParseStatus.PARSED, facts)
