"""C++: templates over the entry point's type read its arguments and write its value."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import tree_sitter
import tree_sitter_cpp
from tree_sitter import Node

from pairsmith.pipeline.languages.c import family
from pairsmith.pipeline.languages.c.family import (
    ASSERTS,
    CHECKED,
    ENTRY,
    EXITS,
    FILLED_MEMORY,
    HARDENED,
    STACKS,
    declared_name,
    include_solution,
    without_solution,
)
from pairsmith.pipeline.languages.contract import (
    Driver,
    Language,
    SignatureError,
    parse,
    read_file,
    split_entry,
    text_of,
    walk,
)
from pairsmith.pipeline.languages.grammar import Binder, Shape, kinds, words

_SCOPES = frozenset(
    {"linkage_specification", "declaration_list", "preproc_ifdef", "preproc_if", "namespace_definition"}
)
_MEMBERS = frozenset({"class_specifier", "struct_specifier", "field_declaration_list"})

_TEMPLATES = frozenset({"template_declaration"})


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled.

    The solution comes first, so that it misses what it forgot to include. Its `main` gets another name, and its
    macros end with it.
    """
    whole = f"{setup}\n{code}"
    owner, name = split_entry(entry_point)
    is_free = _is_free(code, entry_point)
    if _is_generic(code, name) or (not is_free and not _is_member(code, name)):
        raise SignatureError(f"{name} is a template")
    target = f"&{name}" if is_free else f"&{owner}::{name}"
    targets = _overloads(code, name, "" if is_free else owner) or [target]
    tried = "".join(
        f"\n    try {{ return pairsmith::call({cast}, arguments); }} catch (const pairsmith::ArgumentError&) {{}}"
        for cast in targets[:-1]
    )
    call = f"[](const pairsmith::Json& arguments) {{{tried} return pairsmith::call({targets[-1]}, arguments); }}"
    return _with_driver(whole, call)


def by_values(code: str, setup: str, entry_point: str, arguments: Sequence[list[Any]]) -> dict[str, str]:
    """Return the files that are compiled for a template, called with values of those types that the cases give.

    Raises:
        SignatureError: if the cases give a parameter values that no one type holds.
    """
    owner, name = split_entry(entry_point)
    if len({len(values) for values in arguments}) != 1:
        raise SignatureError(f"{name} is called with fewer and with more arguments")
    found = next(iter(_definitions(code, name, _SCOPES | _MEMBERS | _TEMPLATES)), None)
    declared = [text_of(part) for part in _list_parameters(found)] if found is not None else []
    parameters = []
    for place, values in enumerate(zip(*arguments, strict=True)):
        is_changed = place < len(declared) and "&" in declared[place] and "&&" not in declared[place]
        reference = "&" if is_changed and "const" not in declared[place] else ""
        parameters.append(f"{_type_of(values)}{reference} ps{place}")
    given = ", ".join(f"ps{place}" for place in range(len(parameters)))
    is_free = bool(_definitions(code, name, _SCOPES | _TEMPLATES)) or _is_free(code, name)
    target = name if is_free else f"{owner}().{name}"
    body = f"[]({', '.join(parameters)}) -> decltype(auto) {{ return {target}({given}); }}"
    call = f"[](const pairsmith::Json& arguments) {{ return pairsmith::call({body}, arguments); }}"
    return _with_driver(f"{setup}\n{code}", call)


def _type_of(values: Iterable[Any]) -> str:
    """Return the C++ type that holds some values."""
    known = list(values)
    kinds_of = {type(value) for value in known}
    if kinds_of == {bool}:
        return "bool"
    if kinds_of == {int}:
        return "int" if all(-(2**31) <= value < 2**31 for value in known) else "long long"
    if kinds_of and kinds_of <= {int, float}:
        return "double"
    if kinds_of == {str}:
        return "std::string"
    if kinds_of == {list}:
        return f"std::vector<{_type_of(item for value in known for item in value)}>"
    if kinds_of == {dict}:
        key = _type_of(key for value in known for key in value)
        return f"std::map<{key}, {_type_of(item for value in known for item in value.values())}>"
    if not known:
        return "int"  # lists that are empty in all cases
    raise SignatureError("values of no one type")


def _with_driver(whole: str, call: str) -> dict[str, str]:
    included = include_solution("solution.cpp", whole)
    main = f'{included}#include "driver.hpp"\n{ENTRY} {{ return pairsmith::serve({call}); }}\n{STACKS}'
    return {"solution.cpp": whole, "driver.hpp": read_file("cpp", "driver.hpp"), "main.cpp": main}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files of a solution with tests in its process, whose `main` the driver calls as a function.

    Raises:
        SignatureError: if the tests have none, and include nothing that might bring one.
    """
    if "main" not in test_code and "#include" not in test_code:
        raise SignatureError("the tests have no main")
    included = include_solution("solution.cpp", f"{setup}\n{code}")
    main = (
        f'{included}{ASSERTS}{EXITS}#include "tests.cpp"\n#undef exit\n#include "driver.hpp"\n'
        f'extern "C" int __real_main(int, char**, char**);\n{ENTRY} {{\n'
        "    return pairsmith::serve([](const pairsmith::Json&) -> std::string {\n"
        "        if (!setjmp(pairsmith_end) && __real_main(1, environ, environ) != 0)\n"
        '            throw std::logic_error("tests");\n'
        '        return "null";\n    });\n}\n' + STACKS
    )
    whole = {"solution.cpp": f"{setup}\n{code}", "tests.cpp": without_solution(test_code, entry_point)}
    return {**whole, "driver.hpp": read_file("cpp", "driver.hpp"), "main.cpp": main}


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program, which has a `main` of its own."""
    start = (
        'extern "C" int __real_main(int, char**, char**);\nextern "C" int __wrap_main(int n, char** a, char** e)'
    )
    return {
        "solution.cpp": f"{setup}\n{code}",
        "main.cpp": f'#include "solution.cpp"\n{start} {{ return __real_main(n, a, e); }}\n{STACKS}',
    }


def finds(code: str, entry_point: str) -> bool:
    """Return whether a function or template of that name is defined, free or in a class `Solution`."""
    return _is_free(code, entry_point) or _is_member(code, split_entry(entry_point)[1], _TEMPLATES)


def _overloads(code: str, name: str, owner: str) -> list[str]:
    """Return lambdas for a function that is overloaded or has default arguments, one for each way to call it."""
    found = _definitions(code, name, _SCOPES | (_MEMBERS if owner else frozenset()))
    listed = [_list_parameters(node) for node in found]
    if len(found) < 2 and not any(part.type.startswith("optional") for parts in listed for part in parts):
        return []
    target = f"{owner}().{name}" if owner else name
    made = []
    for parts in listed:
        n_needed = sum(part.type == "parameter_declaration" for part in parts)
        for n in range(len(parts), n_needed - 1, -1):
            declared = ", ".join(_declare(part, index) for index, part in enumerate(parts[:n]))
            given = ", ".join(f"static_cast<decltype(ps{index})&&>(ps{index})" for index in range(n))
            made.append(f"[]({declared}) -> decltype(auto) {{ return {target}({given}); }}")
    return made


def _definitions(code: str, name: str, within: frozenset[str]) -> list[Node]:
    return [
        node
        for node in walk(parse(code, "cpp"), within)
        if node.type == "function_definition" and declared_name(node) == name
    ]


def _is_generic(code: str, name: str) -> bool:
    """Return whether a function or lambda is a template by parameters of type `auto`."""
    found = _definitions(code, name, _SCOPES | _MEMBERS)
    is_lambda = re.search(
        rf"^(?:\w+ )*auto {re.escape(name)} *= *\[[^\]]*\] *(?:<|\([^)]*\bauto\b)", code, re.MULTILINE
    )
    return bool(is_lambda) or any(
        re.search(r"\bauto\b", text_of(part)) for function in found for part in _list_parameters(function)
    )


def _list_parameters(definition: Node) -> list[Node]:
    node = definition.child_by_field_name("declarator")
    while node is not None and node.type != "function_declarator":
        node = node.child_by_field_name("declarator") or next(iter(node.named_children), None)
    listed = node.child_by_field_name("parameters") if node is not None else None
    return [part for part in (listed.named_children if listed is not None else []) if "parameter" in part.type]


def _declare(parameter: Node, index: int) -> str:
    """Return a parameter under another name, without its default."""
    node = name = parameter.child_by_field_name("declarator")
    while node is not None:
        name = node
        node = node.child_by_field_name("declarator") or next(iter(node.named_children), None)
    default = parameter.child_by_field_name("default_value")
    end = default.start_byte if default is not None else parameter.end_byte
    at, behind = (name.start_byte, name.end_byte) if name is not None and name.type == "identifier" else (end, end)
    source, start = parameter.text or b"", parameter.start_byte
    head, tail = (
        part.rstrip().removesuffix(b"=") for part in (source[: at - start], source[behind - start : end - start])
    )
    return f"{head.decode()} ps{index}{tail.decode()}"


def _is_free(code: str, entry_point: str) -> bool:
    nodes = walk(parse(code, "cpp"), _SCOPES)
    known = [node for node in nodes if node.type in ("function_definition", "declaration", "init_declarator")]
    for node in known:
        name = declared_name(node)
        if name == entry_point or (node.type == "declaration" and name.split("=")[0].strip() == entry_point):
            return True
    return False


def _is_member(code: str, entry_point: str, also: frozenset[str] = frozenset()) -> bool:
    return any(
        node.type == "function_definition" and declared_name(node) == entry_point
        for node in walk(parse(code, "cpp"), _SCOPES | _MEMBERS | also)
    )


# What only later versions of the library have proves nothing, as a header that is not there.
_LATER = (
    r"|error: \W(to|fold_left|fold_right|contains|contains_subrange|starts_with|ends_with|find_last|iota|enumerate"
    r"|zip|zip_transform|adjacent|adjacent_transform|pairwise|chunk|chunk_by|slide|stride|cartesian_product|join_with"
    r"|repeat|as_rvalue|as_const)\W is not a member of \Wstd::(?:ranges|views|ranges::views)\W"
)

LANGUAGE = Language(
    name="cpp",
    title="C++",
    tools={"g++": ()},
    packages=("g++",),
    version=("{g++}", "--version"),
    driver=Driver(sources, tests, program, finds, by_values),
    compile=((*HARDENED, "{g++}", "-std=gnu++2b", "-D_GLIBCXX_ASSERTIONS", *CHECKED, "main.cpp"),),
    missing=r"fatal error: ([\w+-][\w./+-]*): No such file" + _LATER,
    artifact=("program",),
    run=("/tmp/program",),
    run_program=("/tmp/program",),
    environment=FILLED_MEMORY,
)


def _spot_bare(node: Node, source: bytes) -> str:
    parameters = node.child_by_field_name("parameters")
    return "bare_except" if parameters is not None and not parameters.named_child_count else ""


_ALGORITHMS = words(b"transform accumulate copy_if for_each any_of all_of")
_C = family.GRAMMAR

GRAMMAR = replace(
    _C,
    name="cpp",
    grammar=tree_sitter.Language(tree_sitter_cpp.language()),
    strings=_C.strings | {"raw_string_literal"},
    functions={**_C.functions, "lambda_expression": Shape(name="", parameters=("declarator",), lambda_=True)},
    scopes=_C.scopes | {"for_range_loop", "catch_clause"},
    binders={
        **_C.binders,
        "optional_parameter_declaration": Binder(("declarator",), role="parameter"),
        "for_range_loop": Binder(("declarator",), since="here"),
    },
    patterns={**_C.patterns, "reference_declarator": (), "structured_binding_declarator": ()},
    members={"qualified_identifier": (), "namespace_definition": ("name",), "destructor_name": ()},
    pins=_C.pins | {"lambda_capture_initializer", "using_declaration", "template_parameter_list"},
    kept_whole=family.PREPROCESSOR | {"using_declaration", "namespace_alias_definition", "alias_declaration"},
    types=_C.types | {"class_specifier", "alias_declaration", "concept_definition", "namespace_definition"},
    wrappers=kinds("template_declaration linkage_specification"),
    labels=_C.labels | {"namespace_identifier"},
    loops=_C.loops | {"for_range_loop"},
    catches=kinds("catch_clause"),
    tries=kinds("try_statement"),
    leaving=_C.leaving | {"throw_statement"},
    tag_kinds={
        **_C.tag_kinds,
        "for_loop": kinds("for_statement for_range_loop"),
        "lambda": kinds("lambda_expression"),
        "raise": kinds("throw_statement"),
        "try": kinds("try_statement"),
    },
    tag_calls={**_C.tag_calls, "functional": _ALGORITHMS, "uses_sorting": words(b"sort stable_sort qsort")},
    tag_methods={
        "functional": _ALGORITHMS,
        "str_format": words(b"format"),
        "uses_sorting": words(b"sort stable_sort"),
    },
    tag_words={
        "uses_dict": words(b"map unordered_map multimap"),
        "uses_set": words(b"set unordered_set multiset"),
        "print_in_function": words(b"cout"),
        "input_in_function": words(b"cin"),
    },
    spots={"catch_clause": _spot_bare},
)
