"""The walk over a tree: a loop with a stack of its own, so that no nesting can exhaust Python's.

What is done for a kind of node comes from a table that `pipeline.syntax.parsing` makes of a language's row. The
loop itself knows only tokens, names and inner nodes, since most nodes are nothing else.
"""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tree_sitter import Node

from pairsmith.pipeline.languages.grammar import Grammar, ScopeKind
from pairsmith.pipeline.syntax.facts import END_OF_FILE, MARK, Facts, Function, Scope

CALL = -2
"""Kind id of a step on the stack that calls back."""
_WORD = re.compile(rb"[^\W\d]\w*")


@dataclass(slots=True, eq=False)
class Call:
    """A step on the stack: what to do when everything before it is done."""

    run: Callable[[], object]
    kind_id: int = CALL


Item: TypeAlias = Node | Scope | Call
Plan: TypeAlias = Callable[["Walk", Node], None]
"""Goes below a node of some kind."""
Observer: TypeAlias = Plan
"""Looks at a node, and leaves going below it to a plan."""


@dataclass(frozen=True, slots=True)
class Tables:
    """A language's row by kind id. The last places of each list are for the steps that are no nodes."""

    row: Grammar
    literals: list[bytes | None]  # texts of the kinds that are one fixed token
    is_name: list[bool]  # whether a kind is a variable's name
    plans: list[Plan | None]  # what is done for a kind; None for nothing but going below
    comments: frozenset[int]  # kind ids of comments
    plain_leaves: frozenset[int]  # kind ids of leaves that never name a variable
    ids: dict[str, int]


@dataclass(slots=True)
class Frame:
    """How deep a node is in its function: compound statements, loops, and what cognitive complexity counts."""

    end: int
    depth: int = 0
    loops: int = 0
    cognitive: int = 0


class Walk:
    """One walk. Plans see it, push what comes next, and write down the facts.

    Attributes:
        scope: where names are looked up now.
        frames: nodes around that nest, the innermost last; those that ended are dropped when one is asked for.
        chained: bytes where an `else if` begins: it nests no deeper than its `if`.
        undescribed: functions and classes before their body is reached.
    """

    __slots__ = (
        "chained", "commented", "comments", "facts", "frames", "scope", "source", "stack", "tables", "undescribed"
    )  # fmt: skip

    def __init__(self, root: Node, source: bytes, tables: Tables) -> None:
        """Walk over everything below `root`."""
        self.source = source
        self.tables = tables
        self.facts = Facts()
        self.scope = self.facts.scopes[0]
        self.frames = [Frame(END_OF_FILE)]
        self.chained: set[int] = set()
        self.undescribed: dict[int, Scope] = {id(self.scope): self.scope}
        self.comments: list[Node] = []
        marks, start, end = tables.row.comment_marks, root.start_byte, root.end_byte
        self.commented = any(source.find(mark, start, end) >= 0 for mark in marks)
        self.stack: list[Item] = [root]
        self._run()

    def _run(self) -> None:
        tables, source, stack = self.tables, self.source, self.stack
        literals, is_name, plans = tables.literals, tables.is_name, tables.plans
        stream, names, pop = self.facts.stream, self.facts.names, self.stack.pop
        append = stream.append
        while stack:
            node = pop()
            kind = node.kind_id
            token = literals[kind]
            if token is not None:
                append(token)
            elif is_name[kind]:
                start = node.start_byte  # type: ignore[union-attr]
                names.append((len(stream), self.scope, start))
                append(source[start : node.end_byte])  # type: ignore[union-attr]
            elif (plan := plans[kind]) is not None:
                plan(self, node)  # type: ignore[arg-type]
            elif children := node.children:  # type: ignore[union-attr]
                if self.commented:
                    children = self.strip(children)
                append(make_mark(kind, len(children)))
                stack += children[::-1]
            else:
                self.leaf(node)  # type: ignore[arg-type]

    def strip(self, children: list[Node]) -> list[Node]:
        """Return children without comments, which are noted."""
        comments = self.tables.comments
        kept = [child for child in children if child.kind_id not in comments]
        if len(kept) < len(children):
            self.comments += [child for child in children if child.kind_id in comments]
        return kept

    def below(self, node: Node) -> list[Node]:
        """Return the children of a node without comments."""
        return self.strip(node.children) if self.commented else node.children

    def expand(self, node: Node, children: list[Node], items: Sequence[Item] | None = None) -> None:
        """Mark a node, and have its children handled next, or items in their place; a leaf is a token."""
        if not children and not node.child_count:
            self.leaf(node)
            return
        self.facts.stream.append(make_mark(node.kind_id, len(children)))
        self.stack += (children if items is None else items)[::-1]

    def leaf(self, node: Node) -> None:
        """Take a leaf that is not a name as a token."""
        text = self.source[node.start_byte : node.end_byte]
        if node.kind_id not in self.tables.plain_leaves:
            self.facts.words.add(text)
        self.facts.stream.append(text)

    def text(self, node: Node) -> bytes:
        """Return the text of a node."""
        return self.source[node.start_byte : node.end_byte]

    def open_scope(self, kind: ScopeKind, function: Function | None, until: int = END_OF_FILE) -> Scope:
        """Return a new scope in the present one; it is not entered yet."""
        scope = Scope(kind, self.scope, function, until)
        self.facts.scopes.append(scope)
        return scope

    def frame(self, start: int) -> Frame:
        """Return how deep the place of a node is that starts here."""
        frames = self.frames
        while frames[-1].end <= start:
            frames.pop()
        return frames[-1]


@functools.cache
def make_mark(kind: int, n: int) -> bytes:
    """Return the mark of an inner node of this kind with n children."""
    return b"%b%d:%d" % (MARK, kind, n)


def words_in(text: bytes) -> set[bytes]:
    """Return every word of a text that could be a name."""
    return set(_WORD.findall(text))


def names_below(node: Node, walk: Walk) -> set[bytes]:
    """Return every name below a node."""
    is_name, found, waiting = walk.tables.is_name, set(), [node]
    while waiting:
        node = waiting.pop()
        if is_name[node.kind_id]:
            found.add(walk.text(node))
        waiting.extend(node.children)
    return found
