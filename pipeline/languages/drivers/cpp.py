"""C++: templates over the entry point's type read its arguments and write its value."""

import re

from tree_sitter import Node

from pipeline.languages.drivers import files, trees

_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_SCOPES = frozenset(
    {"linkage_specification", "declaration_list", "preproc_ifdef", "preproc_if", "namespace_definition"}
)
_MEMBERS = frozenset({"class_specifier", "struct_specifier", "field_declaration_list"})
_DECLARATORS = frozenset(
    {"pointer_declarator", "reference_declarator", "function_declarator", "parenthesized_declarator"}
)


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled.

    The solution comes first, so that it misses what it forgot to include. Its `main` gets another name, and its
    macros end with it.
    """
    whole = f"{setup}\n{code}"
    target = f"&{entry_point}"
    if not _is_free(code, entry_point):
        target = f"&Solution::{entry_point}"
    call = f"[](const pairsmith::Json& arguments) {{ return pairsmith::call({target}, arguments); }}"
    included = include_solution("solution.cpp", whole)
    main = f'{included}#include "driver.hpp"\nint main() {{ return pairsmith::serve({call}); }}\n'
    return {"solution.cpp": whole, "driver.hpp": files.read("driver.hpp"), "main.cpp": main}


def finds(code: str, entry_point: str) -> bool:
    """Return whether a function of that name is defined, free or in a class `Solution`."""
    return _is_free(code, entry_point) or _is_member(code, entry_point)


def include_solution(name: str, whole: str) -> str:
    """Return the lines that include a solution whose `main` and macros must not reach what follows."""
    macros = "".join(f"#undef {macro}\n" for macro in dict.fromkeys(_MACRO.findall(whole)))
    return f'#define main pairsmith_solution_main\n#include "{name}"\n#undef main\n{macros}'


def declared_name(node: Node) -> str:
    """Return the name that a function definition's declarator declares, empty for none."""
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and declarator.type in _DECLARATORS:
        inner = declarator.child_by_field_name("declarator")
        declarator = inner if inner is not None else next(iter(declarator.named_children), None)
    return trees.text(declarator)


def _is_free(code: str, entry_point: str) -> bool:
    nodes = trees.walk(trees.parse(code, "cpp"), _SCOPES)
    known = [node for node in nodes if node.type in ("function_definition", "declaration", "init_declarator")]
    for node in known:
        name = declared_name(node)
        if name == entry_point or (node.type == "declaration" and name.split("=")[0].strip() == entry_point):
            return True
    return False


def _is_member(code: str, entry_point: str) -> bool:
    return any(
        node.type == "function_definition" and declared_name(node) == entry_point
        for node in trees.walk(trees.parse(code, "cpp"), _SCOPES | _MEMBERS)
    )
