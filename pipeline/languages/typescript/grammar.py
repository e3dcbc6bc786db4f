"""TypeScript: what JavaScript has, and types, which say nothing when a program runs."""

from dataclasses import replace

import tree_sitter_typescript
from tree_sitter import Language

from pairsmith.pipeline.languages.grammar import Binder
from pairsmith.pipeline.languages.javascript import grammar as javascript

_JS = javascript.GRAMMAR

GRAMMAR = replace(
    _JS,
    name="typescript",
    grammar=Language(tree_sitter_typescript.language_typescript()),
    fences=("typescript", "ts", "mts", "cts"),
    suffixes=(".ts",),
    separated={
        **_JS.separated,
        **dict.fromkeys(
            ("interface_body", "object_type", "type_alias_declaration", "ambient_declaration"),
            frozenset({";", ","}),
        ),
    },
    binders={
        **_JS.binders,
        "enum_declaration": Binder(("name",), role="kept"),
        "internal_module": Binder(("name",), role="kept"),
    },
    patterns={**_JS.patterns, "required_parameter": ("pattern",), "optional_parameter": ("pattern",)},
    pins=_JS.pins | {"type_query", "type_predicate", "asserts", "accessibility_modifier", "decorator"},
    hints=frozenset({"type_annotation"}),
    hinted={
        "required_parameter": "required_parameter",
        "optional_parameter": "optional_parameter",
        "variable_declarator": "variable_declarator",
    },
    hint_tags=True,
    labels=_JS.labels | {"type_identifier"},
    tag_kinds={
        **_JS.tag_kinds,
        "class": frozenset({"class_declaration", "class", "interface_declaration", "abstract_class_declaration"}),
    },
    types=_JS.types
    | {"interface_declaration", "type_alias_declaration", "enum_declaration", "abstract_class_declaration",
       "internal_module", "ambient_declaration"},
    wrappers=_JS.wrappers | {"ambient_declaration"},
)  # fmt: skip
