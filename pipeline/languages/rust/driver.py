"""Rust: traits read arguments and write values; the compiler infers them from the call of the entry point."""

import re

from tree_sitter import Node

from pairsmith.pipeline.languages.reading import parse, read_source, split_entry, text_of, walk

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
    given = ", ".join(f"argument(a, {index})" for index in range(n))
    main = (
        f"\n#[doc(hidden)]\nmod pairsmith_main {{\n    use super::pairsmith::*;\n    use super::*;\n"
        f"    fn call(a: &[Json]) -> String {{ show({_path(found, entry_point)}({given})) }}\n"
        f'    #[no_mangle]\n    pub extern "C" fn main() -> i32 {{ serve({n}, &call) }}\n}}\n'
    )
    return {"main.rs": f"#![no_main]\n{whole}\n{read_source('rust', 'driver.rs')}{main}", "exe.c": _EXE}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the file of a solution with functions under `#[test]` in its process."""
    opened, paths = _open_tests(test_code)
    calls = " ".join(f"{path}();" for path in paths)
    whole = f"{setup}\n{code}\n{opened}\npub fn pairsmith_tests() {{ {calls} }}\n"
    return sources(_without_unused_crates(whole), "", "pairsmith_tests")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the file of a whole program."""
    return {"main.rs": f"{setup}\n{code}" if setup else code, "exe.c": _EXE}


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


def _open_tests(test_code: str) -> tuple[str, list[str]]:
    """Return tests that anybody may call, and the paths of their functions."""
    source, edits, paths = test_code.encode(), [], []
    for node in walk(parse(test_code, "rust"), frozenset({"mod_item", "declaration_list"})):
        if node.type == "attribute_item" and text_of(node) in ("#[test]", "#[cfg(test)]"):
            edits.append((node.start_byte, node.end_byte, b""))
        elif node.type in ("function_item", "mod_item") and "pub" not in text_of(node).split("{")[0].split():
            edits.append((node.start_byte, node.start_byte, b"pub "))
            if node.type == "function_item" and _is_test(node):
                module = node.parent.parent if node.parent is not None else None
                inside = text_of(module.child_by_field_name("name")) + "::" if module is not None else ""
                paths.append(inside + text_of(node.child_by_field_name("name")))
    for start, end, text in sorted(edits, reverse=True):
        source = source[:start] + text + source[end:]
    return source.decode(), paths


def _is_test(node: Node) -> bool:
    before = node.prev_named_sibling
    while before is not None and before.type in ("attribute_item", "line_comment", "block_comment"):
        if text_of(before) == "#[test]":
            return True
        before = before.prev_named_sibling
    return False


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
