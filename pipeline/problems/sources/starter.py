"""The starter set: problems of our own, one TOML file each, in folders that name their level."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairsmith.pipeline.problems.convert.conversion import TestSyntaxError
from pairsmith.pipeline.problems.files import name, number, text
from pairsmith.pipeline.problems.records import ProblemsError
from pairsmith.pipeline.problems.rows import convert_or_refuse, make_problem
from pairsmith.pipeline.problems.wording import chat_prompt, docstring_start
from pairsmith.pipeline.run.packaged import packaged_folder
from pairsmith.schemas.problem import Compare, JudgedBy, Problem

LEVELS = ("trivial", "easy", "medium")
_KEYS = {"entry_point", "signature", "prompt", "topic", "tests", "reference", "wrong"}
_OPTIONAL = {"atol", "setup"}


@dataclass(frozen=True, slots=True)
class WrongSolution:
    """A plausible program that the problem's cases must refuse.

    Attributes:
        why: what is wrong with it, in words.
    """

    why: str
    code: str


@dataclass(frozen=True, slots=True)
class StarterProblem:
    """A problem of the starter set, with the solutions that prove its cases."""

    problem: Problem
    wrong: tuple[WrongSolution, ...]


def starter_folder() -> Path:
    """Return where the starter set lies.

    Raises:
        MissingFilesError: if it is not there.
    """
    return packaged_folder("starter", "data/starter")


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
        _refuse_other_keys(tree)
        return _build(tree, level=path.parent.name)
    except (OSError, ValueError) as error:  # TOML, text and row errors are ValueErrors
        kind = "tests are no Python: " if isinstance(error, TestSyntaxError) else ""
        raise ProblemsError(f"{path.parent.name}/{path.name}: {kind}{error}") from None


def _refuse_other_keys(tree: dict[str, Any]) -> None:
    if missing := _KEYS - tree.keys():
        raise ValueError(f"no key {min(missing)!r}")
    if unknown := tree.keys() - _KEYS - _OPTIONAL:
        raise ValueError(f"unknown key {min(unknown)!r}; known are {', '.join(sorted(_KEYS | _OPTIONAL))}")


def _build(tree: dict[str, Any], level: str) -> StarterProblem:
    entry_point, signature, task = name(tree, "entry_point"), text(tree, "signature"), text(tree, "prompt")
    setup = text(tree, "setup", "")
    conversion = convert_or_refuse(text(tree, "tests"), entry_point, setup, _rule(tree), signature)
    if conversion.judged_by is not JudgedBy.CASES:
        raise ValueError(f"its tests must become cases, but: {conversion.reason}")
    problem = make_problem(
        problem_id=f"starter/{entry_point}",
        source="starter",
        entry_point=entry_point,
        prompt=chat_prompt(task, signature),
        continuation=docstring_start(signature, task),
        conversion=conversion,
        setup=setup,
        reference=text(tree, "reference").lstrip("\n"),
        level=level,
        topic=text(tree, "topic"),
        spdx="Apache-2.0",
    )
    return StarterProblem(problem, tuple(_wrong(row) for row in tree["wrong"]))


def _rule(tree: dict[str, Any]) -> tuple[Compare, float, float]:
    atol = number(tree, "atol")
    return ("approx", atol, 0.0) if atol else ("equal", 0.0, 0.0)


def _wrong(row: dict[str, Any]) -> WrongSolution:
    return WrongSolution(why=text(row, "why"), code=text(row, "code").lstrip("\n"))
