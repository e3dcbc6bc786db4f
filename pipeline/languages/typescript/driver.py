"""TypeScript: checked and compiled by tsc, without `strict`, then run as JavaScript is."""

from pairsmith.pipeline.languages.javascript import driver as javascript
from pairsmith.pipeline.languages.reading import read_source

# What Node has beside the language. Of any type: a solution that uses it is not judged by Node's type definitions.
_NODE = """declare var console: any; declare var process: any; declare var Buffer: any; declare var module: any;
declare var exports: any; declare function require(name: string): any; declare var global: any;
declare function setTimeout(...given: any[]): any; declare function clearTimeout(...given: any[]): any;
declare function setImmediate(...given: any[]): any; declare function queueMicrotask(...given: any[]): any;
declare function structuredClone(value: any): any; declare var performance: any;
declare var TextEncoder: any; declare var TextDecoder: any; declare var URL: any;
declare module "assert"; declare module "fs"; declare module "util"; declare module "crypto";
declare module "events";
"""


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that are compiled, and the driver."""
    return {
        "solution.ts": f"{setup}\n{code}",
        "node.d.ts": _NODE,
        "driver.js": read_source("javascript", "driver.js"),
    }


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files that run a solution with tests in its process, all of them in `pairsmith_tests`."""
    wrapped = javascript.in_function(test_code).replace("(holds, ...words)", "(holds: any, ...words: any[])")
    return sources(f"{code}\n{wrapped}", setup, "pairsmith_tests")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program."""
    return {"solution.ts": f"{setup}\n{code}", "node.d.ts": _NODE}


def finds(code: str, entry_point: str) -> bool:
    """Return True: the driver looks when it has loaded the code."""
    return True
