"""The language row of Python: a grammar, and the walk over its trees.

A further language brings a package like this one, and a line in `pipeline.syntax.parsing.LANGUAGES`.
"""

from tree_sitter import Node

from pipeline.syntax.facts import Facts
from pipeline.syntax.python import definitions, expressions, statements
from pipeline.syntax.python.grammar import COMPOUND, COMPREHENSIONS, GRAMMAR, KINDS
from pipeline.syntax.python.walker import Handler, Walk

__all__ = ["GRAMMAR", "walk"]

_BY_NAME: dict[str, Handler] = {
    "module": statements.on_block,
    "block": statements.on_block,
    **dict.fromkeys(COMPOUND, statements.on_compound),
    **dict.fromkeys(COMPREHENSIONS, definitions.on_comprehension),
    "assignment": statements.on_assignment,
    "augmented_assignment": statements.on_assignment,
    "delete_statement": statements.on_delete,
    "as_pattern_target": statements.on_alias_target,
    "named_expression": statements.on_walrus,
    "function_definition": definitions.on_function,
    "lambda": definitions.on_lambda,
    "class_definition": definitions.on_class,
    "global_statement": definitions.on_global,
    "nonlocal_statement": definitions.on_global,
    "import_statement": statements.on_import,
    "import_from_statement": statements.on_import,
    "future_import_statement": statements.on_import,
    "attribute": expressions.on_attribute,
    "keyword_argument": expressions.on_keyword_argument,
    "dictionary_splat": expressions.on_dictionary_splat,
    "call": expressions.on_call,
    "return_statement": statements.on_return,
    "except_clause": statements.on_except,
    "binary_operator": expressions.on_binary,
    "comparison_operator": expressions.on_comparison,
    "expression_statement": statements.on_expression_statement,
    "string": expressions.on_string,
    "case_pattern": statements.on_case_pattern,
    "type_parameter": statements.on_type_parameter,
    "type_alias_statement": statements.on_type_parameter,
    "print_statement": statements.on_old,
    "exec_statement": statements.on_old,
    "comment": statements.on_comment,
    "line_continuation": statements.on_line_continuation,
}
# A keyword such as `lambda` shares its name with the node that it begins: only named kinds have handlers.
_HANDLERS: list[Handler | None] = [
    _BY_NAME.get(name) if GRAMMAR.node_kind_is_named(kind) else None for kind, name in enumerate(KINDS)
]


def walk(root: Node, source: bytes) -> Facts:
    """Return the facts of a tree that has no error, or of one statement of it.

    Args:
        root: node of a tree that `GRAMMAR` gave for `source`.
    """
    return Walk(root, source, _HANDLERS).facts
