"""C."""

import tree_sitter_c
from tree_sitter import Language as Grammar

from pipeline.syntax.language import Binder, Language, Shape

PREPROCESSOR = frozenset(
    {"preproc_include", "preproc_def", "preproc_function_def", "preproc_call", "preproc_if", "preproc_ifdef"}
)

LANGUAGE = Language(
    name="c",
    grammar=Grammar(tree_sitter_c.language()),
    fences=("c", "h"),
    names=frozenset({"identifier"}),
    comments=frozenset({"comment"}),
    comment_marks=(b"//", b"/*"),
    strings=frozenset({"string_literal", "char_literal", "system_lib_string"}),
    numbers=frozenset({"number_literal"}),
    functions={"function_definition": Shape(name="declarator", parameters=("declarator",), returns="type")},
    classes=frozenset({"field_declaration_list"}),
    scopes=frozenset(
        {"compound_statement", "for_statement", "if_statement", "while_statement", "switch_statement"}
    ),
    binders={
        "declaration": Binder(("declarator",), since="here"),
        "parameter_declaration": Binder(("declarator",), role="parameter"),
        "enumerator": Binder(("name",), role="kept"),
        "preproc_def": Binder(("name",), role="kept"),
        "preproc_function_def": Binder(("name",), role="kept"),
    },
    patterns={
        "init_declarator": ("declarator",),
        "pointer_declarator": ("declarator",),
        "array_declarator": ("declarator",),
        "parenthesized_declarator": (),
        "attributed_declarator": (),
        "function_declarator": ("declarator",),
    },
    pins=frozenset({"preproc_function_def"}),
    texts=frozenset({"preproc_arg"}),
    imports=frozenset({"preproc_include"}),
    kept_whole=PREPROCESSOR,
    types=frozenset({"type_definition", "struct_specifier", "enum_specifier", "union_specifier"}),
    entries=frozenset({"function_definition"}),
)
