"""JavaScript."""

from collections.abc import Iterator

import tree_sitter_javascript
from tree_sitter import Language, Node

from pairsmith.pipeline.languages.grammar import Binder, Grammar, Import, Shape

_NODE = frozenset(
    b"assert buffer child_process cluster crypto dns events fs http https net os path perf_hooks process "
    b"querystring readline stream string_decoder timers url util v8 vm worker_threads zlib".split()
)


def _find_imports(node: Node, source: bytes) -> Iterator[Import]:
    origin = node.child_by_field_name("source")
    module = source[origin.start_byte + 1 : origin.end_byte - 1] if origin is not None else b""
    standard = module.startswith(b"node:") or module in _NODE
    waiting = [child for child in node.named_children if child != origin]
    while waiting:
        inner = waiting.pop()
        name = inner.child_by_field_name("alias") or inner.child_by_field_name("name")
        if inner.type == "identifier" or name is not None:
            bound = name or inner
            yield Import(module, source[bound.start_byte : bound.end_byte], standard)
        else:
            waiting += inner.named_children[::-1]


_END = frozenset({";"})

GRAMMAR = Grammar(
    name="javascript",
    grammar=Language(tree_sitter_javascript.language()),
    fences=("javascript", "js", "node", "mjs", "jsx"),
    suffixes=(".js", ".mjs", ".cjs", ".jsx"),
    stops=("\nfunction ", "\nconst ", "\nconsole.", "\n//"),
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
    classes={"class_body": ""},
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
    find_imports=_find_imports,
    labels=frozenset({"property_identifier", "private_property_identifier", "statement_identifier"}),
    doc_marks=(b"/**",),
    blocks=frozenset({"statement_block"}),
    loops=frozenset({"for_statement", "for_in_statement", "while_statement", "do_statement"}),
    ifs=frozenset({"if_statement"}),
    elses=frozenset({"else_clause"}),
    switches=frozenset({"switch_statement"}),
    cases=frozenset({"switch_case"}),
    catches=frozenset({"catch_clause"}),
    tries=frozenset({"try_statement"}),
    ternaries=frozenset({"ternary_expression"}),
    booleans=frozenset({"binary_expression"}),
    boolean_words=frozenset({b"&&", b"||", b"??"}),
    comparisons=frozenset({"binary_expression"}),
    leaving=frozenset({"return_statement", "break_statement", "continue_statement", "throw_statement"}),
    returns=frozenset({"return_statement"}),
    raises=frozenset({"throw_statement"}),
    calls={"call_expression": "function"},
    tag_kinds={
        "class": frozenset({"class_declaration", "class"}),
        "conditional_expression": frozenset({"ternary_expression"}),
        "decorator": frozenset({"decorator"}),
        "for_loop": frozenset({"for_statement", "for_in_statement"}),
        "generator": frozenset({"generator_function", "generator_function_declaration", "yield_expression"}),
        "lambda": frozenset({"arrow_function", "function_expression"}),
        "match": frozenset({"switch_statement"}),
        "raise": frozenset({"throw_statement"}),
        "string_interpolation": frozenset({"template_substitution"}),
        "try": frozenset({"try_statement"}),
        "while_loop": frozenset({"while_statement", "do_statement"}),
    },
    tag_methods={
        "functional": frozenset({b"map", b"filter", b"reduce", b"flatMap", b"forEach", b"some", b"every"}),
        "print_in_function": frozenset({b"log"}),
        "uses_slice": frozenset({b"slice"}),
        "uses_sorting": frozenset({b"sort", b"toSorted"}),
    },
    tag_words={
        "uses_dict": frozenset({b"Map", b"WeakMap"}),
        "uses_set": frozenset({b"Set", b"WeakSet"}),
    },
    builtins=frozenset(
        b"Array Boolean Date Error JSON Map Math Number Object Promise Proxy Reflect RegExp Set String Symbol "
        b"isNaN "
        b"isFinite parseInt parseFloat undefined NaN Infinity globalThis".split()
    ),
    entries=frozenset({"function_declaration", "generator_function_declaration", "variable_declarator"}),
    wrappers=frozenset({"export_statement"}),
)  # fmt: skip
