"""Bash: the solution is sourced; its function gets words, and its value is what it prints."""

from pipeline.languages.drivers import files


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that run."""
    return {"solution.sh": f"{setup}\n{code}\n", "driver.sh": files.read("driver.sh")}


def finds(code: str, entry_point: str) -> bool:
    """Return True: the driver looks when it has sourced the code."""
    return True
