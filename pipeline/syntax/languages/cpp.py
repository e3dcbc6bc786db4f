"""C++: what C has, and more."""

from dataclasses import replace

import tree_sitter_cpp
from tree_sitter import Language as Grammar

from pipeline.syntax.language import Binder, Shape
from pipeline.syntax.languages import c

LANGUAGE = replace(
    c.LANGUAGE,
    name="cpp",
    grammar=Grammar(tree_sitter_cpp.language()),
    fences=("cpp", "c++", "cc", "cxx", "hpp"),
    strings=c.LANGUAGE.strings | {"raw_string_literal"},
    functions={
        **c.LANGUAGE.functions,
        "lambda_expression": Shape(name="", parameters=("declarator",), lambda_=True),
    },
    scopes=c.LANGUAGE.scopes | {"for_range_loop", "catch_clause"},
    binders={
        **c.LANGUAGE.binders,
        "optional_parameter_declaration": Binder(("declarator",), role="parameter"),
        "for_range_loop": Binder(("declarator",), since="here"),
    },
    patterns={
        **c.LANGUAGE.patterns,
        "reference_declarator": (),
        "structured_binding_declarator": (),
    },
    members={"qualified_identifier": (), "namespace_definition": ("name",), "destructor_name": ()},
    pins=c.LANGUAGE.pins | {"lambda_capture_initializer", "using_declaration", "template_parameter_list"},
    kept_whole=c.PREPROCESSOR | {"using_declaration", "namespace_alias_definition", "alias_declaration"},
    types=c.LANGUAGE.types
    | {"class_specifier", "alias_declaration", "concept_definition", "namespace_definition"},
    wrappers=frozenset({"template_declaration", "linkage_specification"}),
)
