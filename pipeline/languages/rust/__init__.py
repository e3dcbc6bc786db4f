"""Rust: traits read arguments and write values; the compiler infers them from the call of the entry point."""

import re
from collections.abc import Callable, Iterator

import tree_sitter
import tree_sitter_rust
from tree_sitter import Node

from pairsmith.pipeline.languages.contract import (
    RUNTIME_ROOM,
    Driver,
    Language,
    SignatureError,
    parse,
    read_file,
    split_entry,
    text_of,
    walk,
)
from pairsmith.pipeline.languages.grammar import Binder, Grammar, Import, Shape, each, kinds, words
from pairsmith.pipeline.sandbox.packages import BUILT, INSIDE

# rustc asks for the path of its own program and stops where /proc, which is closed to programs, has no answer.
_EXE = """#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
ssize_t readlink(const char *path, char *buffer, size_t size) {
    const char *known = getenv("EXE");
    if (!known || strcmp(path, "/proc/self/exe")) return syscall(SYS_readlinkat, -100, path, buffer, size);
    size_t n = strlen(known) < size ? strlen(known) : size;
    memcpy(buffer, known, n);
    return (ssize_t)n;
}
"""
_CRATES = {"rand", "regex", "md5"}
_WORD = re.compile(r"\w+")
_IS_TEST = re.compile(r"#\[\s*(?:\w+::)*test\b")
_IS_MAIN = re.compile(r"^\s*(?:pub )?fn main\b", re.MULTILINE)
_EXIT = re.compile(r"\b(?:std::)?process::exit\s*\(")
# What `cargo test` builds with; our `main` comes before the one of the test runner.
_TEST_FLAGS = "--test\n-Cdebug-assertions=on\n-Clink-arg=-Wl,--wrap=main\n"
_WITHIN = frozenset({"impl_item", "declaration_list"})


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the file that is compiled.

    The solution stays at the root of the crate; the driver is a module of it with a C `main` of its own, so that
    the solution may have a `main` too.
    """
    whole = f"{setup}\n{code}" if setup else code
    found = _find(whole, entry_point)
    parameters = _list(found.child_by_field_name("parameters")) if found is not None else []
    n = sum(node.type == "parameter" for node in parameters)
    given = ", ".join(f"pairsmith::argument(a, {index})" for index in range(n))
    main = (
        f"\n#[doc(hidden)]\nmod pairsmith_main {{\n    use super::pairsmith;\n"
        f"    fn call(a: &[pairsmith::Json]) -> String {{\n"
        f"        pairsmith::show({_path(found, entry_point)}({given}))\n    }}\n"
        f'    #[no_mangle]\n    pub extern "C" fn main() -> i32 {{ pairsmith::serve({n}, &call) }}\n}}\n'
    )
    return {"main.rs": f"#![no_main]\n{whole}\n{read_file('rust', 'driver.rs')}{main}", "exe.c": _EXE, "flags": ""}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files of a solution with tests in its process: functions under `#[test]`, else a `main`.

    Rust's own test runner runs the functions, as `cargo test` does. Tests of the solution's own do not run.

    Raises:
        SignatureError: if the tests have neither.
    """
    if _IS_TEST.search(test_code):
        whole = f"{setup}\n{_without(code, _is_test)}\n{test_code}\n"
        main = _without_unused_crates(whole) + read_file("rust", "tests.rs")
        return {"main.rs": main, "exe.c": _EXE, "flags": _TEST_FLAGS}
    if not _IS_MAIN.search(test_code):
        raise SignatureError("the tests have no function under #[test] and no main")
    whole = f"{setup}\n{_without(code, _is_main)}\n{_EXIT.sub('crate::pairsmith::exit_tests(', test_code)}\n"
    return sources(_without_unused_crates(whole), "", "main")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the file of a whole program."""
    return {"main.rs": f"{setup}\n{code}" if setup else code, "exe.c": _EXE, "flags": ""}


def _without_unused_crates(code: str) -> str:
    """Return code without unused imports of the crates that every problem of HumanEval-X imports."""
    source = code.encode()
    imports = [node for node in parse(code, "rust").named_children if node.type == "use_declaration"]
    rest = source
    for node in reversed(imports):
        rest = rest[: node.start_byte] + rest[node.end_byte :]
    words = set(_WORD.findall(rest.decode()))
    for node in reversed(imports):
        names = set(_WORD.findall(text_of(node))) - {"use"}
        if names & _CRATES and not names & words:
            source = source[: node.start_byte] + source[node.end_byte :]
    return source.decode()


def _without(code: str, is_left_out: Callable[[Node, str], bool]) -> str:
    """Return code without some of its items and the attributes before these."""
    source, start, attributes, cuts = code.encode(), 0, "", []
    for node in parse(code, "rust").named_children:
        if node.type in ("attribute_item", "line_comment", "block_comment"):
            start = start if attributes else node.start_byte
            attributes += text_of(node)
            continue
        if is_left_out(node, attributes):
            cuts.append((start if attributes else node.start_byte, node.end_byte))
        attributes = ""
    for start, end in reversed(cuts):
        source = source[:start] + source[end:]
    return source.decode()


def _is_test(node: Node, attributes: str) -> bool:
    return "#[cfg(test)]" in attributes or bool(_IS_TEST.search(attributes))


def _is_main(node: Node, attributes: str) -> bool:
    return node.type == "function_item" and text_of(node.child_by_field_name("name")) == "main"


def finds(code: str, entry_point: str) -> bool:
    """Return whether a function of that name is defined, free or in an `impl`."""
    return _find(code, entry_point) is not None


def _find(code: str, entry_point: str) -> Node | None:
    """Return the definition: a free function, else one of an `impl`."""
    _, name = split_entry(entry_point)
    found = [
        node
        for node in walk(parse(code, "rust"), _WITHIN)
        if node.type == "function_item" and text_of(node.child_by_field_name("name")) == name
    ]
    free = [node for node in found if node.parent is not None and node.parent.type == "source_file"]
    return next(iter(free or found), None)


def _path(node: Node | None, entry_point: str) -> str:
    _, function = split_entry(entry_point)
    owner = node.parent.parent if node is not None and node.parent is not None else None
    if owner is None or owner.type != "impl_item":
        return f"super::{function}"
    name = text_of(owner.child_by_field_name("type")).split("<")[0]
    takes_self = node is not None and any(
        part.type == "self_parameter" for part in _list(node.child_by_field_name("parameters"))
    )
    return f"super::{name}{{}}.{function}" if takes_self else f"super::{name}::{function}"


def _list(node: Node | None) -> list[Node]:
    return node.named_children if node is not None else []


_COMPILE = (
    ("{gcc}", "-shared", "-fPIC", "-o", "exe.so", "exe.c"),
    ("/bin/sh", "-c", f"cat {INSIDE}/{BUILT}/rust/flags >>flags 2>/dev/null || :"),
    (
        "/usr/bin/env", "LD_PRELOAD=/tmp/exe.so", "EXE={rustc}", "{rustc}", "--sysroot", "{rustc home}",
        "--edition", "2021", "-C", "opt-level=2", "-C", "debuginfo=0", "-C", "strip=symbols", "-C",
        "linker={gcc}", "--cap-lints", "allow", "-o", "program", "@flags", "main.rs",
    ),
)  # fmt: skip

# Crates that programs use by their path alone; another name may be a module that was forgotten.
_KNOWN_CRATES = (
    "anyhow|bigdecimal|chrono|crossbeam|futures|hex|itertools|lazy_static|log|md5|num|num_bigint|num_traits|once_cell"
    "|proptest|quickcheck|rand|rayon|regex|rstest|serde|serde_json|sha2|thiserror|tokio"
)
# What an earlier rustc says of later Rust; a stable compiler knows no other features that are not stable.
_LATER = r"|error\[E0658\]: ([^\n]+)|no `((?:Lazy|Once)(?:Cell|Lock))` in `"
LANGUAGE = Language(
    name="rust",
    title="Rust",
    tools={"rustc": ("/usr/local/cargo/bin/rustc",), "gcc": ()},
    packages=("rustc", "gcc", "libc6-dev", "cargo"),
    version=("{rustc}", "--version"),
    driver=Driver(sources, tests, program, finds),
    compile=_COMPILE,
    missing=r"unresolved import `(?!std\b|core\b|alloc\b|crate\b|self\b|super\b)(\w+)"
    rf"|(?:undeclared crate or module|unlinked crate) `({_KNOWN_CRATES})`" + _LATER,
    artifact=("program",),
    run=("/tmp/program",),
    run_program=("/tmp/program",),
    compile_room=RUNTIME_ROOM,
)


def _find_imports(node: Node, source: bytes) -> Iterator[Import]:
    text = b"".join(source[node.start_byte : node.end_byte].split(b"use ", 1)[-1].split()).rstrip(b";")
    root = text.split(b"::")[0].split(b"{")[0]
    standard = root in (b"std", b"core", b"alloc")
    for leaf in text.replace(b"{", b",").replace(b"}", b",").split(b","):
        name = leaf.split(b"::")[-1].split(b"as ")[-1]
        if name and not leaf.endswith(b"::"):
            yield Import(root, b"" if name == b"*" else name, standard, name == b"*")


GRAMMAR = Grammar(
    name="rust",
    grammar=tree_sitter.Language(tree_sitter_rust.language()),
    stops=("\nfn ", "\npub fn ", "\n#[", "\n//"),
    comments=kinds("line_comment block_comment"),
    comment_marks=(b"//", b"/*"),
    strings=kinds("string_literal raw_string_literal char_literal"),
    numbers=kinds("integer_literal float_literal"),
    functions={
        "function_item": Shape(returns="return_type"),
        "closure_expression": Shape(name="", returns="return_type", lambda_=True),
    },
    classes=dict.fromkeys(("declaration_list", "enum_variant_list", "field_declaration_list"), ""),
    scopes=kinds("block match_arm if_expression while_expression"),
    binders={
        "let_declaration": Binder(("pattern",), since="after", anew=True),
        "let_condition": Binder(("pattern",), since="after"),
        "match_arm": Binder(("pattern",)),
        "for_expression": Binder(("pattern",), scope="body"),
        "parameter": Binder(("pattern",), role="parameter"),
        "closure_parameters": Binder(role="parameter"),
        **each("const_item static_item enum_variant macro_definition mod_item", Binder(("name",), role="kept")),
    },
    patterns={
        **each("match_pattern tuple_pattern tuple_struct_pattern struct_pattern captured_pattern ref_pattern "
               "mut_pattern reference_pattern slice_pattern or_pattern", ()),
        "field_pattern": ("pattern",),
        "parameter": ("pattern",),
    },
    members={
        **each("scoped_identifier label lifetime scoped_type_identifier", ()),
        "macro_invocation": ("macro",),
    },
    pins=kinds(
        "shorthand_field_initializer use_declaration attribute_item inner_attribute_item macro_definition "
        "type_parameters let_chain"
    ),
    texts=kinds("string_literal raw_string_literal shorthand_field_identifier"),
    constants=True,
    imports=kinds("use_declaration extern_crate_declaration"),
    kept_whole=kinds(
        "use_declaration extern_crate_declaration inner_attribute_item attribute_item macro_definition "
        "macro_invocation"
    ),
    types=kinds("struct_item enum_item union_item trait_item impl_item type_item mod_item"),
    mains=words(b"main"),
    find_imports=_find_imports,
    labels=kinds("field_identifier type_identifier"),
    until_alternative=kinds("if_expression"),
    doc_marks=(b"///", b"//!", b"/**"),
    blocks=kinds("block"),
    loops=kinds("for_expression while_expression loop_expression"),
    ifs=kinds("if_expression"),
    switches=kinds("match_expression"),
    cases=kinds("match_arm"),
    defaults=(b"_ =>", b"_=>"),
    leaving=kinds("return_expression break_expression continue_expression"),
    returns=kinds("return_expression"),
    calls={"call_expression": "function", "macro_invocation": "macro"},
    tag_kinds={
        "class": kinds("struct_item enum_item trait_item"),
        "decorator": kinds("attribute_item"),
        "for_loop": kinds("for_expression"),
        "lambda": kinds("closure_expression"),
        "match": kinds("match_expression"),
        "while_loop": kinds("while_expression loop_expression"),
    },
    tag_calls={
        "assert": words(b"assert assert_eq assert_ne debug_assert"),
        "print_in_function": words(b"println print"),
        "raise": words(b"panic unreachable todo unimplemented"),
        "str_format": words(b"format println print write writeln"),
    },
    tag_methods={
        "functional": words(b"map filter fold flat_map for_each any all"),
        "input_in_function": words(b"read_line stdin"),
        "uses_sorting": words(b"sort sort_by sort_by_key sort_unstable sort_unstable_by sorted"),
    },
    tag_words={"uses_dict": words(b"HashMap BTreeMap"), "uses_set": words(b"HashSet BTreeSet")},
)  # fmt: skip
