"""JavaScript: the solution is loaded as CommonJS, or as a module where it has `import` or `export`."""

from tree_sitter import Node

from pairsmith.pipeline.languages.reading import parse, read_source, text_of


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that run."""
    return {"solution.js": f"{setup}\n{code}", "driver.js": read_source("javascript", "driver.js")}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files that run a solution with tests in its process, all of them in `pairsmith_tests`."""
    return sources(f"{code}\n{in_function(test_code)}", setup, "pairsmith_tests")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program."""
    return {"solution.js": f"{setup}\n{code}"}


def in_function(test_code: str, grammar: str = "javascript") -> str:
    """Return tests as a function: what they print as failed assertions must fail."""
    return f"""async function pairsmith_tests() {{
  const require = globalThis["pairsmithRequire"];
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
    """Return what binds the names of an import; nothing for a file beside, since the solution is there already."""
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
