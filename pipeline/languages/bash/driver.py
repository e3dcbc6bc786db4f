"""Bash: the solution is sourced; its function gets words, and its value is what it prints."""

from pairsmith.pipeline.languages.reading import read_source

_EXIT = """
pairsmith_passed() { printf %s "$pairsmith_nonce" >/tmp/.passed; }
exit() {
    [ "${FUNCNAME[1]}" = pairsmith_tests ] && [ "${1:-$?}" = 0 ] && pairsmith_passed
    builtin exit "$@"
}
"""


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that run."""
    return {"solution.sh": f"{setup}\n{code}\n", "driver.sh": read_source("bash", "driver.sh")}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files that run a solution with tests in its process; a command that fails ends these.

    The tests have passed if their own end was reached: an `exit` of the solution passes nothing.
    """
    wrapped = f"{_EXIT}pairsmith_tests() {{\nset -e\n{test_code}\n\npairsmith_passed\n}}\n"
    return sources(f"{code}\n{wrapped}", setup, "pairsmith_tests")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program."""
    return {"solution.sh": f"{setup}\n{code}\n"}


def finds(code: str, entry_point: str) -> bool:
    """Return True: the driver looks when it has sourced the code."""
    return True
