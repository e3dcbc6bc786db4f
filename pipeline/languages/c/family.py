"""What C and C++ share: how programs are compiled and started, and the grammar of C."""

import re
from collections.abc import Iterator

import tree_sitter
import tree_sitter_c
from tree_sitter import Node

from pairsmith.pipeline.languages.contract import text_of
from pairsmith.pipeline.languages.grammar import Binder, Grammar, Import, Shape, each, kinds, words

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
# Tests may end by `exit(0)`; a solution that does so has passed nothing.
EXITS = """
#include <setjmp.h>
#include <stdlib.h>
static jmp_buf pairsmith_end;
static void pairsmith_exit(int status) { if (status) exit(status); longjmp(pairsmith_end, 1); }
#ifdef __cplusplus
namespace std { using ::pairsmith_exit; }
#endif
#define exit(status) pairsmith_exit(status)
"""
_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_DECLARATORS = frozenset(
    {"pointer_declarator", "reference_declarator", "function_declarator", "parenthesized_declarator"}
)
# What is undefined must not pass by luck: local variables and fresh memory hold a pattern, indices and buffers are
# checked. GCC before 12 doesn't know the flag of the pattern, nor one before 11 that of C++23, which C ignores.
HARDENED = (
    "/bin/sh", "-c",
    'case $("$0" -dumpversion) in [1-9]|[1-9].*|10|10.*) set -- "$@" -std=gnu++20 ;; 11|11.*) ;; '
    '*) set -- -ftrivial-auto-var-init=pattern "$@" ;; esac; '
    # Libraries whose headers are there; only what a program uses is linked.
    'for name in crypto gmpxx gmp; do for file in /usr/lib/*/lib$name.so; do '
    '[ ! -e "$file" ] || set -- "$@" -Wl,--as-needed "-l$name"; done; done; exec "$0" "$@"',
)  # fmt: skip
# ONLINE_JUDGE: contest programs that read a file of their author's elsewhere know by it that they must not.
CHECKED = (
    "-O2",
    "-w",
    "-DONLINE_JUDGE",
    "-D_FORTIFY_SOURCE=2",
    "-fstack-protector-strong",
    "-Wl,--wrap=main",
    "-o",
    "program",
)
# glibc fills what malloc gives, but what its cache of a thread gives anew.
FILLED_MEMORY = (("MALLOC_PERTURB_", "165"), ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"))


def include_solution(name: str, whole: str) -> str:
    """Return the lines that include a solution whose `main` and macros must not reach what follows."""
    macros = "".join(f"#undef {macro}\n" for macro in dict.fromkeys(_MACRO.findall(whole)))
    return f'#define main pairsmith_solution_main\n#include "{name}"\n#undef main\n{macros}'


_BESIDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"(?:[./]*/)?([\w-]+)\.(?:h|hh|hpp|hxx|c|cc|cpp)"', re.MULTILINE)


def without_solution(test_code: str, entry_point: str) -> str:
    """Return tests without the include of the solution's own file, which is included anyway."""
    names = {"solution", entry_point.rpartition(".")[2].replace("_", "").lower()}
    return _BESIDE.sub(lambda found: "" if found[1].replace("_", "").lower() in names else found[0], test_code)


def declared_name(node: Node) -> str:
    """Return the name that a function definition's declarator declares, empty for none."""
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and declarator.type in _DECLARATORS:
        inner = declarator.child_by_field_name("declarator")
        declarator = inner if inner is not None else next(iter(declarator.named_children), None)
    return text_of(declarator)


PREPROCESSOR = kinds("preproc_include preproc_def preproc_function_def preproc_call preproc_if preproc_ifdef")


def find_includes(node: Node, source: bytes) -> Iterator[Import]:
    """Give what an include brings; angle brackets mean a header that comes with the compiler."""
    path = node.child_by_field_name("path")
    if path is not None:
        text = source[path.start_byte : path.end_byte]
        yield Import(text.strip(b'<>"'), b"", text[:1] == b"<")


GRAMMAR = Grammar(
    name="c",
    grammar=tree_sitter.Language(tree_sitter_c.language()),
    stops=("\nint main", "\nvoid ", "\n#include", "\n//"),
    comments=kinds("comment"),
    comment_marks=(b"//", b"/*"),
    strings=kinds("string_literal char_literal system_lib_string"),
    numbers=kinds("number_literal"),
    functions={"function_definition": Shape(name="declarator", parameters=("declarator",), returns="type")},
    classes={"field_declaration_list": ""},
    scopes=kinds("compound_statement for_statement if_statement while_statement switch_statement"),
    binders={
        "declaration": Binder(("declarator",), since="here"),
        "parameter_declaration": Binder(("declarator",), role="parameter"),
        **each("enumerator preproc_def preproc_function_def", Binder(("name",), role="kept")),
    },
    patterns={
        **each("init_declarator pointer_declarator array_declarator function_declarator", ("declarator",)),
        "parenthesized_declarator": (),
        "attributed_declarator": (),
    },
    pins=kinds("preproc_function_def"),
    texts=kinds("preproc_arg"),
    imports=kinds("preproc_include"),
    kept_whole=PREPROCESSOR,
    types=kinds("type_definition struct_specifier enum_specifier union_specifier"),
    mains=words(b"main"),
    find_imports=find_includes,
    labels=kinds("field_identifier statement_identifier"),
    doc_marks=(b"/**", b"///", b"//!", b"/*!"),
    blocks=kinds("compound_statement"),
    loops=kinds("for_statement while_statement do_statement"),
    switches=kinds("switch_statement"),
    cases=kinds("case_statement"),
    ternaries=kinds("conditional_expression"),
    leaving=kinds("return_statement break_statement continue_statement goto_statement"),
    returns=kinds("return_statement"),
    tag_kinds={
        "class": kinds("field_declaration_list"),
        "conditional_expression": kinds("conditional_expression"),
        "for_loop": kinds("for_statement"),
        "goto": kinds("goto_statement"),
        "match": kinds("switch_statement"),
        "while_loop": kinds("while_statement do_statement"),
    },
    tag_calls={
        "assert": words(b"assert"),
        "print_in_function": words(b"printf puts putchar"),
        "input_in_function": words(b"scanf getchar gets fgets getline"),
        "percent_format": words(b"printf sprintf snprintf fprintf"),
        "uses_sorting": words(b"qsort"),
    },
)
