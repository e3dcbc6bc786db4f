"""Go: the driver is a second file of the solution's package, and calls the entry point by reflection."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from pairsmith.pipeline.languages.reading import parse, read_source, text_of

# The compiler and linker alone, where the standard library lies compiled (Go up to 1.19, or a prepared image): `go
# build` would compile it anew for every program.
_BUILD = """set -e
root=$($1 env GOROOT)
packages=$(ls -d "$root"/pkg/linux_* 2>/dev/null | head -n 1)
if [ -e "$packages/fmt.a" ]; then
    mkdir -p testify/github.com/stretchr/testify
    if [ -e assert.go ]; then
        $1 tool compile -o testify/github.com/stretchr/testify/assert.a -p github.com/stretchr/testify/assert \\
            -I "$packages" assert.go
        rm assert.go
    fi
    $1 tool compile -o program.o -p main -I "$packages" -I testify *.go
    $1 tool link -s -w -o program -L "$packages" -L testify program.o
else
    if [ -e assert.go ]; then
        mkdir -p path/src/github.com/stretchr/testify/assert
        mv assert.go path/src/github.com/stretchr/testify/assert
    fi
    GOPATH=/tmp/path GOCACHE=/tmp/cache GO111MODULE=off CGO_ENABLED=0 $1 build -ldflags='-s -w' -o program *.go
fi
"""
_RUN_TEST = """import "testing"
func pairsmithTest(test func(*testing.T)) {
    ended := make(chan interface{}, 1)
    t := &testing.T{}
    go func() { // FailNow ends its goroutine
        defer func() { ended <- recover() }()
        test(t)
    }()
    if caught := <-ended; caught != nil { panic(caught) }
    if t.Failed() { panic("AssertionError") }
}
"""
_KNOWN_IMPORTS = (
    "testing", "github.com/stretchr/testify/assert", "bytes", "crypto/md5", "fmt", "math", "math/rand", "regexp",
    "sort", "strconv", "strings", "time",
)  # fmt: skip
_TEST = re.compile(r"^func\s+(Test\w*)\s*\(", re.MULTILINE)
_PACKAGE = re.compile(r"^package\s+\w+", re.MULTILINE)


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled."""
    whole = _in_package(_without_main(f"{setup}\n{code}" if setup else code))
    driver = read_source("go", "driver.go").replace("PAIRSMITH_ENTRY", entry_point)
    return {"solution.go": whole, "driver.go": driver, "build.sh": _BUILD}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files of a solution with functions `Test...(t *testing.T)` in its process."""
    whole = sources(f"{setup}\n{code}" if setup else code, "", "pairsmithTests")
    calls = "".join(f"    pairsmithTest({name})\n" for name in _TEST.findall(test_code))
    return {
        **whole,
        "solution.go": _work_out_imports(whole["solution.go"]),
        "tests.go": _work_out_imports(_in_package(test_code)),
        "calls.go": f"package main\n{_RUN_TEST}func pairsmithTests() {{\n{calls}}}\n",
        "assert.go": read_source("go", "assert.go"),
    }


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program."""
    return {"solution.go": _in_package(f"{setup}\n{code}" if setup else code), "build.sh": _BUILD}


def finds(code: str, entry_point: str) -> bool:
    """Return whether a function of that name is declared."""
    declared = parse(code, "go").named_children
    return any(
        text_of(node.child_by_field_name("name")) == entry_point
        for node in declared
        if node.type == "function_declaration"
    )


def _in_package(code: str) -> str:
    if _PACKAGE.search(code):
        return _PACKAGE.sub("package main", code, count=1)
    return "package main\n" + code


def _work_out_imports(code: str) -> str:
    """Return code that imports what it uses, as HumanEval-X's own assembly of its tests does.

    Source: Zheng et al. 2023, arXiv:2303.17568, `IMPORT_HELPER` of its evaluation: prompts import what some
    solutions need, and Go refuses an import that is not used.
    """
    root, source = parse(code, "go"), code.encode()
    declared = [node for node in root.named_children if node.type == "import_declaration"]
    used = {text_of(node.child_by_field_name("operand")) for node in _below(root, "selector_expression")}
    used |= {text_of(node.child_by_field_name("package")) for node in _below(root, "qualified_type")}
    specs: dict[str, str] = {}
    for spec in (spec for node in declared for spec in _below(node, "import_spec")):
        path = text_of(spec.child_by_field_name("path"))
        name = text_of(spec.child_by_field_name("name")) or path.strip('"`').rpartition("/")[2]
        if name in used or name in ("_", "."):
            specs[name] = text_of(spec)
    for path in _KNOWN_IMPORTS:
        name = path.rpartition("/")[2]
        if name in used:
            specs.setdefault(name, f'"{path}"')
    for node in reversed(declared):
        source = source[: node.start_byte] + source[node.end_byte :]
    imports = "".join(f"import {spec}\n" for spec in specs.values())
    return _PACKAGE.sub(lambda found: f"{found.group()}\n{imports}", source.decode(), count=1)


def _below(node: Node, kind: str) -> Iterator[Node]:
    """Give all nodes of a kind below one."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        waiting += reversed(inner.named_children)
        if inner.type == kind:
            yield inner


def _without_main(code: str) -> str:
    """Return the code with its own `main` under another name: the driver has one."""
    source = code.encode()
    for node in parse(code, "go").named_children:
        name = node.child_by_field_name("name")
        if node.type == "function_declaration" and name is not None and text_of(name) == "main":
            source = source[: name.start_byte] + b"pairsmithMain" + source[name.end_byte :]
            break
    return source.decode()
