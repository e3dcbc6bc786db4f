"""JavaScript: the solution is loaded as CommonJS, or as a module where it has `import` or `export`."""

from pairsmith.pipeline.languages.reading import read_source


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that run."""
    return {"solution.js": f"{setup}\n{code}", "driver.js": read_source("javascript", "driver.js")}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files that run a solution with tests in its process, all of them in `pairsmith_tests`."""
    return sources(f"{code}\n{in_function(test_code)}", setup, "pairsmith_tests")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program."""
    return {"solution.js": f"{setup}\n{code}"}


def in_function(test_code: str) -> str:
    """Return tests as a function: what they print as failed assertions must fail."""
    return f"""async function pairsmith_tests() {{
  console.assert = (holds, ...words) => {{
    if (!holds) throw Object.assign(new Error(words.join(" ")), {{name: "AssertionError"}});
  }};
{test_code}
}}
"""


def finds(code: str, entry_point: str) -> bool:
    """Return True: JavaScript has too many ways to make a name; the driver looks when it has loaded the code."""
    return True
