"""Rust."""

import tree_sitter_rust
from tree_sitter import Language as Grammar

from pipeline.syntax.language import Binder, Language, Shape

LANGUAGE = Language(
    name="rust",
    grammar=Grammar(tree_sitter_rust.language()),
    fences=("rust", "rs"),
    names=frozenset({"identifier"}),
    comments=frozenset({"line_comment", "block_comment"}),
    comment_marks=(b"//", b"/*"),
    strings=frozenset({"string_literal", "raw_string_literal", "char_literal"}),
    numbers=frozenset({"integer_literal", "float_literal"}),
    functions={
        "function_item": Shape(returns="return_type"),
        "closure_expression": Shape(name="", returns="return_type", lambda_=True),
    },
    classes=frozenset({"declaration_list", "enum_variant_list", "field_declaration_list"}),
    scopes=frozenset({"block", "match_arm"}),
    binders={
        "let_declaration": Binder(("pattern",), since="after", anew=True),
        "let_condition": Binder(("pattern",), since="after"),
        "match_arm": Binder(("pattern",)),
        "for_expression": Binder(("pattern",), scope="body"),
        "parameter": Binder(("pattern",), role="parameter"),
        "closure_parameters": Binder(role="parameter"),
        "const_item": Binder(("name",), role="kept"),
        "static_item": Binder(("name",), role="kept"),
        "enum_variant": Binder(("name",), role="kept"),
        "macro_definition": Binder(("name",), role="kept"),
        "mod_item": Binder(("name",), role="kept"),
    },
    patterns={
        "match_pattern": (),
        "tuple_pattern": (),
        "tuple_struct_pattern": (),
        "struct_pattern": (),
        "field_pattern": ("pattern",),
        "captured_pattern": (),
        "ref_pattern": (),
        "mut_pattern": (),
        "reference_pattern": (),
        "slice_pattern": (),
        "or_pattern": (),
        "parameter": ("pattern",),
    },
    members={
        "scoped_identifier": (),
        "label": (),
        "lifetime": (),
        "macro_invocation": ("macro",),
        "scoped_type_identifier": (),
    },
    pins=frozenset(
        {"shorthand_field_initializer", "use_declaration", "attribute_item", "inner_attribute_item",
         "macro_definition", "type_parameters", "let_chain"}
    ),
    texts=frozenset({"string_literal", "raw_string_literal", "shorthand_field_identifier"}),
    constants=True,
    imports=frozenset({"use_declaration", "extern_crate_declaration"}),
    kept_whole=frozenset(
        {"use_declaration", "extern_crate_declaration", "inner_attribute_item", "attribute_item",
         "macro_definition", "macro_invocation"}
    ),
    types=frozenset(
        {"struct_item", "enum_item", "union_item", "trait_item", "impl_item", "type_item", "mod_item"}
    ),
    entries=frozenset({"function_item"}),
)  # fmt: skip
