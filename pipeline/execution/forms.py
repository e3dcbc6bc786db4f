"""Which forms of a program run, and how often: whole, pruned, and again in other surroundings.

Runs a program whole, and in its pruned form where loading the whole fails.

A program that exits while it loads, or whose entry point is not there afterwards, has failed: that counts against
it. Anything else that ends the load (an exception, a limit, the exit of `unittest.main()` or of argparse) may be a
demonstration's doing, and then the pruned form runs (see `extraction.needs`). Of compiled languages only a missing
package is such a cause: a text that does not compile is no program.

Which programs run again, and how often: one that behaves otherwise then is `flaky`.

Each further run has another variation (see `Job`): other seeds of hashes and of `random`, another working
directory, time zone, clock and process number. Most programs have nothing that could differ and run once more;
one whose source names chance, time, hashes, threads or its surroundings runs as often as it takes to see a guess.
"""

import re
from collections.abc import Callable
from dataclasses import fields, replace

from pairsmith.schemas.candidate import Program
from pairsmith.schemas.execution import Execution, OtherRun, Status

_BROKEN_LOADS = (Status.EXCEPTION, Status.TIMEOUT, Status.MEMORY, Status.OUTPUT_LIMIT)
_MISSING_PACKAGE = re.compile(
    r"No such file or directory|unresolved import|can't find crate|Cannot find module|package \S+ does not exist|"
    r"is not in (?:GOROOT|std)|cannot find package|could not import|use of undeclared crate"
)


def run_forms(program: Program, run: Callable[[Program], Execution]) -> Execution:
    """Return the execution of a program, in the form that can be loaded, with those of its other blocks.

    Args:
        program: with its pruned form and other blocks.
        run: executes the `code` of a program.
    """
    done = _run_form(program, run)
    if not program.other_blocks or done.status is Status.FAULT:
        return done
    others = []
    for block in program.other_blocks:
        other = replace(program, code=block.code, pruned=block.pruned, other_blocks=())
        execution = _run_form(other, run)
        others.append(OtherRun(**{field.name: getattr(execution, field.name) for field in fields(OtherRun)}))
    return replace(done, other_runs=tuple(others))


def _run_form(program: Program, run: Callable[[Program], Execution]) -> Execution:
    whole = replace(run(program), program_form=form_of(program))
    if not program.pruned or not failed_to_load(whole):
        return whole
    pruned = run(replace(program, code=program.pruned))
    if failed_to_load(pruned) or pruned.status in (Status.COMPILE_ERROR, Status.MISSING):
        return whole
    return replace(pruned, program_form="pruned", load_error=f"{whole.status} {whole.why}".strip())


def form_of(program: Program) -> str:
    """Return how the code of a program relates to what the model wrote."""
    if program.form != "fenced":
        return program.form
    return "joined" if program.is_joined else "whole"


def failed_to_load(execution: Execution) -> bool:
    """Return whether a program failed while it loaded, in a way that a demonstration could have caused."""
    if execution.status is Status.COMPILE_ERROR:
        return _MISSING_PACKAGE.search(execution.detail) is not None
    if execution.status not in _BROKEN_LOADS:
        return False
    return all(run.status is Status.NOT_RUN for run in execution.runs)


N_GUESSES = 8  # runs in which a guess of one bit gives the same answer: 1 of 256
N_ORDERS = 4  # with as many orders of a set of text
_CHANCE = re.compile(
    r"rand|secrets|uuid|shuffle|sample\(|time|clock|Date|chrono|now\(|pid|\bid\(|hash\(|hashCode|object\(|thread|"
    r"async|concurrent|multiprocessing|environ|listdir|getcwd|glob|go func|spawn|\bgc\b|repr\(|PWD|\$\$|tempfile",
    re.IGNORECASE,
)
_ORDER = re.compile(r"\bset\(|\bfrozenset\(|\{[^{}:]*\}")
_ORDER_ELSEWHERE = re.compile(r"HashMap|HashSet|unordered_|map\[")


def is_plain(code: str, language: str) -> bool:
    """Return whether a program names nothing that could make two runs of it differ."""
    return n_further_runs(code, language, 2) == 1


def n_further_runs(code: str, language: str, n_runs: int) -> int:
    """Return how many runs follow the first.

    Args:
        n_runs: runs of a program that depends on nothing (`execution.n_runs`); 1 turns all others off.
    """
    if n_runs < 2:
        return 0
    if _CHANCE.search(code):
        return max(N_GUESSES, n_runs) - 1
    order = _ORDER if language == "python" else _ORDER_ELSEWHERE
    return max(N_ORDERS if order.search(code) else 2, n_runs) - 1
