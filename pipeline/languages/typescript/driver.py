"""TypeScript: checked and compiled by tsc, without `strict`, then run as JavaScript is."""

import re

from pairsmith.pipeline.languages.javascript import driver as javascript
from pairsmith.pipeline.languages.reading import read_source

# What Node has beside the language. Of any type: a solution that uses it is not judged by Node's type definitions.
_NAMES = (
    "console", "process", "Buffer", "module", "exports", "require", "global", "performance", "TextEncoder",
    "TextDecoder", "URL", "setTimeout", "clearTimeout", "setImmediate", "clearImmediate", "setInterval",
    "clearInterval", "queueMicrotask", "structuredClone",
)  # fmt: skip
_NODE = "".join(f"declare var {name}: any;\n" for name in _NAMES) + ('declare module "*";\n')
_ITS_OWN = re.compile(rf"^\s*declare\s+(?:const|let|function)\s+(?:{'|'.join(_NAMES)})\b", re.MULTILINE)


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled, and the driver."""
    return {**program(code, setup), "driver.js": read_source("javascript", "driver.js")}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files that run a solution with tests in its process, all of them in `pairsmith_tests`."""
    wrapped = javascript.in_function(test_code, "typescript")
    for untyped, typed in (("(holds, ...words)", "(holds: any, ...words: any[])"), ("(m =>", "((m: any) =>")):
        wrapped = wrapped.replace(untyped, typed)
    return sources(f"{code}\n{wrapped}", setup, "pairsmith_tests")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program; one that declares Node's names anew becomes a module, which may."""
    end = "\nexport {};\n" if _ITS_OWN.search(code) else ""
    return {"solution.ts": f"{setup}\n{code}{end}", "node.d.ts": _NODE}


def finds(code: str, entry_point: str) -> bool:
    """Return True: the driver looks when it has loaded the code."""
    return True
