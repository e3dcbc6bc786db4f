"""TypeScript: checked and compiled by tsc, without `strict`, then run as JavaScript is."""

import re
from dataclasses import replace

import tree_sitter
import tree_sitter_typescript

from pairsmith.pipeline.languages import javascript
from pairsmith.pipeline.languages.contract import RUNTIME_ROOM, Driver, Language, read_file
from pairsmith.pipeline.languages.grammar import Binder, each, kinds

# What Node has beside the language. Of any type: a solution that uses it is not judged by Node's type definitions.
_NAMES = (
    "console", "process", "Buffer", "module", "exports", "require", "global", "performance", "TextEncoder",
    "TextDecoder", "URL", "setTimeout", "clearTimeout", "setImmediate", "clearImmediate", "setInterval",
    "clearInterval", "queueMicrotask", "structuredClone",
)  # fmt: skip
_NODE = "".join(f"declare var {name}: any;\n" for name in _NAMES) + ('declare module "*";\n')
_ITS_OWN = re.compile(rf"^\s*declare\s+(?:const|let|function)\s+(?:{'|'.join(_NAMES)})\b", re.MULTILINE)
_DECLARED = re.compile(rf"^\s*declare\s+(?:const|let|var|function)\s+(?:{'|'.join(_NAMES)})\b.*$", re.MULTILINE)
# A type of Node's own (`readline.Interface`, `Buffer`, `NodeJS.Timeout`) is any type and no error, and whether a
# method that later versions have is there shows when it runs.
_UNKNOWN = r"""2694: Namespace '.\*.'
27(09|49): .*'({types})'
2503: Cannot find namespace 'NodeJS'
(2339|2550): Property '(toSorted|toReversed|toSpliced|findLast|findLastIndex|groupBy|withResolvers|fromAsync)'
"""
# Syntax that only later versions of the language have proves nothing, as a package that is not there.
_LATER = r"""[])}"'`[:alnum:]_] satisfies [[:alnum:]{[(]
<const [[:upper:]]
^[[:space:]]*(await )?using [[:alnum:]_]+ =
^[[:space:]]*((static|public|private|protected) )*accessor [[:alnum:]_]
"""
_IMPORT = re.compile(r"^import\s+([^;'\"]+?)\s+from\b", re.MULTILINE)
_WORD = re.compile(r"\w+")


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled, and the driver."""
    return {**_program(code, setup), "driver.js": read_file("javascript", "driver.js")}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files that run a solution with tests in its process, all of them in `pairsmith_tests`."""
    wrapped = javascript.in_function(_DECLARED.sub("", test_code), code, entry_point, "typescript")
    for untyped, typed in (
        ("pairsmith_tests(pairsmithExit)", "pairsmith_tests(pairsmithExit: any)"),
        ("(own, name)", "(own: any, name: any)"),
        ("(holds, ...words)", "(holds: any, ...words: any[])"),
        ("(m =>", "((m: any) =>"),
        ("pairsmithNamed = name =>", "pairsmithNamed = (name: any): any =>"),
        ("const own = typeof", "const own: any = typeof"),
        ("(_, name) =>", "(_: any, name: any) =>"),
        ("const require = name =>", "const require: any = (name: any) =>"),
    ):
        wrapped = wrapped.replace(untyped, typed)
    return sources(f"{code}\n{wrapped}", setup, "pairsmith_tests")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program."""
    return {**_program(code, setup), "missing.cjs": read_file("javascript", "missing.cjs")}


def _program(code: str, setup: str) -> dict[str, str]:
    """Return what is compiled; a program that declares Node's names anew becomes a module, which may."""
    end = "\nexport {};\n" if _ITS_OWN.search(code) else ""
    imported = [name for found in _IMPORT.findall(code) for name in _WORD.findall(found)]
    types = "|".join(dict.fromkeys([*_NAMES, *imported]))
    files = {"solution.ts": f"{setup}\n{code}{end}", "node.d.ts": _NODE}
    return {**files, "unknown": _UNKNOWN.format(types=types), "later": _LATER}


def finds(code: str, entry_point: str) -> bool:
    """Return True: the driver looks when it has loaded the code."""
    return True


# tsc ends with 2 where it wrote the program in spite of errors.
_CHECK = (
    '"$0" "$@" >errors; status=$?; '
    '[ $status -eq 2 ] && ! grep "error TS" errors | grep -q -v -E -f unknown && exit 0; '
    "grep -o -E -f later solution.ts | sed 's/^/later syntax: /'; cat errors; exit $status"
)
_COMPILE = (
    (
        "/bin/sh", "-c", _CHECK,
        "{node}", "{tsc}", "--target", "es2022", "--module", "commonjs", "--lib", "es2022",
        "--esModuleInterop", "--skipLibCheck", "--pretty", "false", "node.d.ts", "solution.ts",
    ),
)  # fmt: skip

LANGUAGE = Language(
    name="typescript",
    title="TypeScript",
    tools={"node": ("/usr/local/bin/node",), "tsc": ("/usr/share/nodejs/typescript/bin/tsc",)},
    packages=("nodejs", "node-typescript"),
    version=("{node}", "{tsc}", "--version"),
    driver=Driver(sources, tests, program, finds),
    compile=_COMPILE,
    missing=r"later syntax: .*\b(satisfies|const|using|accessor)\b",
    artifact=("solution.js", "driver.js", "missing.cjs"),
    run=javascript.RUN,
    run_program=javascript.RUN_PROGRAM,
    overhead_mib=48,
    room=RUNTIME_ROOM,
    compile_room=RUNTIME_ROOM,
    has_only_text_keys=True,
)


_JS = javascript.GRAMMAR

GRAMMAR = replace(
    _JS,
    name="typescript",
    grammar=tree_sitter.Language(tree_sitter_typescript.language_typescript()),
    separated={
        **_JS.separated,
        **each("interface_body object_type type_alias_declaration ambient_declaration", kinds("; ,")),
    },
    binders={**_JS.binders, **each("enum_declaration internal_module", Binder(("name",), role="kept"))},
    patterns={**_JS.patterns, "required_parameter": ("pattern",), "optional_parameter": ("pattern",)},
    pins=_JS.pins | {"type_query", "type_predicate", "asserts", "accessibility_modifier", "decorator"},
    hint_tags=True,
    labels=_JS.labels | {"type_identifier"},
    tag_kinds={
        **_JS.tag_kinds,
        "class": kinds("class_declaration class interface_declaration abstract_class_declaration"),
    },
    types=_JS.types
    | kinds("interface_declaration type_alias_declaration enum_declaration abstract_class_declaration "
            "internal_module ambient_declaration"),
    wrappers=_JS.wrappers | {"ambient_declaration"},
)  # fmt: skip
