"""Rust."""

from collections.abc import Iterator

import tree_sitter_rust
from tree_sitter import Language, Node

from pairsmith.pipeline.languages.grammar import Binder, Grammar, Import, Shape


def _find_imports(node: Node, source: bytes) -> Iterator[Import]:
    text = b"".join(source[node.start_byte : node.end_byte].split(b"use ", 1)[-1].split()).rstrip(b";")
    root = text.split(b"::")[0].split(b"{")[0]
    standard = root in (b"std", b"core", b"alloc")
    for leaf in text.replace(b"{", b",").replace(b"}", b",").split(b","):
        name = leaf.split(b"::")[-1].split(b"as ")[-1]
        if name and not leaf.endswith(b"::"):
            yield Import(root, b"" if name == b"*" else name, standard, name == b"*")


GRAMMAR = Grammar(
    name="rust",
    grammar=Language(tree_sitter_rust.language()),
    fences=("rust", "rs"),
    suffixes=(".rs",),
    stops=("\nfn ", "\npub fn ", "\n#[", "\n//"),
    names=frozenset({"identifier"}),
    comments=frozenset({"line_comment", "block_comment"}),
    comment_marks=(b"//", b"/*"),
    strings=frozenset({"string_literal", "raw_string_literal", "char_literal"}),
    numbers=frozenset({"integer_literal", "float_literal"}),
    functions={
        "function_item": Shape(returns="return_type"),
        "closure_expression": Shape(name="", returns="return_type", lambda_=True),
    },
    classes=dict.fromkeys(("declaration_list", "enum_variant_list", "field_declaration_list"), ""),
    scopes=frozenset({"block", "match_arm", "if_expression", "while_expression"}),
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
    mains=frozenset({b"main"}),
    entries=frozenset({"function_item"}),
    find_imports=_find_imports,
    labels=frozenset({"field_identifier", "type_identifier"}),
    until_alternative=frozenset({"if_expression"}),
    doc_marks=(b"///", b"//!", b"/**"),
    blocks=frozenset({"block"}),
    loops=frozenset({"for_expression", "while_expression", "loop_expression"}),
    ifs=frozenset({"if_expression"}),
    elses=frozenset({"else_clause"}),
    switches=frozenset({"match_expression"}),
    cases=frozenset({"match_arm"}),
    defaults=(b"_ =>", b"_=>"),
    booleans=frozenset({"binary_expression"}),
    comparisons=frozenset({"binary_expression"}),
    leaving=frozenset({"return_expression", "break_expression", "continue_expression"}),
    returns=frozenset({"return_expression"}),
    calls={"call_expression": "function", "macro_invocation": "macro"},
    tag_kinds={
        "class": frozenset({"struct_item", "enum_item", "trait_item"}),
        "decorator": frozenset({"attribute_item"}),
        "for_loop": frozenset({"for_expression"}),
        "lambda": frozenset({"closure_expression"}),
        "match": frozenset({"match_expression"}),
        "while_loop": frozenset({"while_expression", "loop_expression"}),
    },
    tag_calls={
        "assert": frozenset({b"assert", b"assert_eq", b"assert_ne", b"debug_assert"}),
        "print_in_function": frozenset({b"println", b"print"}),
        "raise": frozenset({b"panic", b"unreachable", b"todo", b"unimplemented"}),
        "str_format": frozenset({b"format", b"println", b"print", b"write", b"writeln"}),
    },
    tag_methods={
        "functional": frozenset({b"map", b"filter", b"fold", b"flat_map", b"for_each", b"any", b"all"}),
        "input_in_function": frozenset({b"read_line", b"stdin"}),
        "uses_sorting": frozenset(
            {b"sort", b"sort_by", b"sort_by_key", b"sort_unstable", b"sort_unstable_by", b"sorted"}
        ),
    },
    tag_words={
        "uses_dict": frozenset({b"HashMap", b"BTreeMap"}),
        "uses_set": frozenset({b"HashSet", b"BTreeSet"}),
    },
)  # fmt: skip
