"""Java."""

import tree_sitter_java
from tree_sitter import Language as Grammar

from pipeline.syntax.language import Binder, Language, Shape

LANGUAGE = Language(
    name="java",
    grammar=Grammar(tree_sitter_java.language()),
    fences=("java",),
    names=frozenset({"identifier"}),
    comments=frozenset({"line_comment", "block_comment"}),
    comment_marks=(b"//", b"/*"),
    strings=frozenset({"string_literal", "character_literal"}),
    interpolations=frozenset({"string_interpolation"}),
    numbers=frozenset(
        {"decimal_integer_literal", "hex_integer_literal", "octal_integer_literal", "binary_integer_literal",
         "decimal_floating_point_literal", "hex_floating_point_literal"}
    ),
    functions={
        "method_declaration": Shape(returns="type"),
        "constructor_declaration": Shape(),
        "compact_constructor_declaration": Shape(),
        "lambda_expression": Shape(name="", lambda_=True),
    },
    classes=frozenset({"class_body", "interface_body", "enum_body", "annotation_type_body"}),
    scopes=frozenset(
        {"block", "constructor_body", "for_statement", "enhanced_for_statement", "try_with_resources_statement",
         "catch_clause", "switch_block", "switch_rule"}
    ),
    binders={
        "variable_declarator": Binder(("name",), since="here"),
        "formal_parameter": Binder(("name",), role="parameter"),
        "lambda_expression": Binder(("parameters",), role="parameter"),
        "enhanced_for_statement": Binder(("name",), since="here"),
        "catch_formal_parameter": Binder(("name",)),
        "resource": Binder(("name",), since="here"),
        "enum_constant": Binder(("name",), role="kept"),
        "class_declaration": Binder(("name",), role="kept"),
        "interface_declaration": Binder(("name",), role="kept"),
        "enum_declaration": Binder(("name",), role="kept"),
        "record_declaration": Binder(("name",), role="kept"),
    },
    patterns={"inferred_parameters": ()},
    members={
        "method_invocation": ("name",),
        "field_access": ("field",),
        "scoped_identifier": (),
        "break_statement": (),
        "continue_statement": (),
        "marker_annotation": ("name",),
        "annotation": ("name",),
        "element_value_pair": ("key",),
    },
    pins=frozenset(
        {"switch_label", "instanceof_expression", "record_pattern", "type_pattern", "method_reference",
         "import_declaration", "package_declaration"}
    ),
    imports=frozenset({"import_declaration"}),
    kept_whole=frozenset({"import_declaration", "package_declaration"}),
    types=frozenset(
        {"class_declaration", "interface_declaration", "enum_declaration", "record_declaration",
         "annotation_type_declaration"}
    ),
    entries=frozenset({"method_declaration"}),
)  # fmt: skip
