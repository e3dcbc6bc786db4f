"""Bash: the solution is sourced; its function gets words, and its value is what it prints."""

import re

import tree_sitter
import tree_sitter_bash

from pairsmith.pipeline.languages.contract import Driver, Language, MissingPackageError, read_file
from pairsmith.pipeline.languages.grammar import Binder, Grammar, Shape, kinds, words

# Only tests may exit with 0: their own text or a function that they define, which lies behind the solution.
_EXIT = """
pairsmith_passed() { [ $? -ne 0 ] || printf %s "$pairsmith_nonce" >/tmp/.passed; }
exit() {
    local pairsmith_status=${1:-$?} pairsmith_at
    pairsmith_at=$(shopt -s extdebug; declare -F "${FUNCNAME[1]}")
    pairsmith_at=${pairsmith_at#* }
    if [ "${pairsmith_at%% *}" -ge "$pairsmith_start" ] 2>/dev/null && [ "$pairsmith_status" = 0 ]; then
        pairsmith_passed
    fi
    builtin exit "$pairsmith_status"
}
pairsmith_start=$((LINENO + 1))
"""

_RUNNERS = re.compile(r"^[ \t]*(?:@test[ \t]|(?:\.|source)[ \t].*\b(shunit2)\b)", re.MULTILINE)


def sources(code: str, setup: str, entry_point: str) -> dict[str, str]:
    """Return the files that run."""
    return {**program(code, setup), "driver.sh": read_file("bash", "driver.sh")}


def tests(code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
    """Return the files that run a solution with tests in its process; a command that fails ends these.

    Raises:
        MissingPackageError: for tests that only bats or shunit2 can run.

    The tests have passed if their own end was reached with status 0: an `exit` of the solution passes nothing.
    """
    if runner := _RUNNERS.search(test_code):
        raise MissingPackageError(runner[1] or "bats")
    wrapped = f"{_EXIT}pairsmith_tests() {{\nset -e\n{test_code}\n\npairsmith_passed\n}}\n"
    return sources(f"{code}\n{wrapped}", setup, "pairsmith_tests")


def program(code: str, setup: str) -> dict[str, str]:
    """Return the files of a whole program."""
    return {"solution.sh": f"{setup}\n{code}\n", "missing.sh": read_file("bash", "missing.sh")}


def finds(code: str, entry_point: str) -> bool:
    """Return True: the driver looks when it has sourced the code."""
    return True


LANGUAGE = Language(
    name="bash",
    title="Bash",
    tools={"bash": ()},
    packages=("bash", "bc"),  # bc: sums of decimals in Bash have no other usual way
    version=("{bash}", "--version"),
    driver=Driver(sources, tests, program, finds),
    run=("{bash}", "driver.sh", "{entry_point}"),
    run_program=("{bash}", "solution.sh"),
    speaks_words=True,
    environment=(("BASH_ENV", "/tmp/missing.sh"),),
)


_END = frozenset({";", "\n"})

GRAMMAR = Grammar(
    name="bash",
    grammar=tree_sitter.Language(tree_sitter_bash.language()),
    stops=("\nfunction ", "\necho ", "\n# "),
    names=kinds("variable_name"),
    comments=kinds("comment"),
    comment_marks=(b"#",),
    atoms=kinds("heredoc_content"),
    strings=kinds("string raw_string ansi_c_string"),
    interpolations=kinds("simple_expansion expansion command_substitution arithmetic_expansion"),
    verbatim=kinds("string translated_string heredoc_body expansion regex"),
    numbers=kinds("number"),
    separated=dict.fromkeys(
        ("program", "compound_statement", "do_group", "if_statement", "elif_clause", "else_clause", "subshell"),
        _END,
    ),
    functions={"function_definition": Shape(parameters=())},
    binders={"declaration_command": Binder(scope="function", only_with=("local", "declare", "typeset"))},
    patterns={"variable_assignment": ("name",)},
    texts=kinds("word string_content raw_string heredoc_content regex"),
    looks=words(b"eval source . trap -n ! export -x -g"),
    dynamic=True,
    blocks=kinds("compound_statement do_group"),
    loops=kinds("for_statement c_style_for_statement while_statement"),
    elifs=kinds("elif_clause"),
    switches=kinds("case_statement"),
    cases=kinds("case_item"),
    defaults=(b"*)", b"*"),
    booleans=kinds("binary_expression list"),
    calls={"command": "name"},
    tag_kinds={
        "for_loop": kinds("for_statement c_style_for_statement"),
        "match": kinds("case_statement"),
        "while_loop": kinds("while_statement"),
    },
    tag_calls={
        "print_in_function": words(b"echo printf"),
        "input_in_function": words(b"read mapfile"),
        "percent_format": words(b"printf"),
        "uses_sorting": words(b"sort"),
    },
)
