"""C++: templates over the entry point's type read its arguments and write its value."""

import re

from tree_sitter import Node

from pairsmith.pipeline.languages.reading import parse, read_source, split_entry, text_of, walk

# The linker is told to start the program here (`--wrap=main`): whatever else is called `main` is a function.
ENTRY = 'extern "C" int __wrap_main()'
# Threads get the usual stack, not that of the main one, which may take the whole memory. The functions have names
# of their own here, so that a solution's <pthread.h> can't contradict.
STACKS = """
#ifdef __cplusplus
extern "C" {
#endif
int pairsmith_init(void *) __asm__("pthread_attr_init") __attribute__((weak));
int pairsmith_size(void *, unsigned long) __asm__("pthread_attr_setstacksize") __attribute__((weak));
int pairsmith_default(const void *) __asm__("pthread_setattr_default_np") __attribute__((weak));
#ifdef __cplusplus
}
#endif
__attribute__((constructor)) static void pairsmith_stacks(void) {
    long attributes[16];
    if (pairsmith_default && !pairsmith_init(attributes) && !pairsmith_size(attributes, 8 << 20))
        pairsmith_default(attributes);
}
"""
ASSERTS = "#undef NDEBUG\n#include <assert.h>\n"  # a solution may have turned assertions off
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
    owner, name = split_entry(entry_point)
    target = f"&{name}" if _is_free(code, entry_point) else f"&{owner}::{name}"
    call = f"[](const pairsmith::Json& arguments) {{ return pairsmith::call({target}, arguments); }}"
    included = include_solution("solution.cpp", whole)
    main = f'{included}#include "driver.hpp"\n{ENTRY} {{ return pairsmith::serve({call}); }}\n{STACKS}'
    return {"solution.cpp": whole, "driver.hpp": read_source("cpp", "driver.hpp"), "main.cpp": main}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files of a solution with tests in its process, whose `main` the driver calls as a function."""
    included = include_solution("solution.cpp", f"{setup}\n{code}")
    main = (
        f'{included}{ASSERTS}#include "tests.cpp"\n#include "driver.hpp"\n'
        f'extern "C" int __real_main(int, char**, char**);\n{ENTRY} {{\n'
        "    return pairsmith::serve([](const pairsmith::Json&) -> std::string {\n"
        '        if (__real_main(1, environ, environ) != 0) throw std::logic_error("tests");\n'
        '        return "null";\n    });\n}\n' + STACKS
    )
    whole = {"solution.cpp": f"{setup}\n{code}", "tests.cpp": test_code}
    return {**whole, "driver.hpp": read_source("cpp", "driver.hpp"), "main.cpp": main}


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
    """Return whether a function of that name is defined, free or in a class `Solution`."""
    return _is_free(code, entry_point) or _is_member(code, split_entry(entry_point)[1])


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
    return text_of(declarator)


def _is_free(code: str, entry_point: str) -> bool:
    nodes = walk(parse(code, "cpp"), _SCOPES)
    known = [node for node in nodes if node.type in ("function_definition", "declaration", "init_declarator")]
    for node in known:
        name = declared_name(node)
        if name == entry_point or (node.type == "declaration" and name.split("=")[0].strip() == entry_point):
            return True
    return False


def _is_member(code: str, entry_point: str) -> bool:
    return any(
        node.type == "function_definition" and declared_name(node) == entry_point
        for node in walk(parse(code, "cpp"), _SCOPES | _MEMBERS)
    )
