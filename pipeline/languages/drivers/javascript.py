"""JavaScript: the solution is loaded as CommonJS, or as a module where it has `import` or `export`."""

from pipeline.languages.drivers import files


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that run."""
    return {"solution.js": f"{setup}\n{code}", "driver.js": files.read("driver.js")}


def finds(code: str, entry_point: str) -> bool:
    """Return True: JavaScript has too many ways to make a name; the driver looks when it has loaded the code."""
    return True
