"""C."""

from collections.abc import Iterator

import tree_sitter_c
from tree_sitter import Language, Node

from pairsmith.pipeline.languages.grammar import Binder, Grammar, Import, Shape

PREPROCESSOR = frozenset(
    {"preproc_include", "preproc_def", "preproc_function_def", "preproc_call", "preproc_if", "preproc_ifdef"}
)


def find_includes(node: Node, source: bytes) -> Iterator[Import]:
    """Give what an include brings; angle brackets mean a header that comes with the compiler."""
    path = node.child_by_field_name("path")
    if path is not None:
        text = source[path.start_byte : path.end_byte]
        yield Import(text.strip(b'<>"'), b"", text[:1] == b"<")


GRAMMAR = Grammar(
    name="c",
    grammar=Language(tree_sitter_c.language()),
    fences=("c", "h"),
    suffixes=(".c", ".h"),
    stops=("\nint main", "\nvoid ", "\n#include", "\n//"),
    names=frozenset({"identifier"}),
    comments=frozenset({"comment"}),
    comment_marks=(b"//", b"/*"),
    strings=frozenset({"string_literal", "char_literal", "system_lib_string"}),
    numbers=frozenset({"number_literal"}),
    functions={"function_definition": Shape(name="declarator", parameters=("declarator",), returns="type")},
    classes={"field_declaration_list": ""},
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
    mains=frozenset({b"main"}),
    entries=frozenset({"function_definition"}),
    find_imports=find_includes,
    labels=frozenset({"field_identifier", "statement_identifier"}),
    doc_marks=(b"/**", b"///", b"//!", b"/*!"),
    blocks=frozenset({"compound_statement"}),
    loops=frozenset({"for_statement", "while_statement", "do_statement"}),
    ifs=frozenset({"if_statement"}),
    elses=frozenset({"else_clause"}),
    switches=frozenset({"switch_statement"}),
    cases=frozenset({"case_statement"}),
    ternaries=frozenset({"conditional_expression"}),
    booleans=frozenset({"binary_expression"}),
    comparisons=frozenset({"binary_expression"}),
    leaving=frozenset({"return_statement", "break_statement", "continue_statement", "goto_statement"}),
    returns=frozenset({"return_statement"}),
    calls={"call_expression": "function"},
    tag_kinds={
        "class": frozenset({"field_declaration_list"}),
        "conditional_expression": frozenset({"conditional_expression"}),
        "for_loop": frozenset({"for_statement"}),
        "goto": frozenset({"goto_statement"}),
        "match": frozenset({"switch_statement"}),
        "while_loop": frozenset({"while_statement", "do_statement"}),
    },
    tag_calls={
        "assert": frozenset({b"assert"}),
        "print_in_function": frozenset({b"printf", b"puts", b"putchar"}),
        "input_in_function": frozenset({b"scanf", b"getchar", b"gets", b"fgets", b"getline"}),
        "percent_format": frozenset({b"printf", b"sprintf", b"snprintf", b"fprintf"}),
        "uses_sorting": frozenset({b"qsort"}),
    },
)
