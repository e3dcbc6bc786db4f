"""JavaScript: the solution is loaded as CommonJS, or as a module where it has `import` or `export`."""

import re
from collections.abc import Iterator

import tree_sitter
import tree_sitter_javascript
from tree_sitter import Node

from pairsmith.pipeline.languages.contract import (
    RUNTIME_ROOM,
    Driver,
    Language,
    MissingPackageError,
    parse,
    read_file,
    text_of,
)
from pairsmith.pipeline.languages.grammar import Binder, Grammar, Import, Shape, each, kinds, words


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that run."""
    whole = f"{setup}\n{code}"
    files = {"solution.js": whole, "driver.js": read_file("javascript", "driver.js")}
    return {**files, **({"is_module": ""} if _is_module(whole) else {})}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files that run a solution with tests in its process, all of them in `pairsmith_tests`."""
    return sources(f"{code}\n{in_function(test_code, code, entry_point)}", setup, "pairsmith_tests")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program; one that has `import` or `export` is a module."""
    whole = f"{setup}\n{code}"
    files = {"solution.js": whole, "missing.cjs": read_file("javascript", "missing.cjs")}
    return {**files, **({"package.json": '{"type": "module"}'} if _is_module(whole) else {})}


def _is_module(whole: str) -> bool:
    nodes = parse(whole, "javascript").named_children
    return any(node.type in ("import_statement", "export_statement") for node in nodes)


_RUN_BY = re.compile(r"(?<![\w.$])(describe|it|test|expect)(?:\.\w+)*\(")
_BOUND = re.compile(r"\b(?:function|const|let|var|import|class)\b[^;=(]*\b(?:describe|it|test|expect)\b")


def in_function(test_code: str, code: str, entry_point: str, grammar: str = "javascript") -> str:
    """Return tests as a function: failed assertions that they print must fail, and they alone may exit with 0.

    What they load from a file beside them is the solution: what it exports, else its names.

    Raises:
        MissingPackageError: for tests that call the functions of a runner which they do not load.
    """
    asked = _RUN_BY.findall(test_code)
    if asked and not _BOUND.search(f"{code}\n{test_code}"):
        raise MissingPackageError("jest" if "expect" in asked else "mocha")
    return f"""async function pairsmith_tests(pairsmithExit) {{
  const pairsmithNamed = name => {{ try {{ return eval(name); }} catch (_) {{ return undefined; }} }};
  const pairsmithOwn = () => {{
    const own = typeof module === "object" && module.exports || {{}}, main = pairsmithNamed({entry_point!r});
    return new Proxy(typeof own === "function" ? own : typeof main === "function" ? main : own, {{
      get: (_, name) => name in own ? own[name] :
        /^[A-Za-z_$][\\w$]*$/.test(String(name)) && pairsmithNamed(name) || _[name],
    }});
  }};
  const require = name => /^\\.{{1,2}}\\//.test(name) ? pairsmithOwn() : globalThis["pairsmithRequire"](name);
  require.main = undefined;
  const process = new Proxy(globalThis["process"], {{
    get: (own, name) => name === "exit" ? pairsmithExit :
      typeof own[name] === "function" ? own[name].bind(own) : own[name],
  }});
  console.assert = (holds, ...words) => {{
    if (!holds) throw Object.assign(new Error(words.join(" ")), {{name: "AssertionError"}});
  }};
  {{
{_require_imports(test_code, grammar)}
  }}
}}
"""


def _require_imports(test_code: str, grammar: str) -> str:
    """Return tests whose `import` statements, which no function may hold, call `require`."""
    source = test_code.encode()
    for node in reversed(parse(test_code, grammar).named_children):
        if node.type == "import_statement":
            source = source[: node.start_byte] + _require(node).encode() + source[node.end_byte :]
        elif node.type == "export_statement" and (declared := node.child_by_field_name("declaration")) is not None:
            source = source[: node.start_byte] + source[declared.start_byte :]
    return source.decode()


def _require(node: Node) -> str:
    """Return what binds the names of an import; nothing for a file beside, since the solution is loaded anyway."""
    module = text_of(node.child_by_field_name("source"))
    clause = next((child for child in node.named_children if child.type == "import_clause"), None)
    if module[1:2] == "." or any(child.type == "type" for child in node.children):
        return ""
    if clause is None:
        named = next((child for child in node.named_children if child.type == "import_require_clause"), None)
        return f"const {text_of(named)};" if named is not None else f"require({module});"
    made = []
    for part in clause.named_children:
        if part.type == "identifier":
            made.append(f"{text_of(part)} = (m => m && m.__esModule ? m.default : m)(require({module}))")
        elif part.type == "namespace_import":
            made.append(f"{text_of(part.named_children[0])} = require({module})")
        else:
            names = ", ".join(text_of(name).replace(" as ", ": ") for name in part.named_children)
            made.append(f"{{{names}}} = require({module})")
    return f"const {', '.join(made)};"


def finds(code: str, entry_point: str) -> bool:
    """Return True: JavaScript has too many ways to make a name; the driver looks when it has loaded the code."""
    return True


_NODE = ("{node}", "--max-old-space-size={heap_mib}", "--stack-size={stack_kib}")
RUN = (*_NODE, "driver.js", "{entry_point}")
RUN_PROGRAM = (*_NODE, "--require", "/tmp/missing.cjs", "solution.js")

LANGUAGE = Language(
    name="javascript",
    title="JavaScript",
    tools={"node": ("/usr/local/bin/node",)},
    packages=("nodejs",),
    version=("{node}", "--version"),
    driver=Driver(sources, tests, program, finds),
    run=RUN,
    run_program=RUN_PROGRAM,
    overhead_mib=48,
    room=RUNTIME_ROOM,
    has_only_text_keys=True,
)


_MODULES = words(
    b"assert buffer child_process cluster crypto dns events fs http https net os path perf_hooks process "
    b"querystring readline stream string_decoder timers url util v8 vm worker_threads zlib"
)


def _find_imports(node: Node, source: bytes) -> Iterator[Import]:
    origin = node.child_by_field_name("source")
    module = source[origin.start_byte + 1 : origin.end_byte - 1] if origin is not None else b""
    standard = module.startswith(b"node:") or module in _MODULES
    waiting = [child for child in node.named_children if child != origin]
    while waiting:
        inner = waiting.pop()
        name = inner.child_by_field_name("alias") or inner.child_by_field_name("name")
        if inner.type == "identifier" or name is not None:
            bound = name or inner
            yield Import(module, source[bound.start_byte : bound.end_byte], standard)
        else:
            waiting += inner.named_children[::-1]


_END = kinds(";")

GRAMMAR = Grammar(
    name="javascript",
    grammar=tree_sitter.Language(tree_sitter_javascript.language()),
    stops=("\nfunction ", "\nconst ", "\nconsole.", "\n//"),
    names=kinds("identifier shorthand_property_identifier shorthand_property_identifier_pattern"),
    comments=kinds("comment html_comment hash_bang_line"),
    comment_marks=(b"//", b"/*", b"<!--", b"-->", b"#!"),
    atoms=kinds("regex"),
    strings=kinds("string"),
    interpolations=kinds("template_substitution"),
    verbatim=kinds("template_string"),
    numbers=kinds("number"),
    separated=dict.fromkeys(
        ("lexical_declaration", "variable_declaration", "expression_statement", "return_statement",
         "throw_statement", "break_statement", "continue_statement", "import_statement", "export_statement",
         "class_body", "debugger_statement", "do_statement"),
        _END,
    ),
    functions={
        **each("function_declaration generator_function_declaration method_definition",
               Shape(returns="return_type")),
        "function_expression": Shape(returns="return_type", lambda_=True),
        "generator_function": Shape(returns="return_type", lambda_=True),
        "arrow_function": Shape("", ("parameters", "parameter"), returns="return_type", lambda_=True),
    },
    classes={"class_body": ""},
    scopes=kinds("statement_block for_statement for_in_statement catch_clause switch_body"),
    binders={
        "variable_declarator": Binder(("name",), function_with=("var",)),
        "formal_parameters": Binder(role="parameter"),
        "arrow_function": Binder(("parameter",), role="parameter"),
        "for_in_statement": Binder(("left",), only_with=("const", "let", "var"), function_with=("var",)),
        "catch_clause": Binder(("parameter",)),
        "class_declaration": Binder(("name",), role="kept"),
        "import_clause": Binder(role="kept"),
        "named_imports": Binder(role="kept"),
    },
    patterns={
        "assignment_pattern": ("left",),
        "object_assignment_pattern": ("left",),
        **each("rest_pattern object_pattern array_pattern namespace_import", ()),
        "pair_pattern": ("value",),
        "import_specifier": ("name", "alias"),
    },
    pins=kinds(
        "shorthand_property_identifier shorthand_property_identifier_pattern export_clause with_statement"
    ),
    looks=words(b"eval Function with toString stack callee caller name"),
    imports=kinds("import_statement"),
    kept_whole=kinds("import_statement"),
    types=kinds("class_declaration"),
    find_imports=_find_imports,
    labels=kinds("property_identifier private_property_identifier statement_identifier"),
    doc_marks=(b"/**",),
    blocks=kinds("statement_block"),
    loops=kinds("for_statement for_in_statement while_statement do_statement"),
    switches=kinds("switch_statement"),
    cases=kinds("switch_case"),
    catches=kinds("catch_clause"),
    tries=kinds("try_statement"),
    ternaries=kinds("ternary_expression"),
    boolean_words=words(b"&& || ??"),
    leaving=kinds("return_statement break_statement continue_statement throw_statement"),
    returns=kinds("return_statement"),
    tag_kinds={
        "class": kinds("class_declaration class"),
        "conditional_expression": kinds("ternary_expression"),
        "decorator": kinds("decorator"),
        "for_loop": kinds("for_statement for_in_statement"),
        "generator": kinds("generator_function generator_function_declaration yield_expression"),
        "lambda": kinds("arrow_function function_expression"),
        "match": kinds("switch_statement"),
        "raise": kinds("throw_statement"),
        "string_interpolation": kinds("template_substitution"),
        "try": kinds("try_statement"),
        "while_loop": kinds("while_statement do_statement"),
    },
    tag_methods={
        "functional": words(b"map filter reduce flatMap forEach some every"),
        "print_in_function": words(b"log"),
        "uses_slice": words(b"slice"),
        "uses_sorting": words(b"sort toSorted"),
    },
    tag_words={
        "uses_dict": words(b"Map WeakMap"),
        "uses_set": words(b"Set WeakSet"),
    },
    builtins=words(
        b"Array Boolean Date Error JSON Map Math Number Object Promise Proxy Reflect RegExp Set String Symbol "
        b"isNaN isFinite parseInt parseFloat undefined NaN Infinity globalThis"
    ),
    wrappers=kinds("export_statement"),
)  # fmt: skip
