"""C++: what C has, and more."""

from dataclasses import replace

import tree_sitter_cpp
from tree_sitter import Language, Node

from pairsmith.pipeline.languages.c import grammar as c
from pairsmith.pipeline.languages.grammar import Binder, Shape


def _spot_bare(node: Node, source: bytes) -> str:
    parameters = node.child_by_field_name("parameters")
    return "bare_except" if parameters is not None and not parameters.named_child_count else ""


GRAMMAR = replace(
    c.GRAMMAR,
    name="cpp",
    grammar=Language(tree_sitter_cpp.language()),
    fences=("cpp", "c++", "cc", "cxx", "hpp"),
    suffixes=(".cc", ".cpp", ".cxx", ".hpp", ".hh"),
    strings=c.GRAMMAR.strings | {"raw_string_literal"},
    functions={
        **c.GRAMMAR.functions,
        "lambda_expression": Shape(name="", parameters=("declarator",), lambda_=True),
    },
    scopes=c.GRAMMAR.scopes | {"for_range_loop", "catch_clause"},
    binders={
        **c.GRAMMAR.binders,
        "optional_parameter_declaration": Binder(("declarator",), role="parameter"),
        "for_range_loop": Binder(("declarator",), since="here"),
    },
    patterns={
        **c.GRAMMAR.patterns,
        "reference_declarator": (),
        "structured_binding_declarator": (),
    },
    members={"qualified_identifier": (), "namespace_definition": ("name",), "destructor_name": ()},
    pins=c.GRAMMAR.pins | {"lambda_capture_initializer", "using_declaration", "template_parameter_list"},
    kept_whole=c.PREPROCESSOR | {"using_declaration", "namespace_alias_definition", "alias_declaration"},
    types=c.GRAMMAR.types | {"class_specifier", "alias_declaration", "concept_definition", "namespace_definition"},
    wrappers=frozenset({"template_declaration", "linkage_specification"}),
    labels=c.GRAMMAR.labels | {"namespace_identifier"},
    loops=c.GRAMMAR.loops | {"for_range_loop"},
    catches=frozenset({"catch_clause"}),
    tries=frozenset({"try_statement"}),
    raises=frozenset({"throw_statement"}),
    leaving=c.GRAMMAR.leaving | {"throw_statement"},
    tag_kinds={
        **c.GRAMMAR.tag_kinds,
        "for_loop": frozenset({"for_statement", "for_range_loop"}),
        "lambda": frozenset({"lambda_expression"}),
        "raise": frozenset({"throw_statement"}),
        "try": frozenset({"try_statement"}),
    },
    tag_calls={
        **c.GRAMMAR.tag_calls,
        "functional": frozenset({b"transform", b"accumulate", b"copy_if", b"for_each", b"any_of", b"all_of"}),
        "uses_sorting": frozenset({b"sort", b"stable_sort", b"qsort"}),
    },
    tag_methods={
        "functional": frozenset({b"transform", b"accumulate", b"copy_if", b"for_each", b"any_of", b"all_of"}),
        "str_format": frozenset({b"format"}),
        "uses_sorting": frozenset({b"sort", b"stable_sort"}),
    },
    tag_words={
        "uses_dict": frozenset({b"map", b"unordered_map", b"multimap"}),
        "uses_set": frozenset({b"set", b"unordered_set", b"multiset"}),
        "print_in_function": frozenset({b"cout"}),
        "input_in_function": frozenset({b"cin"}),
    },
    spots={"catch_clause": _spot_bare},
)
