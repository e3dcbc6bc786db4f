"""Java."""

from collections.abc import Iterator

import tree_sitter_java
from tree_sitter import Language, Node

from pairsmith.pipeline.languages.grammar import Binder, Grammar, Import, Shape


def _find_imports(node: Node, source: bytes) -> Iterator[Import]:
    text = source[node.start_byte : node.end_byte].rstrip(b"; \t").removeprefix(b"import").strip()
    module = text.removeprefix(b"static ").strip()
    last = module.split(b".")[-1].strip()
    yield Import(module, b"" if last == b"*" else last, module.startswith((b"java.", b"javax.")), last == b"*")


def _spot_bare(node: Node, source: bytes) -> str:
    kinds = [child for child in node.named_children if child.type == "catch_formal_parameter"]
    types = source[kinds[0].start_byte : kinds[0].end_byte].split()[:-1] if kinds else []
    return "bare_except" if types in ([b"Exception"], [b"Throwable"]) else ""


_CLASSES = frozenset({"class_declaration", "interface_declaration", "enum_declaration", "record_declaration"})

GRAMMAR = Grammar(
    name="java",
    grammar=Language(tree_sitter_java.language()),
    fences=("java",),
    suffixes=(".java",),
    stops=("\n    public static void main", "\nclass ", "\npublic class ", "\n//"),
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
    classes=dict.fromkeys(("class_body", "interface_body", "enum_body", "annotation_type_body"), ""),
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
    mains=frozenset({b"main"}),
    entries=frozenset({"method_declaration"}),
    find_imports=_find_imports,
    labels=frozenset({"type_identifier"}),
    doc_marks=(b"/**",),
    blocks=frozenset({"block", "constructor_body"}),
    loops=frozenset({"for_statement", "enhanced_for_statement", "while_statement", "do_statement"}),
    ifs=frozenset({"if_statement"}),
    switches=frozenset({"switch_expression"}),
    cases=frozenset({"switch_label"}),
    catches=frozenset({"catch_clause"}),
    tries=frozenset({"try_statement", "try_with_resources_statement"}),
    ternaries=frozenset({"ternary_expression"}),
    booleans=frozenset({"binary_expression"}),
    comparisons=frozenset({"binary_expression"}),
    leaving=frozenset({"return_statement", "break_statement", "continue_statement", "throw_statement"}),
    returns=frozenset({"return_statement"}),
    raises=frozenset({"throw_statement"}),
    calls={"method_invocation": "name"},
    tag_kinds={
        "assert": frozenset({"assert_statement"}),
        "class": _CLASSES,
        "conditional_expression": frozenset({"ternary_expression"}),
        "decorator": frozenset({"annotation", "marker_annotation"}),
        "for_loop": frozenset({"for_statement", "enhanced_for_statement"}),
        "lambda": frozenset({"lambda_expression"}),
        "match": frozenset({"switch_expression"}),
        "raise": frozenset({"throw_statement"}),
        "try": frozenset({"try_statement", "try_with_resources_statement"}),
        "while_loop": frozenset({"while_statement", "do_statement"}),
    },
    tag_methods={
        "functional": frozenset({b"map", b"filter", b"reduce", b"mapToInt", b"mapToObj", b"collect"}),
        "percent_format": frozenset({b"printf", b"format", b"formatted"}),
        "print_in_function": frozenset({b"println", b"printf", b"print"}),
        "input_in_function": frozenset({b"readLine", b"nextInt", b"nextLine"}),
        "uses_sorting": frozenset({b"sort", b"sorted"}),
    },
    tag_words={
        "uses_dict": frozenset({b"Map", b"HashMap", b"TreeMap", b"LinkedHashMap"}),
        "uses_set": frozenset({b"Set", b"HashSet", b"TreeSet", b"LinkedHashSet"}),
    },
    spots={"catch_clause": _spot_bare},
)  # fmt: skip
