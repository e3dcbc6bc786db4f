"""Tests in each form, about each kind of value, with solutions that plain tools call right and wrong.

A row of a TOML file: `kind`; `language` (python), `entry_point` (f), `setup`, and `tests`, or `cases`; `right` and
`also_right` solutions; `wrong` ones, and `changes` that make one of the right one each. `own` holds right
solutions whose tests pass by their own `__eq__`, `__bool__` or `__hash__` alone: undecided.
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

HERE = Path(__file__).parent
Truth = Literal["right", "wrong", "own"]


@dataclass(frozen=True)
class Trial:
    """One solution of one row.

    Attributes:
        form: name of the file: how the tests are written.
        row: as JSONL's `problem` has it, less `kind` and solutions.
    """

    form: str
    kind: str
    language: str
    row: dict[str, Any]
    code: str
    truth: Truth
    name: str

    @property
    def problem_id(self) -> str:
        return self.name.rpartition("-")[0]


def trials() -> list[Trial]:
    """Return every solution of every row, in the files' order."""
    return [trial for path in sorted(HERE.glob("*.toml")) for trial in _of_file(path)]


def _of_file(path: Path) -> list[Trial]:
    made = []
    for number, row in enumerate(tomllib.loads(path.read_text(encoding="utf-8"))["row"]):
        kind, right = row.pop("kind"), row.pop("right", "")
        changes = row.pop("changes", [])
        assert all(old in right and old != new for old, new in changes), (path.name, number)
        solutions: list[tuple[Truth, str]] = [("right", right)] if right else []
        solutions += [("right", code) for code in row.pop("also_right", [])]
        solutions += [("own", code) for code in row.pop("own", [])]
        solutions += [("wrong", right.replace(old, new)) for old, new in changes]
        solutions += [("wrong", code) for code in row.pop("wrong", [])]
        language = row.get("language", "python")
        row = {"prompt": kind, **row, "problem_id": f"{path.stem}/{number}"}
        if path.stem != "stdin":
            row.setdefault("entry_point", "f")
        made += [
            Trial(path.stem, kind, language, row, code, truth, f"{path.stem}/{number}-{place}")
            for place, (truth, code) in enumerate(solutions)
        ]
    return made


def as_line(trial: Trial) -> str:
    """Return the line of an own problem file."""
    return json.dumps(trial.row)


def table(made: list[Trial]) -> str:
    """Return the table of docs/judging.md: by kind and form how many are right / wrong in each language."""
    rows = [["what the tests are about", "judged by", "right / wrong"], ["---"] * 3]
    for kind, form in dict.fromkeys((trial.kind, trial.form) for trial in made):
        rows.append([kind, form, _cell([one for one in made if (one.kind, one.form) == (kind, form)])])
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _cell(chosen: list[Trial]) -> str:
    parts = []
    for language in dict.fromkeys(trial.language for trial in chosen):
        truths = [trial.truth for trial in chosen if trial.language == language]
        parts.append(f"{language} {len(truths) - truths.count('wrong')} / {truths.count('wrong')}")
    return ", ".join(parts)
