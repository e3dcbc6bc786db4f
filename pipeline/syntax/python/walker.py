"""The walk over a tree: a loop with a stack of its own, so that no nesting can exhaust Python's."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

from tree_sitter import Node

from pipeline.syntax.facts import Facts, Function, Scope, ScopeKind
from pipeline.syntax.python.grammar import IDENTIFIERS, KINDS, LITERALS, TARGET_GROUPS, text_of

Item: TypeAlias = Node | bytes | Scope | tuple[bytes, Scope] | int
"""What the stack holds: a node to visit, a token, a scope to change to, a name looked up elsewhere, a state."""

LOOP = 1 << 16  # a state holds the nesting depth below this bit and the loop depth above it


class Walk:
    """One walk. Handlers see it, push what comes next, and write down the facts.

    Attributes:
        scope: where names are looked up now.
        state: nesting and loop depth in the function around.
        kinds: kind ids of the nodes visited.
    """

    def __init__(self, root: Node, source: bytes, handlers: "Sequence[Handler | None]") -> None:
        """Walk over everything below `root`; `handlers` has one for each kind that needs it, by kind id."""
        self.source = source
        self.facts = Facts()
        self.state = 0
        self.scope = Scope(ScopeKind.MODULE, None)
        self.facts.scopes.append(self.scope)
        self.stack: list[Item] = [root]
        self.kinds: list[int] = []
        self._run(handlers)
        self.facts.n_kinds = {KINDS[kind]: n for kind, n in Counter(self.kinds).items()}

    def _run(self, handlers: "Sequence[Handler | None]") -> None:
        stack, tokens, names, source = self.stack, self.facts.tokens, self.facts.names, self.source
        kinds = self.kinds
        while stack:
            item = stack.pop()
            if isinstance(item, Node):
                kind = item.kind_id
                kinds.append(kind)
                handler = handlers[kind]
                if handler is not None:
                    handler(self, item)
                elif kind in IDENTIFIERS:
                    names.append((len(tokens), self.scope))
                    tokens.append(source[item.start_byte : item.end_byte])
                elif children := item.children:
                    stack.extend(children[::-1])
                else:
                    tokens.append(LITERALS[kind] or source[item.start_byte : item.end_byte])
            elif isinstance(item, bytes):
                tokens.append(item)
            elif isinstance(item, int):
                self.state = item
            elif isinstance(item, Scope):
                self.scope = item
            else:
                names.append((len(tokens), item[1]))
                tokens.append(item[0])

    def text(self, node: Node) -> bytes:
        """Return what is written where a node stands."""
        return self.source[node.start_byte : node.end_byte]

    def push(self, items: Sequence[Item]) -> None:
        """Have items handled next, the first one first."""
        self.stack.extend(items[::-1])

    def open_scope(self, kind: ScopeKind, function: Function | None) -> Scope:
        """Return a new scope in the present one; it is not entered yet."""
        scope = Scope(kind, self.scope, function)
        self.facts.scopes.append(scope)
        return scope

    def bind(self, target: Node, scope: Scope) -> None:
        """Bind the names of an assignment's target; those in subscripts and attributes are only read."""
        waiting = [target]
        while waiting:
            node = waiting.pop()
            kind = node.type
            if kind == "identifier":
                scope.bound.add(text_of(node, self.source))
            elif kind in TARGET_GROUPS:
                waiting.extend(node.children)


Handler: TypeAlias = Callable[[Walk, Node], None]
