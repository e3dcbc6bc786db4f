"""Python."""

import builtins
import sys
from collections.abc import Iterator

import tree_sitter_python
from tree_sitter import Language, Node

from pairsmith.pipeline.languages.grammar import Binder, Grammar, Import, Shape, each, kinds, words

_LOOPS = kinds("for_statement while_statement")
_COMPREHENSIONS = kinds("list_comprehension set_comprehension dictionary_comprehension generator_expression")
_SEMICOLON = kinds(";")
_STANDARD = frozenset(name.encode() for name in sys.stdlib_module_names)


def _find_imports(node: Node, source: bytes) -> Iterator[Import]:
    origin = node.child_by_field_name("module_name")
    module = source[origin.start_byte : origin.end_byte] if origin is not None else b""
    if any(child.type == "wildcard_import" for child in node.children):
        yield Import(module, b"", _is_standard(module), star=True)
    for name in node.children_by_field_name("name"):
        alias = name.child_by_field_name("alias")
        path = name.child_by_field_name("name") or name
        whole = source[path.start_byte : path.end_byte]
        bound = source[alias.start_byte : alias.end_byte] if alias is not None else whole.split(b".")[0].strip()
        if node.type == "future_import_statement":
            yield Import(b"__future__", bound, False)  # must stand first: never sorted
        else:
            yield Import(module or whole, bound, _is_standard(module or whole))


def _is_standard(module: bytes) -> bool:
    return module.split(b".")[0].strip() in _STANDARD


def _spot_bare_except(node: Node, source: bytes) -> str:
    return "" if any(child.is_named and child.type != "block" for child in node.children) else "bare_except"


def _spot_percent(node: Node, source: bytes) -> str:
    children = node.children
    formats = len(children) > 2 and children[1].type == "%" and children[0].type == "string"
    return "percent_format" if formats else ""


def _spot_main(node: Node, source: bytes) -> str:
    condition = node.child_by_field_name("condition")
    at_margin = node.parent is not None and node.parent.type == "module"
    found = condition is not None and b"__name__" in source[condition.start_byte : condition.end_byte]
    return "main" if at_margin and found else ""


GRAMMAR = Grammar(
    name="python",
    grammar=Language(tree_sitter_python.language()),
    # Chen et al. 2021, arXiv:2107.03374, section 2.1, less comments, which end functions early.
    stops=("\ndef ", "\nclass ", "\nif ", "\nprint("),
    comments=kinds("comment line_continuation"),
    comment_marks=(b"#", b"\\\n"),
    atoms=kinds("string_content"),
    strings=kinds("string"),
    interpolations=kinds("interpolation"),
    verbatim=kinds("format_specifier"),
    numbers=kinds("integer float"),
    separated={"module": _SEMICOLON, "block": _SEMICOLON},
    functions={
        "function_definition": Shape(returns="return_type", outside=True),
        "lambda": Shape(name="", lambda_=True, outside=True),
    },
    classes={"class_definition": "body"},
    comprehensions=_COMPREHENSIONS,
    binders={
        **each("assignment augmented_assignment for_statement", Binder(("left",), scope="function")),
        "for_in_clause": Binder(("left",)),
        "named_expression": Binder(("name",), scope="function"),
        **each("delete_statement as_pattern_target case_pattern", Binder(scope="function")),
        "class_definition": Binder(("name",), scope="function", role="kept"),
    },
    patterns={
        **each(
            "pattern_list tuple_pattern list_pattern list_splat_pattern dictionary_splat_pattern expression_list "
            "tuple list list_splat parenthesized_expression as_pattern_target typed_parameter",
            (),
        ),
        "default_parameter": ("name",),
        "typed_default_parameter": ("name",),
    },
    members={"attribute": ("attribute",), "keyword_argument": ("name",)},
    pins=kinds("case_pattern type_parameter type_alias_statement"),
    looks=words(
        b"eval exec compile locals globals vars dir inspect traceback _getframe settrace setprofile __name__ "
        b"__qualname__ __code__ __closure__ __dict__ __annotations__ __kwdefaults__ __doc__ gi_frame cr_frame "
        b"ag_frame tb_frame getsource signature getfullargspec get_type_hints"
    ),
    globals_=kinds("global_statement"),
    nonlocals=kinds("nonlocal_statement"),
    documents=True,
    keywords=kinds("keyword_argument dictionary_splat"),
    old=kinds("print_statement exec_statement"),
    imports=kinds("import_statement import_from_statement future_import_statement"),
    find_imports=_find_imports,
    types=kinds("class_definition"),
    wrappers=kinds("decorated_definition"),
    blocks=kinds("module block"),
    loops=_LOOPS,
    elifs=kinds("elif_clause"),
    switches=kinds("match_statement"),
    cases=kinds("case_clause"),
    defaults=(b"case _:", b"case _ :"),
    catches=kinds("except_clause except_group_clause"),
    tries=kinds("try_statement"),
    ternaries=kinds("conditional_expression"),
    nests=kinds("with_statement"),
    clauses=kinds("for_in_clause if_clause"),
    booleans=kinds("boolean_operator"),
    boolean_words=words(b"and or"),
    leaving=kinds("return_statement raise_statement break_statement continue_statement"),
    returns=kinds("return_statement"),
    calls={"call": "function"},
    tag_kinds={
        "assert": kinds("assert_statement"),
        "class": kinds("class_definition"),
        "comprehension": _COMPREHENSIONS - {"generator_expression"},
        "conditional_expression": kinds("conditional_expression"),
        "decorator": kinds("decorator"),
        "for_loop": kinds("for_statement"),
        "generator": kinds("generator_expression yield"),
        "lambda": kinds("lambda"),
        "match": kinds("match_statement"),
        "raise": kinds("raise_statement"),
        "try": kinds("try_statement"),
        "uses_dict": kinds("dictionary dictionary_comprehension"),
        "uses_set": kinds("set set_comprehension"),
        "uses_slice": kinds("slice"),
        "walrus": kinds("named_expression"),
        "while_loop": kinds("while_statement"),
    },
    tag_calls={
        "functional": words(b"map filter reduce"),
        "uses_dict": words(b"dict defaultdict Counter OrderedDict"),
        "uses_set": words(b"set frozenset"),
        "uses_sorting": words(b"sorted"),
        "print_in_function": words(b"print"),
        "input_in_function": words(b"input"),
    },
    tag_methods={
        "functional": words(b"reduce"),
        "str_format": words(b"format format_map"),
        "uses_dict": words(b"defaultdict Counter OrderedDict fromkeys"),
        "uses_sorting": words(b"sort"),
    },
    spots={"except_clause": _spot_bare_except, "binary_operator": _spot_percent, "if_statement": _spot_main},
    builtins=frozenset(name.encode() for name in dir(builtins) if not name.startswith("_")),
    hint_tags=True,
)
