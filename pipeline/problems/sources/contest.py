"""What the collections of contest problems (APPS, CodeContests, LiveCodeBench) have in common.

Their problems are of two kinds: programs on standard input and output, and functions or methods of a class
`Solution` whose arguments and value are JSON. A line that does not hold what its form publishes is named with its
number and reason, and the rest is kept.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from pairsmith.pipeline.extraction.statements import compiles
from pairsmith.pipeline.problems.files import Row, RowError, read_rows
from pairsmith.pipeline.problems.records import DroppedProblem, DropReason, Found, PendingProblem, ProblemsError
from pairsmith.pipeline.problems.rows import found_in
from pairsmith.pipeline.problems.sources.hub import dataset_rows
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import Case, Interface, Problem

# The names that contest sites give to a `class Solution` without an import.
FUNCTION_SETUP = """\
import bisect, collections, copy, functools, heapq, itertools, json, math, operator, random, re, string, sys
from bisect import *
from collections import *
from functools import *
from heapq import *
from itertools import *
from math import *
from typing import *
from builtins import *
"""


def load_contest(
    config: ProblemsConfig, build: Callable[[Row], tuple[Problem | PendingProblem, str]]
) -> list[Found]:
    """Return what `build` makes of the rows of the configured file or Hub dataset, under the configured rule.

    `problems.compare`, `atol` and `max_cases` take the place of what the collection's form says.

    Raises:
        ProblemsError: if neither is configured, or it can't be read or is empty.
    """
    rows: Iterable[tuple[str, Row | DroppedProblem]]
    if config.path is not None:
        rows = read_rows(config.path)
    elif config.dataset:
        rows = dataset_rows(config)
    else:
        raise ProblemsError(
            f"problems.path is not set; source {config.source!r} needs a file, or problems.dataset"
        )
    return [
        replace(item, outcome=_configured(item.outcome, config)) if isinstance(item.outcome, Problem) else item
        for item in found_in(rows, build)
    ]


def first_program(solutions: Iterable[Any]) -> str:
    """Return the first solution that is Python 3, empty if there is none."""
    return next((text for text in solutions if isinstance(text, str) and text.strip() and compiles(text)), "")


def entry_point_in(starter: str, function: str) -> str:
    """Return `Solution.function` where the starter code has that class, else the function's name.

    Raises:
        RowError: if it is no name.
    """
    if not function.isidentifier():
        raise RowError(DropReason.BAD_VALUE, f"{function[:40]!r} is no function's name")
    return f"Solution.{function}" if "class Solution" in starter else function


def _configured(problem: Problem, config: ProblemsConfig) -> Problem:
    cases: Sequence[Case] = problem.cases[: config.max_cases]
    if problem.interface is Interface.STDIN and config.compare != "auto":
        cases = [replace(case, compare=config.compare) for case in cases]
    if config.atol is not None:
        rtol = config.atol if problem.interface is Interface.STDIN else 0.0
        cases = [replace(case, atol=config.atol, rtol=rtol) for case in cases]
    return replace(problem, cases=tuple(cases))
