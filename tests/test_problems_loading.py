"""Tests of own JSONL, of Hub datasets through local builders, and of what every source is checked for."""

import gzip
import json
import os
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsmith.pipeline.problems import rows
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.records import DroppedProblem, DropReason, LoadedProblems, ProblemsError
from pairsmith.pipeline.problems.rows import read_rows
from pairsmith.pipeline.problems.sources.hub import load_hub
from pairsmith.pipeline.problems.sources.humaneval import humaneval_path
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.run import lines
from pairsmith.schemas.config import ColumnsConfig, ProblemsConfig
from pairsmith.schemas.problem import Case, JudgedBy, Problem
from pairsmith.schemas.values import encode_arguments, encode_value

GOOD: dict[str, Any] = {
    "problem_id": "own/add",
    "prompt": "Add two numbers.",
    "entry_point": "add",
    "tests": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
}


def write(path: Path, *rows: Any) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def load(path: Path, **settings: Any) -> LoadedProblems:
    return load_problems(ProblemsConfig(source="jsonl", path=path, **settings), starter_folder())


def row(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in (GOOD | changes).items() if value is not ...}


def test_jsonl_with_all_columns(tmp_path: Path) -> None:
    full = row(
        tests=...,
        cases=[{"arguments": [1, [2]], "expected": {"a": 0.5}}],
        setup="import math",
        reference="def add(a: int, b: int) -> int:\n    return a + b\n",
        level="easy", topic="numbers", license="MIT", continuation="def add(", atol=1e-3,
    )  # fmt: skip
    (problem,) = load(write(tmp_path / "own.jsonl", full)).problems
    case = Case(encode_arguments([1, [2]]), encode_value({"a": 0.5}), "equal_json", 1e-3)
    assert problem == Problem(
        problem_id="own/add", source="jsonl", language="python", entry_point="add",
        prompt="Add two numbers.\n\nWrite the Python function with this signature:\n\n"
        "```python\ndef add(a: int, b: int) -> int:\n```",
        continuation="def add(", setup="import math", judged_by=JudgedBy.CASES, cases=(case,), test_code="",
        reference=full["reference"], level="easy", topic="numbers", license="MIT",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tests", "way", "n_cases"),
    [
        (GOOD["tests"], JudgedBy.CASES, 2),
        ("assert add(1, 2) == 3\nassert add(2, 2) == 4", JudgedBy.CASES, 2),
        ("def check(candidate):\n    assert candidate(1, 2) == 3", JudgedBy.CASES, 1),
        (["for n in range(3):\n    assert add(n, n) == 2 * n"], JudgedBy.TESTER, 0),
        (["assert add(Pair(1), 2) == 3"], JudgedBy.TESTER, 0),
        (["assert sub(1, 2) == 3"], JudgedBy.NOTHING, 0),
    ],
)
def test_jsonl_tests(tmp_path: Path, tests: Any, way: JudgedBy, n_cases: int) -> None:
    loaded = load(write(tmp_path / "own.jsonl", row(tests=tests)))
    (problem,) = loaded.problems
    assert (problem.judged_by, len(problem.cases)) == (way, n_cases)
    assert [item.problem.judged_by for item in loaded.not_cases] == ([] if way is JudgedBy.CASES else [way])


BROKEN: list[tuple[Any, DropReason, str]] = [
    ("{", DropReason.NOT_JSON, "not JSON"),
    ("[1]", DropReason.NOT_JSON, "a JSON list"),
    ("[" * 100_000, DropReason.NOT_JSON, "not JSON"),
    (row(prompt=...), DropReason.MISSING_COLUMN, "'prompt'"),
    (row(tests=...), DropReason.MISSING_COLUMN, "'tests'"),
    (row(prompt=3), DropReason.BAD_VALUE, "'prompt' is int"),
    (row(problem_id=""), DropReason.BAD_VALUE, "empty"),
    (row(entry_point="a b"), DropReason.BAD_VALUE, "'a b'"),
    (row(atol=-1), DropReason.BAD_VALUE, "'atol'"),
    (row(cases=[]), DropReason.BAD_VALUE, "both"),
    (row(cheker="x"), DropReason.BAD_VALUE, "unknown column 'cheker'; did you mean 'checker'?"),
    (row(zzz="x"), DropReason.BAD_VALUE, "unknown column 'zzz'; known are problem_id"),
    (row(task_id="x"), DropReason.BAD_VALUE, "unknown column 'task_id'; did you mean 'problem_id'?"),
    (
        row(tests="def check(f):\n    for n in range(3):\n        assert f(n, 0) == n", entry_point="f", atol=0.1),
        DropReason.BAD_VALUE,
        "compare values themselves",
    ),
    (row(compare="unordered"), DropReason.BAD_VALUE, "'unordered'"),
    (row(checker="def check(i, o, e): ..."), DropReason.BAD_VALUE, "requires column 'cases'"),
    (
        row(tests=..., cases=[{"arguments": [], "expected": 1, "exspected": 2}]),
        DropReason.BAD_VALUE,
        "cases[0]: unknown column 'exspected'; did you mean 'expected'?",
    ),
    (
        row(tests=..., cases=[{"arguments": [], "expected": 1, "compare": "lines"}]),
        DropReason.BAD_VALUE,
        "cases[0]: ",
    ),
    (
        row(tests=..., compare="checker", cases=[{"arguments": []}]),
        DropReason.MISSING_COLUMN,
        "no column 'checker'",
    ),
    (row(tests=..., checker="def chek(i, o): ...", cases=[{"arguments": []}]), DropReason.BAD_TESTS, "no `check("),
    (row(tests=..., checker="def check(", cases=[{"arguments": []}]), DropReason.BAD_TESTS, "not Python"),
    (row(tests=..., compare="one_of", cases=[{"arguments": [], "expected": 1}]), DropReason.BAD_VALUE, "one_of"),
    (row(tests=..., cases=[]), DropReason.NO_TESTS, "zero cases"),
    (row(tests=..., cases=[{"arguments": 1, "expected": 1}]), DropReason.BAD_VALUE, "cases[0]"),
    (row(tests=..., cases=[{"arguments": []}]), DropReason.BAD_VALUE, "'expected'"),
    (row(tests=[]), DropReason.NO_TESTS, "no tests"),
    (row(tests=["assert add(1, 2) = 3"]), DropReason.BAD_TESTS, "line 1"),
    (row(reference="def other(): ..."), DropReason.BAD_VALUE, "defines no 'add'"),
]


@pytest.mark.parametrize(("broken", "reason", "message"), BROKEN)
def test_one_bad_line_is_named_and_the_rest_kept(
    tmp_path: Path, broken: Any, reason: DropReason, message: str
) -> None:
    loaded = load(write(tmp_path / "own.jsonl", GOOD, "", broken, row(problem_id="own/b")))
    assert [problem.problem_id for problem in loaded.problems] == ["own/add", "own/b"]
    (drop,) = loaded.dropped
    assert (drop.where, drop.reason) == ("own.jsonl:3", reason)
    assert message in drop.message
    assert loaded.dropped_by_reason() == {str(reason): 1}


def test_the_second_of_two_problems_of_one_id_is_left_out(tmp_path: Path) -> None:
    loaded = load(write(tmp_path / "own.jsonl", GOOD, row(prompt="again"), row(problem_id="own/b")))
    assert [(problem.problem_id, problem.prompt[:4]) for problem in loaded.problems] == [
        ("own/add", "Add "), ("own/b", "Add "),
    ]  # fmt: skip
    (drop,) = loaded.dropped
    assert (drop.where, drop.reason) == ("own.jsonl:2", DropReason.DUPLICATE_ID)
    assert "'own/add' is in own.jsonl:1 already" in drop.message


MERSENNE = 2**61 - 1  # Python's hash of an int is the int modulo this


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "half \ud800 a pair"},
        {"tests": ["assert add('\ud800', 1) == 1"]},
        {"tests": ["import math", "assert math.isclose(add(1, 1), 10**400)"]},
        {"tests": ["assert abs(add(1, 1) - 2) < 10**400"]},
        {"tests": ["assert add(a" + ".b" * 500 + ", 1) == 1"]},
        {"tests": ["assert add(" + "-" * 5000 + "1, 1) == 1"]},
        {"tests": ["assert add({" + ",".join(str(n * MERSENNE) for n in range(30_000)) + "}, 1) == 1"]},
        {"tests": ["assert " + " and ".join(f"add({n}, 1) == 1" for n in range(50_000))]},
        {"tests": ["assert add(1, 1) == 2" + " == 2" * 50_000]},
        {
            "tests": ...,
            "cases": [{"arguments": [1], "expected": 1}] * 3 + [{"arguments": [10**400], "expected": 2}],
        },
        {"tests": "if add(1, 1):\n pass\n" + "".join(f"elif add({n}, 1):\n pass\n" for n in range(5000))},
        {"problem_id": ["a"] * 100_000},
    ],
    ids=range(12),
)
def test_odd_lines_cost_little_and_nothing_but_themselves(tmp_path: Path, changes: dict[str, Any]) -> None:
    before = time.process_time()
    loaded = load(
        write(tmp_path / "own.jsonl", row(problem_id="own/odd") | row(**changes), row(problem_id="own/b"))
    )
    assert time.process_time() - before < 10
    assert "own/b" in {problem.problem_id for problem in loaded.problems}
    assert len(loaded.problems) + len(loaded.dropped) == 2
    for drop in loaded.dropped:
        assert drop.where == "own.jsonl:1"
        assert len(drop.message) < 300


@pytest.mark.slow
def test_a_row_that_takes_too_long_is_named_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its value is small, but has 2**40 parts: each tuple holds the one before twice."""
    slow = "x0 = (1,)\n" + "".join(f"x{i + 1} = (x{i}, x{i})\n" for i in range(40)) + "assert add(x40, 1) == 1"
    monkeypatch.setattr(lines.each_in_time, "__defaults__", (1.0,))
    loaded = load(
        write(tmp_path / "own.jsonl", GOOD, row(problem_id="own/b", tests=slow), row(problem_id="own/c"))
    )
    assert [problem.problem_id for problem in loaded.problems] == ["own/add", "own/c"]
    (drop,) = loaded.dropped
    assert (drop.where, drop.reason) == ("own.jsonl:2", DropReason.BAD_VALUE)
    assert "takes more than" in drop.message


def test_without_pytest_only_suites_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = "import pytest\nfrom solution import add\ndef test_add():\n    assert add(1, 2) == 3\n"
    path = write(tmp_path / "own.jsonl", GOOD, row(problem_id="own/b", tests=suite))
    assert len(load(path).problems) == 2
    monkeypatch.setattr("pairsmith.pipeline.problems.loading.why_no_suites", lambda: "pytest is not installed")
    loaded = load(path)
    assert [problem.problem_id for problem in loaded.problems] == ["own/add"]
    assert loaded.faults() == ["left out: own/b: has a pytest or unittest suite, but pytest is not installed"]
    with pytest.raises(ProblemsError, match=r"no problem is left: own/b .*pytest is not installed"):
        load(write(tmp_path / "suites.jsonl", row(problem_id="own/b", tests=suite)))


@pytest.mark.slow
def test_work_in_a_fork_gives_errors_and_values_and_survives_its_death() -> None:
    def work(number: int) -> str:
        if number == 3:
            os._exit(1)
        if number == 7:
            raise LookupError("seven")
        return "x" * (number << 18)

    assert lines.each_in_time([1, 3, 5], work) == ["x" * (1 << 18), None, "x" * (5 << 18)]
    assert lines.each_in_time([], work) == []
    with pytest.raises(LookupError, match="seven"):
        lines.each_in_time([1, 7, 2], work)


def test_a_gzip_bomb_costs_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (lines, rows):
        monkeypatch.setattr(module, "MAX_LINE_BYTES", 1 << 20)
    path = tmp_path / "own.jsonl.gz"
    good = json.dumps(GOOD).encode()
    path.write_bytes(
        gzip.compress(good + b"\n{" + b" " * (64 << 20) + b"}\n" + good.replace(b"own/add", b"own/b"))
    )
    loaded = load(path)
    assert [problem.problem_id for problem in loaded.problems] == ["own/add", "own/b"]
    assert [(drop.where, drop.message) for drop in loaded.dropped] == [("own.jsonl.gz:2", "longer than 1 MiB")]
    monkeypatch.setattr(lines, "MAX_FILE_BYTES", 2 << 20)
    with pytest.raises(ProblemsError, match="more than"):
        load(path)


def test_a_line_that_is_no_utf8(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", GOOD)
    path.write_bytes(path.read_bytes() + b'{"prompt": "\xff"}\n')
    assert load(path).dropped_by_reason() == {"not_json": 1}


def test_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    assert len(load(path).problems) == 1
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ProblemsError, match=r"own\.jsonl\.gz: can't be read"):
        load(path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "contains no problems"),
        (("", " "), "contains no problems"),
        (
            (row(entry_point=...), row(entry_point=...)),
            r"no column 'entry_point'; .* none of 2 problems can be used: all have",
        ),
        ((row(prompt=...), row(tests=[])), r"own\.jsonl:1: .*none of 2"),
        (("{",), r"own\.jsonl:1: not JSON.*the only problem"),
    ],
)
def test_files_that_stop_the_run(tmp_path: Path, rows: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ProblemsError, match=message) as caught:
        load(write(tmp_path / "own.jsonl", *rows))
    assert "\n" not in str(caught.value)


def test_missing_file_and_path(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="no such file"):
        load(tmp_path / "none.jsonl")
    with pytest.raises(ProblemsError, match="can't be read"):
        load(tmp_path)
    with pytest.raises(ProblemsError, match=r"problems\.path is not set"):
        load_problems(ProblemsConfig(source="mbpp"), starter_folder())


def test_problems_are_sorted_and_filtered(tmp_path: Path) -> None:
    rows = [row(problem_id=name, level=level) for name, level in (("c", "easy"), ("a", "hard"), ("b", "easy"))]
    path = write(tmp_path / "own.jsonl", *rows)
    assert [problem.problem_id for problem in load(path).problems] == ["a", "b", "c"]
    loaded = load(path, levels=("easy",), ids=("a", "b", "c"), limit=1)
    assert [problem.problem_id for problem in loaded.problems] == ["b"]
    assert loaded.dropped == (
        DroppedProblem("a", DropReason.OTHER_LEVEL, "level 'hard'"),
        DroppedProblem("c", DropReason.OVER_LIMIT, "after the first 1"),
    )
    assert load(path, ids=("c",)).dropped_by_reason() == {"other_id": 2}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ids": ("own/ad",)}, r"problems\.ids: unknown value 'own/ad'; did you mean 'own/add'\?"),
        ({"levels": ("easy",)}, r"problems\.levels: unknown value 'easy'; the source grades none"),
    ],
)
def test_filters_that_name_nothing(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ProblemsError, match=message):
        load(write(tmp_path / "own.jsonl", GOOD), **settings)


def test_filters_that_leave_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", row(level="easy"), row(problem_id="b", level="hard"))
    with pytest.raises(ProblemsError, match="widen"):
        load(path, levels=("easy",), ids=("b",))


def test_starter_and_humaneval_load_through_the_configuration() -> None:
    loaded = load_problems(ProblemsConfig(levels=("trivial",), limit=3), starter_folder())
    assert len(loaded.problems) == 3
    assert {problem.judged_by for problem in loaded.problems} == {JudgedBy.CASES}
    loaded = load_problems(ProblemsConfig(source="humaneval", ids=("HumanEval/32",)), starter_folder())
    assert [(item.problem.problem_id, item.problem.judged_by) for item in loaded.not_cases] == [
        ("HumanEval/32", JudgedBy.TESTER)
    ]


def hub(path: Path, columns: ColumnsConfig, builder: str = "parquet") -> ProblemsConfig:
    return ProblemsConfig(source="hub", dataset=builder, data_files=str(path), split="train", columns=columns)


def outcomes(config: ProblemsConfig, cache: Path) -> list[Problem]:
    given = [item.outcome for item in load_hub(config, cache)]
    assert all(isinstance(outcome, Problem) for outcome in given), given
    return [outcome for outcome in given if isinstance(outcome, Problem)]


def test_hub_rows_of_humaneval_become_the_same_problems(tmp_path: Path) -> None:
    rows = [dict(given) for _, given in read_rows(humaneval_path()) if not isinstance(given, DroppedProblem)]
    pq.write_table(pa.Table.from_pylist(rows[:40]), tmp_path / "he.parquet")
    columns = ColumnsConfig(reference="canonical_solution")
    own = load_problems(ProblemsConfig(source="humaneval", path=humaneval_path()), starter_folder()).problems
    expected = {problem.problem_id: problem for problem in own}
    loaded = outcomes(hub(tmp_path / "he.parquet", columns), tmp_path / "cache")
    assert len(loaded) == 40
    for problem in loaded:
        same = expected[problem.problem_id]
        for name in ("prompt", "continuation", "setup", "judged_by", "cases", "test_code", "reference"):
            assert getattr(problem, name) == getattr(same, name), (problem.problem_id, name)


def test_hub_rows_of_mbpp_need_no_entry_point_column(tmp_path: Path) -> None:
    given = {
        "task_id": 2,
        "text": "Add two numbers.",
        "code": "def helper(a):\n    return a\ndef add(a, b):\n    return helper(a) + b\n",
        "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
    }
    path = write(tmp_path / "mbpp.jsonl", given)
    columns = ColumnsConfig(prompt="text", entry_point="", tests="test_list", reference="code")
    (problem,) = outcomes(hub(path, columns, "json"), tmp_path / "cache")
    assert (problem.problem_id, problem.entry_point, len(problem.cases)) == ("2", "add", 2)
    assert "def add(a, b):" in problem.prompt


def test_hub_errors_name_the_setting(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", GOOD)
    with pytest.raises(ProblemsError, match=r"no column 'task_id' \(problems\.columns\.problem_id\); the columns"):
        load_hub(hub(path, ColumnsConfig(), "json"), tmp_path / "cache")
    with pytest.raises(ProblemsError, match=r"^json: .*check problems\.dataset") as caught:
        load_hub(hub(tmp_path / "none.jsonl", ColumnsConfig(), "json"), tmp_path / "cache")
    assert "\n" not in str(caught.value)
    with pytest.raises(ProblemsError, match=r"problems\.dataset is empty"):
        load_hub(ProblemsConfig(source="hub"))


def test_faults_are_told_by_name_and_in_all(tmp_path: Path) -> None:
    bad = [row(problem_id=f"own/{n}", prompt=3) for n in range(12)]
    blind = row(problem_id="own/blind", tests=["assert True"], entry_point="True_")
    loaded = load(write(tmp_path / "own.jsonl", GOOD, *bad, blind), limit=5)
    lines = loaded.faults()
    assert lines[0].startswith("left out: own.jsonl:2: column 'prompt'")
    assert lines[10:] == ["and 2 more", "nothing can judge own/blind: no assert calls the entry point"]


@pytest.mark.parametrize(
    ("changes", "packages", "lacked"),
    [
        ({"requires": ["numpy"]}, (), "numpy"),
        ({"requires": ["Scikit_Learn>=1"]}, ("numpy",), "scikit-learn"),
        ({"requires": ["npm:lodash"]}, ("numpy",), "npm:lodash"),
        ({"setup": "import math, numpy.linalg\n"}, (), "numpy"),
        ({"tests": "from numpy import array\ndef check(add):\n    assert add(1, 2) == array(3)\n"}, (), "numpy"),
        ({"requires": ["numpy==1.0"]}, ("numpy",), ""),
        ({"setup": "import re, typing\nfrom __future__ import annotations\n"}, (), ""),
        ({"setup": "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n"}, (), ""),
    ],
)
def test_a_problem_that_needs_what_is_not_there_is_left_out(
    tmp_path: Path, changes: dict[str, Any], packages: tuple[str, ...], lacked: str
) -> None:
    path = write(tmp_path / "own.jsonl", row(**changes), row(problem_id="own/other"))
    loaded = load_problems(ProblemsConfig(source="jsonl", path=path), starter_folder(), None, packages)
    assert len(loaded.problems) == (1 if lacked else 2)
    told = f"left out: own/add: needs {lacked}, which is not among sandbox.packages"
    assert loaded.faults() == ([told] if lacked else [])
    alone = write(tmp_path / "alone.jsonl", row(**changes))
    if lacked:
        with pytest.raises(ProblemsError, match=f"own/add needs {lacked}"):
            load_problems(ProblemsConfig(source="jsonl", path=alone), starter_folder(), None, packages)


@pytest.mark.parametrize("requires", ["numpy", [1], ["git+https://x"], [""]])
def test_requires_is_a_list_of_packages(tmp_path: Path, requires: Any) -> None:
    with pytest.raises(ProblemsError, match="column 'requires'"):
        load(write(tmp_path / "own.jsonl", row(requires=requires)))
