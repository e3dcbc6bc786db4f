"""Go: the driver is a second file of the solution's package, and calls the entry point by reflection."""

import re

from pipeline.languages.drivers import files, trees

# The compiler and linker alone, where the standard library lies compiled (Go up to 1.19, or a prepared image): `go
# build` would compile it anew for every program.
_BUILD = """set -e
root=$($1 env GOROOT)
packages=$(ls -d "$root"/pkg/linux_* 2>/dev/null | head -n 1)
if [ -e "$packages/fmt.a" ]; then
    $1 tool compile -o program.o -p main -I "$packages" driver.go solution.go
    $1 tool link -s -w -o program -L "$packages" program.o
else
    GOCACHE=/tmp/cache GO111MODULE=off CGO_ENABLED=0 $1 build -ldflags='-s -w' -o program driver.go solution.go
fi
"""
_PACKAGE = re.compile(r"^package\s+\w+", re.MULTILINE)


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled."""
    whole = _without_main(f"{setup}\n{code}" if setup else code)
    whole = _PACKAGE.sub("package main", whole, count=1) if _PACKAGE.search(whole) else "package main\n" + whole
    driver = files.read("driver.go").replace("PAIRSMITH_ENTRY", entry_point)
    return {"solution.go": whole, "driver.go": driver, "build.sh": _BUILD}


def finds(code: str, entry_point: str) -> bool:
    """Return whether a function of that name is declared."""
    declared = trees.parse(code, "go").named_children
    return any(
        trees.text(node.child_by_field_name("name")) == entry_point
        for node in declared
        if node.type == "function_declaration"
    )


def _without_main(code: str) -> str:
    """Return the code with its own `main` under another name: the driver has one."""
    source = code.encode()
    for node in trees.parse(code, "go").named_children:
        name = node.child_by_field_name("name")
        if node.type == "function_declaration" and name is not None and trees.text(name) == "main":
            source = source[: name.start_byte] + b"pairsmithMain" + source[name.end_byte :]
            break
    return source.decode()
