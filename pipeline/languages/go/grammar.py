"""Go."""

from collections.abc import Iterator

import tree_sitter_go
from tree_sitter import Language, Node

from pairsmith.pipeline.languages.grammar import Binder, Grammar, Import, Shape


def _find_imports(node: Node, source: bytes) -> Iterator[Import]:
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        path = inner.child_by_field_name("path") if inner.type == "import_spec" else None
        if path is None:
            waiting += inner.named_children[::-1]
            continue
        alias = inner.child_by_field_name("name")
        module = source[path.start_byte + 1 : path.end_byte - 1]
        name = module.split(b"/")[-1] if alias is None else source[alias.start_byte : alias.end_byte]
        yield Import(module, b"" if name == b"." else name, b"." not in module.split(b"/")[0], name == b".")


def _spot_loop(node: Node, source: bytes) -> str:
    kinds = {child.type for child in node.named_children}
    return "" if kinds & {"for_clause", "range_clause"} else "while_loop"


_ENDS = frozenset({"\n", ";", "\0"})

GRAMMAR = Grammar(
    name="go",
    grammar=Language(tree_sitter_go.language()),
    fences=("go", "golang"),
    suffixes=(".go",),
    stops=("\nfunc ", "\ntype ", "\nvar ", "\n//"),
    names=frozenset({"identifier"}),
    comments=frozenset({"comment"}),
    comment_marks=(b"//", b"/*"),
    strings=frozenset({"interpreted_string_literal", "raw_string_literal", "rune_literal"}),
    numbers=frozenset({"int_literal", "float_literal", "imaginary_literal"}),
    separated=dict.fromkeys(
        ("source_file", "statement_list", "import_spec_list", "var_spec_list", "const_declaration",
         "type_declaration", "field_declaration_list", "interface_type", "block"),
        _ENDS,
    ),
    functions={
        "function_declaration": Shape(returns="result"),
        "method_declaration": Shape(parameters=("receiver", "parameters"), returns="result"),
        "func_literal": Shape(name="", returns="result", lambda_=True),
    },
    scopes=frozenset(
        {"block", "for_statement", "if_statement", "expression_switch_statement", "type_switch_statement",
         "select_statement", "expression_case", "default_case", "type_case", "communication_case"}
    ),
    binders={
        "short_var_declaration": Binder(("left",), since="after"),
        "var_spec": Binder(("name",), since="after"),
        "const_spec": Binder(("name",), since="after"),
        "range_clause": Binder(("left",), since="after", only_with=(":=",)),
        "receive_statement": Binder(("left",), since="after", only_with=(":=",)),
        "type_switch_statement": Binder(("alias",), since="here"),
        "parameter_declaration": Binder(("name",), role="parameter"),
        "variadic_parameter_declaration": Binder(("name",), role="parameter"),
    },
    patterns={"expression_list": ()},
    pins=frozenset({"keyed_element"}),
    imports=frozenset({"import_declaration"}),
    kept_whole=frozenset({"package_clause"}),
    types=frozenset({"type_declaration"}),
    mains=frozenset({b"main"}),
    entries=frozenset({"function_declaration"}),
    find_imports=_find_imports,
    labels=frozenset({"field_identifier", "label_name", "package_identifier"}),
    pinned_names=frozenset({b"_", b"nil", b"true", b"false", b"iota"}),
    doc_marks=(b"// Package ",),
    blocks=frozenset({"statement_list"}),
    loops=frozenset({"for_statement"}),
    ifs=frozenset({"if_statement"}),
    switches=frozenset({"expression_switch_statement", "type_switch_statement", "select_statement"}),
    cases=frozenset({"expression_case", "type_case", "communication_case"}),
    booleans=frozenset({"binary_expression"}),
    comparisons=frozenset({"binary_expression"}),
    leaving=frozenset({"return_statement", "break_statement", "continue_statement", "goto_statement"}),
    returns=frozenset({"return_statement"}),
    calls={"call_expression": "function"},
    tag_kinds={
        "class": frozenset({"struct_type"}),
        "for_loop": frozenset({"for_clause", "range_clause"}),
        "goto": frozenset({"goto_statement"}),
        "lambda": frozenset({"func_literal"}),
        "match": frozenset({"expression_switch_statement", "type_switch_statement", "select_statement"}),
        "uses_dict": frozenset({"map_type"}),
        "uses_slice": frozenset({"slice_expression"}),
    },
    tag_calls={"raise": frozenset({b"panic"}), "print_in_function": frozenset({b"print", b"println"})},
    tag_methods={
        "print_in_function": frozenset({b"Println", b"Printf", b"Print"}),
        "input_in_function": frozenset({b"Scan", b"Scanln", b"Scanf", b"NewScanner", b"NewReader"}),
        "percent_format": frozenset({b"Printf", b"Sprintf", b"Fprintf", b"Errorf"}),
        "uses_sorting": frozenset({b"Sort", b"Slice", b"SliceStable", b"Ints", b"Strings", b"SortFunc"}),
    },
    spots={"for_statement": _spot_loop},
    builtins=frozenset(
        b"append cap clear close complex copy delete imag len make max min new panic print println real recover "
        b"bool byte error float64 int rune string".split()
    ),
)  # fmt: skip
