"""Which forms of a program run, how often and how long: whole, pruned, briefly, and again in other surroundings.

Runs a program whole, and in its pruned form where loading the whole fails.

A program that exits while it loads, or whose entry point is not there afterwards, has failed: that counts against
it. Anything else that ends the load (an exception, a limit, the exit of `unittest.main()` or of argparse) may be a
demonstration's doing, and then the pruned form runs (see `extraction.needs`). Of compiled languages only a missing
package is such a cause: a text that does not compile is no program.

Which programs run again, and how often: one that behaves otherwise then is `flaky`.

Each further run has another variation (see `Job`): other seeds of hashes and of `random`, another working
directory, time zone, clock and process number. Most programs have nothing that could differ and run once more;
one whose source names chance, time, hashes, threads or its surroundings runs as often as it takes to see a guess.

Under `execution.limit = "adaptive"` a case first has little time. A program that is late then, and gives a wrong
value for another case, has failed; any other one runs again with all of its time. So an answer that is right and
slow has the time of the fixed limit, and labels are the same, on a machine of any speed.
"""

import ast
import builtins
import re
from collections.abc import Callable
from dataclasses import fields, replace

from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.sandbox import Job
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.execution import Execution, OtherRun, Status
from pairsmith.schemas.problem import Interface, JudgedBy, Problem
from pairsmith.schemas.verdict import Cause, Label

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
    r"rand|secrets|uuid|shuffle|sample\(|time|clock|(?-i:Date)|chrono|now\(|pid|\bid\(|hash\(|hashCode|object\(|thread|"
    r"async|concurrent|multiprocessing|environ|listdir|getcwd|glob|go func|spawn|\bgc\b|repr\(|PWD|\$\$|tempfile",
    re.IGNORECASE,
)
_ORDER = re.compile(r"\bset\(|\bfrozenset\(|\{[^{}:]+\}")
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
    order = _ORDER if language == "python" else _ORDER_ELSEWHERE
    if language == "python" and (_CHANCE.search(code) or order.search(code)):
        code = _without_own_words(code)
    if _CHANCE.search(code):
        return max(N_GUESSES, n_runs) - 1
    return max(N_ORDERS if order.search(code) else 2, n_runs) - 1


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _without_own_words(code: str) -> str:
    """Return Python code without comments, docstrings and the names that it binds itself."""
    try:
        tree = parse_python(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code
    nodes = [*ast.walk(tree)]
    taken = {*dir(builtins)}  # a name from elsewhere, whoever binds it too
    for node in nodes:
        if isinstance(node, ast.alias):
            taken |= {node.asname or "", *node.name.split(".")}
    for node in nodes:
        if isinstance(node, (*_DEFINITIONS, ast.Module)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value.value = ""
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    named = {node.name for node in nodes if isinstance(node, _DEFINITIONS)}
    own = (stored | named | {node.arg for node in nodes if isinstance(node, ast.arg)}) - taken
    for node in nodes:  # attributes and texts stay: they may be those of anything
        if isinstance(node, ast.Name) and node.id in own:
            node.id = "_"
        elif isinstance(node, ast.arg) and node.arg in own:
            node.arg = "_"
        elif isinstance(node, _DEFINITIONS) and node.name in own:
            node.name = "_"
    return ast.unparse(tree)


DECIDED = "late for one case, and wrong for another"
"""Detail of a program that did not get all of its time, since that could not change its label."""
# Of the time for a case: what a right answer rarely takes; and what is spent on a wrong value of a late program.
_SHORT, _PROBE = 0.1, 0.02
_TIMES = 10  # the slowest right answer to a case so far: others like it are not run twice
_N_PROBES = 8  # runs in search of a wrong value


def is_short(program: Program, problem: Problem) -> bool:
    """Return whether a program may have little time for a case at first: its cases stand for themselves."""
    is_of_cases = problem.judged_by is JudgedBy.CASES and problem.interface is Interface.FUNCTION
    is_python = problem.language == "python"
    return is_of_cases and is_python and not problem.checker and is_plain(program.code, problem.language)


def run_first(
    problem: Problem, job: Job, run: Callable[[Problem, Job], Execution], case_s: float, slowest: dict[str, float]
) -> Execution:
    """Return the first run of a program, with little time for a case where that decides.

    Args:
        run: runs a job over a problem's cases.
        case_s: seconds that one case may take.
        slowest: seconds of the slowest right answer to one case so far, by problem_id; what is learnt is added.
    """
    short_s = max(_SHORT * case_s, _TIMES * slowest.get(problem.problem_id, 0.0))
    if short_s >= case_s:
        return run(problem, job)
    first = run(problem, _with_case_time(job, short_s))
    late = _late_place(first)
    if late is None or first.runs[late].wall_s < short_s:  # nothing was late, or another limit came first
        if judge(problem, first).label is Label.PASSED:
            slowest_s = max((one.wall_s for one in first.runs), default=0.0)
            slowest[problem.problem_id] = max(slowest_s, slowest.get(problem.problem_id, 0.0))
        return first
    place = late
    is_wrong = _is_wrong(problem, first)
    for _ in range(_N_PROBES):
        place += 1
        if is_wrong or place >= len(problem.cases):
            break
        rest = replace(problem, cases=problem.cases[place:])
        probe = replace(job, inputs=job.inputs[place:], views=job.views[place:])
        done = run(rest, _with_case_time(probe, _PROBE * case_s))
        is_wrong = _is_wrong(rest, done)
        stopped = _late_place(done)
        place += len(problem.cases) if stopped is None else stopped
    return replace(first, detail=DECIDED) if is_wrong else run(problem, job)


def _late_place(execution: Execution) -> int | None:
    """Return the place of the first case that a program had no time for."""
    return next((place for place, one in enumerate(execution.runs) if one.status is Status.TIMEOUT), None)


def _is_wrong(problem: Problem, execution: Execution) -> bool:
    """Return whether the first case that a program does not pass has a wrong value, or an exception."""
    verdict = judge(problem, execution)
    return verdict.label is Label.FAILED and verdict.cause in (Cause.WRONG_VALUE, Cause.EXCEPTION)


def _with_case_time(job: Job, case_s: float) -> Job:
    return replace(job, lower=(*job.lower, ("case_wall_s", case_s)))
