"""The starter set: problems of our own, one TOML file each, in folders that name their level.

A file has the columns of own JSONL (`sources.jsonl`) less `problem_id`, which is the file's name, and beside them
`wrong`: programs that the tests must refuse. `tests` are asserts that become cases, or tests of a class.
"""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pairsmith.pipeline.problems.conversion import TestSyntaxError
from pairsmith.pipeline.problems.records import ProblemsError
from pairsmith.pipeline.problems.rows import missing, text
from pairsmith.pipeline.problems.sources.jsonl import build_row, refuse_unknown, requires_of
from pairsmith.pipeline.problems.wording import docstring_start
from pairsmith.pipeline.run import packaged_folder
from pairsmith.schemas.problem import JudgedBy, Problem

LEVELS = ("trivial", "easy", "medium")
_KEYS = ("prompt", "topic", "reference", "wrong")
_OTHERS = ("entry_point", "signature", "tests", "cases", "compare", "atol", "rtol", "checker", "setup", "requires")


@dataclass(frozen=True, slots=True)
class WrongSolution:
    """A plausible program that the problem's cases must refuse."""

    why: str  # what is wrong with it, in words
    code: str


@dataclass(frozen=True, slots=True)
class StarterProblem:
    """A problem of the starter set, with the solutions that prove its cases."""

    problem: Problem
    wrong: tuple[WrongSolution, ...]
    requires: tuple[str, ...] = ()  # packages that it needs


def starter_folder() -> Path:
    """Return where the starter set lies.

    Raises:
        MissingFilesError: if it is not there.
    """
    return packaged_folder("starter", "data/starter")


def forms() -> str:
    """Return JSON lines with one problem of each form that own problems may have.

    Raises:
        MissingFilesError: if the starter set is not there.
    """
    return (starter_folder() / "forms.jsonl").read_text(encoding="utf-8")


def load_starter(folder: Path) -> list[StarterProblem]:
    """Return the starter set, sorted by level and name of the entry point.

    Raises:
        ProblemsError: if a file is broken (it is named; nothing is dropped), or there is none.
    """
    paths = [path for level in LEVELS for path in sorted((folder / level).glob("*.toml"))]
    if not paths:
        raise ProblemsError(f"{folder}: no starter problems; expected files such as trivial/reverse_string.toml")
    return [_load(path) for path in paths]


def _load(path: Path) -> StarterProblem:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        for key in _KEYS:
            if key not in tree:
                raise missing(key, tree)
        refuse_unknown(tree, (*_KEYS, *_OTHERS))
        return _build(tree, path.stem, path.parent.name)
    except (OSError, ValueError) as error:  # TOML, text and row errors are ValueErrors
        kind = "tests are not Python: " if isinstance(error, TestSyntaxError) else ""
        raise ProblemsError(f"{path.parent.name}/{path.name}: {kind}{error}") from None


def _build(tree: dict[str, Any], name: str, level: str) -> StarterProblem:
    row = {key: value for key, value in tree.items() if key != "wrong"}
    row |= {"problem_id": f"starter/{name}", "level": level, "license": "Apache-2.0"}
    row["reference"] = text(tree, "reference").lstrip("\n")
    if "entry_point" in tree:
        row["continuation"] = docstring_start(text(tree, "signature"), text(tree, "prompt"))
    problem, reason = build_row(row)
    if problem.judged_by is not JudgedBy.CASES and "class " not in text(tree, "signature", ""):
        raise ValueError(f"its tests must become cases, but: {reason}")
    return StarterProblem(
        replace(problem, source="starter"),
        tuple(WrongSolution(text(part, "why"), text(part, "code").lstrip("\n")) for part in tree["wrong"]),
        requires_of(row),
    )
