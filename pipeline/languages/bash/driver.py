"""Bash: the solution is sourced; its function gets words, and its value is what it prints."""

from pairsmith.pipeline.languages.reading import read_source


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that run."""
    return {"solution.sh": f"{setup}\n{code}\n", "driver.sh": read_source("bash", "driver.sh")}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files that run a solution with tests in its process; a command that fails ends these."""
    wrapped = f"pairsmith_tests() {{\nset -e\n{test_code}\n}}"
    return sources(f"{code}\n{wrapped}", setup, "pairsmith_tests")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program."""
    return {"solution.sh": f"{setup}\n{code}\n"}


def finds(code: str, entry_point: str) -> bool:
    """Return True: the driver looks when it has sourced the code."""
    return True
