"""Go: the driver is a package of its own, and calls the entry point by reflection."""

import json
import re
from collections.abc import Iterator, Sequence

import tree_sitter
import tree_sitter_go
from tree_sitter import Node

from pairsmith.pipeline.languages.contract import (
    RUNTIME_ROOM,
    Driver,
    Language,
    SignatureError,
    below,
    parse,
    read_file,
    text_of,
)
from pairsmith.pipeline.languages.grammar import NONE, Binder, Grammar, Import, Shape, each, kinds, words
from pairsmith.pipeline.sandbox.packages import BUILT, INSIDE

# The compiler and linker alone, where the standard library lies compiled (Go up to 1.19, or a prepared image): `go
# build` would compile it anew for every program.
_BUILD = f"""set -e
root=$($1 env GOROOT)
packages=$(ls -d "$root"/pkg/linux_* 2>/dev/null | head -n 1)
fetched={INSIDE}/go
[ ! -e $fetched/src/github.com/stretchr/testify ] || rm -rf github.com
if [ -e "$packages/fmt.a" ]; then
    built={INSIDE}/{BUILT}/go
    for name in github.com/stretchr/testify/assert pairsmith; do
        [ -e $name ] || continue
        $1 tool compile -o $name.a -p $name -I "$packages" $name/*.go
    done
    $1 tool compile -o program.o -p main -I "$packages" -I $built -I . *.go
    $1 tool link -s -w -o program -L "$packages" -L $built -L . program.o
else
    mkdir -p path/src
    for name in github.com pairsmith; do
        [ ! -e $name ] || mv $name path/src
    done
    export GOPATH=/tmp/path:$fetched GOCACHE=/tmp/cache GO111MODULE=off CGO_ENABLED=0
    $1 build -ldflags='-s -w' -o program *.go
fi
"""
_CALL = 'package main\nimport pairsmithDriver "pairsmith"\n'
_KNOWN_IMPORTS = (
    "testing", "github.com/stretchr/testify/assert", "bytes", "crypto/md5", "fmt", "math", "math/rand", "regexp",
    "sort", "strconv", "strings", "time",
)  # fmt: skip
_TEST = re.compile(r"(Test|Fuzz|Example)(?![a-z])\w*")
_OUTPUT = re.compile(r"//\s*(unordered )?output:(.*(?:\n\s*//.*)*)\s*\}\Z", re.IGNORECASE)
_EXIT = re.compile(r"\bos\.Exit\(")
_PACKAGE = re.compile(r"^package\s+\w+", re.MULTILINE)


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled."""
    whole = _in_package(_without_main(f"{setup}\n{code}" if setup else code))
    call = f"{_CALL}func main() {{ pairsmithDriver.Serve({entry_point}) }}\n"
    driver = read_file("go", "driver.go")
    return {"solution.go": whole, "main.go": call, "pairsmith/driver.go": driver, "build.sh": _BUILD}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files of a solution with functions for `go test` in its process, run by Go's own package testing.

    Raises:
        SignatureError: if the tests have no such function.
    """
    whole = sources(f"{setup}\n{code}" if setup else code, "", "pairsmithTests")
    return {
        **whole,
        "solution.go": _work_out_imports(whole["solution.go"], _imports(setup), is_strict=True),
        "tests.go": _work_out_imports(_in_package(_EXIT.sub("pairsmithDriver.Exit(", test_code)), _KNOWN_IMPORTS),
        "calls.go": _calls(test_code),
        "pairsmith/test.go": read_file("go", "test.go"),
        "github.com/stretchr/testify/assert/assert.go": read_file("go", "assert.go"),
    }


def _calls(test_code: str) -> str:
    """Return the main program of tests, as `go test` writes it."""
    named: dict[str, list[str]] = {"Test": [], "Fuzz": [], "Example": []}
    before = ""
    for node in parse(test_code, "go").named_children:
        name = text_of(node.child_by_field_name("name"))
        found = _TEST.fullmatch(name) if node.type == "function_declaration" else None
        if name == "TestMain":
            before = name
        elif found is not None and found[1] != "Example":
            named[found[1]].append(f'{{"{name}", {name}}}')
        elif found is not None and (printed := _OUTPUT.search(text_of(node))) is not None:
            lines = "\n".join(
                line.strip().removeprefix("//").removeprefix(" ") for line in printed[2].splitlines()
            )
            in_any_order = "true" if printed[1] else "false"
            named["Example"].append(f'{{"{name}", {name}, {json.dumps(lines)}, {in_any_order}}}')
    if not any(named.values()):
        raise SignatureError("the tests have no function Test, Fuzz or Example")
    lists = ", ".join(
        f"[]testing.Internal{kind}{{{', '.join(named.get(key, []))}}}"
        for kind, key in (("Test", "Test"), ("Benchmark", ""), ("FuzzTarget", "Fuzz"), ("Example", "Example"))
    )
    run = f"testing.MainStart(pairsmithDriver.Deps{{}}, {lists}), {before or 'nil'}"
    return f'{_CALL}import "testing"\nfunc pairsmithTests() {{ pairsmithDriver.Run({run}) }}\n'


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


def _imports(code: str) -> list[str]:
    return [
        text_of(spec.child_by_field_name("path")).strip('"`') for spec in below(parse(code, "go"), {"import_spec"})
    ]


def _work_out_imports(code: str, known: Sequence[str], is_strict: bool = False) -> str:
    """Return code that imports what it uses, as HumanEval-X's own assembly of its tests does.

    Args:
        known: what may be used without an import.
        is_strict: whether what is imported beside that and not used stays, which Go refuses.

    Source: Zheng et al. 2023, arXiv:2303.17568, `IMPORT_HELPER` of its evaluation: prompts import what some
    solutions need, and Go refuses an import that is not used.
    """
    root, source = parse(code, "go"), code.encode()
    declared = [node for node in root.named_children if node.type == "import_declaration"]
    used = {text_of(node.child_by_field_name("operand")) for node in below(root, {"selector_expression"})}
    used |= {text_of(node.child_by_field_name("package")) for node in below(root, {"qualified_type"})}
    specs: dict[str, str] = {}
    for spec in (spec for node in declared for spec in below(node, {"import_spec"})):
        path = text_of(spec.child_by_field_name("path"))
        name = text_of(spec.child_by_field_name("name")) or path.strip('"`').rpartition("/")[2]
        if name in used or name in ("_", ".") or (is_strict and path.strip('"`') not in known):
            specs[name] = text_of(spec)
    if "pairsmithDriver" in used:
        specs["pairsmithDriver"] = 'pairsmithDriver "pairsmith"'
    for path in known:
        name = path.rpartition("/")[2]
        if name in used:
            specs.setdefault(name, f'"{path}"')
    for node in reversed(declared):
        source = source[: node.start_byte] + source[node.end_byte :]
    imports = "".join(f"import {spec}\n" for spec in specs.values())
    return _PACKAGE.sub(lambda found: f"{found.group()}\n{imports}", source.decode(), count=1)


def _without_main(code: str) -> str:
    """Return the code with its own `main` under another name: the driver has one."""
    source = code.encode()
    for node in parse(code, "go").named_children:
        name = node.child_by_field_name("name")
        if node.type == "function_declaration" and name is not None and text_of(name) == "main":
            source = source[: name.start_byte] + b"pairsmithMain" + source[name.end_byte :]
            break
    return source.decode()


# What an earlier Go says of later ones: packages of 1.21 to 1.24, functions of 1.21, a loop over a number.
_LATER = (
    r'|(?:could not import|package) "?((?:cmp|iter|maps|slices|unique|weak|log/slog|math/rand/v2)\b)'
    # Of testify less than all is here.
    r"|undefined: (assert\.\w+)|(assert)\.\w+ undefined \(type \*assert\.Assertions"
    r"|undefined: (clear|max|min)\b|(cannot range over) .*\bint\b"
)
LANGUAGE = Language(
    name="go",
    title="Go",
    tools={"go": ("/usr/local/go/bin/go", "/usr/lib/go-*/bin/go")},
    packages=("golang-go",),
    version=("{go}", "version"),
    driver=Driver(sources, tests, program, finds),
    compile=(("/bin/sh", "build.sh", "{go}"),),
    missing=r'(?:could not import|cannot find package|can.t find import:|package) "?(\w+\.\w[\w./-]*)' + _LATER,
    artifact=("program",),
    run=("/tmp/program",),
    run_program=("/tmp/program",),
    room=RUNTIME_ROOM,
    compile_room=RUNTIME_ROOM,
    environment=(("GOTRACEBACK", "none"), ("GOMAXPROCS", "2")),
)


def _find_imports(node: Node, source: bytes) -> Iterator[Import]:
    for inner in below(node, {"import_spec"}):
        path, alias = inner.child_by_field_name("path"), inner.child_by_field_name("name")
        if path is None:
            continue
        module = source[path.start_byte + 1 : path.end_byte - 1]
        name = module.split(b"/")[-1] if alias is None else source[alias.start_byte : alias.end_byte]
        yield Import(module, b"" if name == b"." else name, b"." not in module.split(b"/")[0], name == b".")


def _spot_loop(node: Node, source: bytes) -> str:
    kinds = {child.type for child in node.named_children}
    return "" if kinds & {"for_clause", "range_clause"} else "while_loop"


_ENDS = frozenset({"\n", ";", "\0"})

GRAMMAR = Grammar(
    name="go",
    grammar=tree_sitter.Language(tree_sitter_go.language()),
    stops=("\nfunc ", "\ntype ", "\nvar ", "\n//"),
    comments=kinds("comment"),
    comment_marks=(b"//", b"/*"),
    strings=kinds("interpreted_string_literal raw_string_literal rune_literal"),
    numbers=kinds("int_literal float_literal imaginary_literal"),
    separated=each(
        "source_file statement_list import_spec_list var_spec_list const_declaration type_declaration "
        "field_declaration_list interface_type block", _ENDS,
    ),
    functions={
        "function_declaration": Shape(returns="result"),
        "method_declaration": Shape(parameters=("receiver", "parameters"), returns="result"),
        "func_literal": Shape(name="", returns="result", lambda_=True),
    },
    scopes=kinds(
        "block for_statement if_statement expression_switch_statement type_switch_statement select_statement "
        "expression_case default_case type_case communication_case"
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
    pins=kinds("keyed_element"),
    imports=kinds("import_declaration"),
    kept_whole=kinds("package_clause"),
    types=kinds("type_declaration"),
    mains=words(b"main"),
    find_imports=_find_imports,
    labels=kinds("field_identifier label_name package_identifier"),
    pinned_names=words(b"_ nil true false iota"),
    doc_marks=(b"// Package ",),
    blocks=kinds("statement_list"),
    loops=kinds("for_statement"),
    elses=NONE,
    switches=kinds("expression_switch_statement type_switch_statement select_statement"),
    cases=kinds("expression_case type_case communication_case"),
    leaving=kinds("return_statement break_statement continue_statement goto_statement"),
    returns=kinds("return_statement"),
    tag_kinds={
        "class": kinds("struct_type"),
        "for_loop": kinds("for_clause range_clause"),
        "goto": kinds("goto_statement"),
        "lambda": kinds("func_literal"),
        "match": kinds("expression_switch_statement type_switch_statement select_statement"),
        "uses_dict": kinds("map_type"),
        "uses_slice": kinds("slice_expression"),
    },
    tag_calls={"raise": words(b"panic"), "print_in_function": words(b"print println")},
    tag_methods={
        "print_in_function": words(b"Println Printf Print"),
        "input_in_function": words(b"Scan Scanln Scanf NewScanner NewReader"),
        "percent_format": words(b"Printf Sprintf Fprintf Errorf"),
        "uses_sorting": words(b"Sort Slice SliceStable Ints Strings SortFunc"),
    },
    spots={"for_statement": _spot_loop},
    builtins=words(
        b"append cap clear close complex copy delete imag len make max min new panic print println real recover "
        b"bool byte error float64 int rune string"
    ),
)  # fmt: skip
