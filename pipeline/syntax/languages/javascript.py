"""JavaScript."""

import tree_sitter_javascript
from tree_sitter import Language as Grammar

from pipeline.syntax.language import Binder, Language, Shape

_END = frozenset({";"})

LANGUAGE = Language(
    name="javascript",
    grammar=Grammar(tree_sitter_javascript.language()),
    fences=("javascript", "js", "node", "mjs", "jsx"),
    names=frozenset({"identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern"}),
    comments=frozenset({"comment", "html_comment", "hash_bang_line"}),
    comment_marks=(b"//", b"/*", b"<!--", b"-->", b"#!"),
    atoms=frozenset({"regex"}),
    strings=frozenset({"string"}),
    interpolations=frozenset({"template_substitution"}),
    verbatim=frozenset({"template_string"}),
    numbers=frozenset({"number"}),
    separated=dict.fromkeys(
        ("lexical_declaration", "variable_declaration", "expression_statement", "return_statement",
         "throw_statement", "break_statement", "continue_statement", "import_statement", "export_statement",
         "class_body", "debugger_statement", "do_statement"),
        _END,
    ),
    functions={
        "function_declaration": Shape(returns="return_type"),
        "generator_function_declaration": Shape(returns="return_type"),
        "function_expression": Shape(returns="return_type", lambda_=True),
        "generator_function": Shape(returns="return_type", lambda_=True),
        "arrow_function": Shape("", ("parameters", "parameter"), returns="return_type", lambda_=True),
        "method_definition": Shape(returns="return_type"),
    },
    classes=frozenset({"class_body"}),
    scopes=frozenset({"statement_block", "for_statement", "for_in_statement", "catch_clause", "switch_body"}),
    binders={
        "variable_declarator": Binder(("name",), function_with=("var",)),
        "formal_parameters": Binder(role="parameter"),
        "arrow_function": Binder(("parameter",), role="parameter"),
        "for_in_statement": Binder(("left",), only_with=("const", "let", "var"), function_with=("var",)),
        "catch_clause": Binder(("parameter",)),
        "class_declaration": Binder(("name",), role="kept"),
        "import_clause": Binder(role="kept"),
        "named_imports": Binder(role="kept"),
    },
    patterns={
        "assignment_pattern": ("left",),
        "object_assignment_pattern": ("left",),
        "rest_pattern": (),
        "object_pattern": (),
        "array_pattern": (),
        "pair_pattern": ("value",),
        "import_specifier": ("name", "alias"),
        "namespace_import": (),
    },
    pins=frozenset(
        {"shorthand_property_identifier", "shorthand_property_identifier_pattern", "export_clause",
         "with_statement"}
    ),
    looks=frozenset({b"eval", b"Function", b"with", b"toString", b"stack", b"callee", b"caller", b"name"}),
    imports=frozenset({"import_statement"}),
    kept_whole=frozenset({"import_statement"}),
    types=frozenset({"class_declaration"}),
    entries=frozenset({"function_declaration", "generator_function_declaration", "variable_declarator"}),
    wrappers=frozenset({"export_statement"}),
)  # fmt: skip
