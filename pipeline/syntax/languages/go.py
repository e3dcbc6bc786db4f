"""Go."""

import tree_sitter_go
from tree_sitter import Language as Grammar

from pipeline.syntax.language import Binder, Language, Shape

_ENDS = frozenset({"\n", ";", "\0"})

LANGUAGE = Language(
    name="go",
    grammar=Grammar(tree_sitter_go.language()),
    fences=("go", "golang"),
    names=frozenset({"identifier"}),
    comments=frozenset({"comment"}),
    comment_marks=(b"//", b"/*"),
    strings=frozenset({"interpreted_string_literal", "raw_string_literal", "rune_literal"}),
    numbers=frozenset({"int_literal", "float_literal", "imaginary_literal"}),
    separated=dict.fromkeys(
        ("source_file", "statement_list", "import_spec_list", "var_spec_list", "const_declaration",
         "type_declaration", "field_declaration_list", "interface_type", "block"),
        _ENDS,
    ),
    functions={
        "function_declaration": Shape(returns="result"),
        "method_declaration": Shape(parameters=("receiver", "parameters"), returns="result"),
        "func_literal": Shape(name="", returns="result", lambda_=True),
    },
    scopes=frozenset(
        {"block", "for_statement", "if_statement", "expression_switch_statement", "type_switch_statement",
         "select_statement", "expression_case", "default_case", "type_case", "communication_case"}
    ),
    binders={
        "short_var_declaration": Binder(("left",), since="after"),
        "var_spec": Binder(("name",), since="after"),
        "const_spec": Binder(("name",), since="after"),
        "range_clause": Binder(("left",), since="after", only_with=(":=",)),
        "receive_statement": Binder(("left",), since="after", only_with=(":=",)),
        "type_switch_statement": Binder(("alias",), since="here"),
        "parameter_declaration": Binder(("name",), role="parameter"),
        "variadic_parameter_declaration": Binder(("name",), role="parameter"),
    },
    patterns={"expression_list": ()},
    pins=frozenset({"keyed_element"}),
    imports=frozenset({"import_declaration"}),
    kept_whole=frozenset({"package_clause"}),
    types=frozenset({"type_declaration"}),
    entries=frozenset({"function_declaration"}),
)  # fmt: skip
