"""Names of Python's grammar that the analyses need."""

import tree_sitter_python
from tree_sitter import Language, Node

GRAMMAR = Language(tree_sitter_python.language())

EXTRAS = frozenset({"comment", "line_continuation"})
"""Nodes that may stand anywhere and mean nothing."""
LOOPS = frozenset({"for_statement", "while_statement"})
COMPOUND = LOOPS | {"if_statement", "try_statement", "with_statement", "match_statement"}
"""Statements that nest others. Definitions are left out: a function's nesting is its own."""
COMPREHENSIONS = frozenset(
    {"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"}
)
LEAVING = frozenset({"return_statement", "raise_statement", "break_statement", "continue_statement"})
TARGET_GROUPS = frozenset(
    {"pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "expression_list", "tuple", "list",
     "list_splat", "parenthesized_expression", "as_pattern_target"}
)  # fmt: skip
"""Nodes of an assignment's target that hold further targets."""
MUTABLE = frozenset({"list", "dictionary", "set", "list_comprehension", "dictionary_comprehension"})

KINDS: list[str] = [GRAMMAR.node_kind_for_id(kind) or "" for kind in range(GRAMMAR.node_kind_count)]
LITERALS: list[bytes | None] = [
    None if GRAMMAR.node_kind_is_named(kind) else name.encode() for kind, name in enumerate(KINDS)
]
"""Texts of the anonymous kinds: such a leaf need not be cut out of the source."""
IDENTIFIERS = frozenset(kind for kind, name in enumerate(KINDS) if name == "identifier")


def text_of(node: Node, source: bytes) -> bytes:
    """Return what is written where a node stands."""
    return source[node.start_byte : node.end_byte]


def statements_in(body: Node | None) -> list[Node]:
    """Return the statements of a block, comments left out."""
    return [] if body is None else [child for child in body.named_children if child.type not in EXTRAS]


def is_docstring(statement: Node) -> bool:
    """Return whether a statement is one plain string; whether it stands first, the caller knows."""
    if statement.type != "expression_statement" or statement.child_count != 1:
        return False
    string = statement.children[0]
    return string.type == "string" and not any(part.type == "interpolation" for part in string.children)


def leaves(node: Node, source: bytes) -> list[bytes]:
    """Return the tokens below a node as they are written, comments left out."""
    found: list[bytes] = []
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.child_count and node.type != "string":
            waiting.extend(node.children[::-1])
        elif node.type not in EXTRAS:
            found.append(text_of(node, source))
    return found


def names_below(node: Node, source: bytes) -> set[bytes]:
    """Return every identifier below a node."""
    found: set[bytes] = set()
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.type == "identifier":
            found.add(text_of(node, source))
        waiting.extend(node.children)
    return found
