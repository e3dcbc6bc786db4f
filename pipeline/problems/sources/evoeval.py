"""EvoEval (Xia et al. 2024, arXiv:2403.19114): HumanEval's problems evolved, in the files that it publishes.

A row has `task_id`, `prompt`, `entry_point`, `canonical_solution` and `inputs`: argument lists as Python source,
which a sandbox evaluates where they are no constants. Their answers are what the reference gives in a sandbox, so
problems are pending here. The subsets `verbose` and `concise` have HumanEval+'s columns instead. Comparison
follows EvoEval 0.1.0: floats within 1e-6, everything else equal; its share of 1e-5 is taken as 1e-7, so a large
float must be nearer than there. Six problems have more than one right answer and are judged by tests of their own
(`sources.oracles`), told by the file's name, which names the subset.
"""

import ast
import dataclasses
from pathlib import Path

from pairsmith.pipeline.judging.tolerance import EVALPLUS_ATOL
from pairsmith.pipeline.problems.convert.constants import NotConvertibleError, Scope, constant
from pairsmith.pipeline.problems.convert.conversion import Conversion, convert_tests
from pairsmith.pipeline.problems.files import Row, RowError, missing, name, read_rows, text
from pairsmith.pipeline.problems.records import SOURCE_MARK, DropReason, Found, PendingProblem
from pairsmith.pipeline.problems.rows import continued_problem, found_in
from pairsmith.pipeline.problems.sources.evalplus import build_humaneval_plus
from pairsmith.pipeline.problems.sources.oracles import find_oracle
from pairsmith.schemas.problem import JudgedBy, Problem
from pairsmith.schemas.values import encode_value

SUBSETS = ("difficult", "creative", "subtle", "combine", "tool_use", "verbose", "concise")


def load_evoeval(path: Path) -> list[Found]:
    """Return the problems of one of EvoEval's files, pending but for those that a tester judges.

    Raises:
        ProblemsError: if the file can't be read or is empty.
    """
    subset = next((subset for subset in SUBSETS if subset in path.name.lower()), "")
    return found_in(read_rows(path), lambda row: _build(row, subset))


def _build(row: Row, subset: str) -> tuple[Problem | PendingProblem, str]:
    if "base_input" in row:
        outcome, reason = build_humaneval_plus(row)
        if isinstance(outcome, PendingProblem):
            problem = dataclasses.replace(outcome.problem, source="evoeval")
            return dataclasses.replace(outcome, problem=problem), reason
        return dataclasses.replace(outcome, source="evoeval"), reason
    task_id, entry_point = text(row, "task_id"), name(row, "entry_point")
    inputs = _inputs(row)
    oracle = find_oracle(subset, task_id)
    if oracle is not None:
        problem = _problem(row, Conversion(JudgedBy.NOTHING))
        conversion = convert_tests(oracle(problem.reference, entry_point, inputs), entry_point, problem.setup)
        return _problem(row, conversion), conversion.reason
    return PendingProblem(_problem(row, Conversion(JudgedBy.CASES)), _texts(inputs), EVALPLUS_ATOL), ""


def _inputs(row: Row) -> list[str]:
    sources = row.get("inputs")
    if sources is None:
        raise missing("inputs", row)
    if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
        raise RowError(DropReason.BAD_VALUE, "column 'inputs' is no list of texts")
    if not sources:
        raise RowError(DropReason.NO_TESTS, "no inputs")
    return sources


def _texts(sources: list[str]) -> tuple[str, ...]:
    """Return the arguments of each input, as a value where its source is a constant; each once, in order."""
    return tuple(dict.fromkeys(map(_text, sources)))


def _text(source: str) -> str:
    try:
        arguments = ast.parse(f"[{source}]", mode="eval").body
        return encode_value(constant(arguments, Scope(frozenset())))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RowError(DropReason.BAD_VALUE, f"input {source[:60]!r} is no Python: {error}") from None
    except NotConvertibleError:
        return f"{SOURCE_MARK}[{source}]"


def _problem(row: Row, conversion: Conversion) -> Problem:
    return continued_problem(row, "evoeval", conversion, "Apache-2.0", joint="\n")
