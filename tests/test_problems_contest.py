"""Contest problems in the forms in which they are published, small; and own JSONL of programs."""

import base64
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.equality import matches
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.records import DropReason, LoadedProblems, ProblemsError
from pairsmith.pipeline.problems.sources.livecodebench import unpickle_string
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Case, Interface, Problem
from pairsmith.schemas.values import encode_value
from pairsmith.schemas.verdict import Cause, Label

SUM = "n = int(input())\nprint(sum(map(int, input().split())))\n"
PYTHON2 = "n = input()\nprint n\n"
APPS_STDIN: dict[str, Any] = {
    "problem_id": 7, "question": "Add n numbers.", "difficulty": "interview", "url": "", "starter_code": "",
    "solutions": json.dumps([PYTHON2, SUM]),
    "input_output": json.dumps({"inputs": ["2\n1 2\n", ["3", "1 2 3"]], "outputs": ["3\n", ["6"]]}),
}  # fmt: skip
APPS_CALL: dict[str, Any] = {
    "problem_id": 8, "question": "Double it.", "difficulty": "introductory", "url": "",
    "starter_code": "class Solution:\n    def twice(self, xs: List[int]) -> List[int]:\n        ",
    "solutions": json.dumps(["class Solution:\n    def twice(self, xs):\n        return [2 * x for x in xs]\n"]),
    "input_output": json.dumps(
        {"fn_name": "twice", "inputs": [[[1, 2]], [[]], [[4]]], "outputs": [[2, 4], [], [8]]}
    ),
}  # fmt: skip
CODECONTESTS: dict[str, Any] = {
    "name": "1_A. Sum", "description": "Add n numbers.", "source": 2, "difficulty": 7, "cf_rating": 800,
    "public_tests": {"input": ["2\n1 2\n"], "output": ["3\n"]},
    "private_tests": {"input": ["1\n5\n", "2\n1 2\n"], "output": ["5\n", "3\n"]},
    "generated_tests": {"input": ["3\n1 1 1\n"], "output": ["3\n"]},
    "solutions": {"language": [1, 2, 3], "solution": [PYTHON2, "int main() {}", SUM]},
    "input_file": "", "output_file": "", "time_limit": {"seconds": 2, "nanos": 0},
}  # fmt: skip
TESTS = [{"input": "2\n1 2\n", "output": "3\n", "testtype": "stdin"}]
HIDDEN = [{"input": "1\n5\n", "output": "5\n", "testtype": "stdin"}]


def packed(tests: object) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


LCB_STDIN: dict[str, Any] = {
    "question_title": "sum", "question_content": "Add n numbers.", "platform": "atcoder", "question_id": "abc1_a",
    "contest_id": "abc1", "contest_date": "2024-01-01T00:00:00", "starter_code": "", "difficulty": "easy",
    "public_test_cases": json.dumps(TESTS), "private_test_cases": packed(HIDDEN), "metadata": "{}",
}  # fmt: skip
LCB_CALL: dict[str, Any] = LCB_STDIN | {
    "question_id": "3000", "platform": "leetcode", "metadata": json.dumps({"func_name": "pick"}),
    "starter_code": "class Solution:\n    def pick(self, xs: List[int], k: int) -> float:\n        ",
    "public_test_cases": json.dumps([{"input": "[3, 1, 2]\n2", "output": "2.0", "testtype": "functional"}]),
    "private_test_cases": json.dumps([{"input": "[1]\n1", "output": "1.0", "testtype": "functional"}]),
}  # fmt: skip
OWN: dict[str, Any] = {
    "problem_id": "own/sum", "prompt": "Add n numbers.", "reference": SUM,
    "cases": [{"stdin": "2\n1 2\n", "stdout": "3\n"}, {"stdin": "1\r\n5\r\n", "stdout": "5\r\n"}],
}  # fmt: skip


def load(tmp_path: Path, source: str, *rows: Any, **settings: Any) -> LoadedProblems:
    path = tmp_path / "problems.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    values: dict[str, Any] = {"source": source, "path": path, **settings}
    return load_problems(ProblemsConfig(**values), starter_folder())


def only(loaded: LoadedProblems) -> Problem:
    (problem,) = loaded.problems
    return problem


def test_apps_on_stdin(tmp_path: Path) -> None:
    problem = only(load(tmp_path, "apps", APPS_STDIN))
    assert (problem.problem_id, problem.source, problem.level) == ("apps/7", "apps", "interview")
    assert (problem.interface, problem.entry_point, problem.setup) == (Interface.STDIN, "", "")
    assert problem.cases == (
        Case("2\n1 2\n", "3\n", "numbers", 1e-6, rtol=1e-6),
        Case("3\n1 2 3", "6", "numbers", 1e-6, rtol=1e-6),
    )
    assert problem.reference == SUM  # the first that is Python 3
    assert "standard input" in problem.prompt


def test_apps_with_a_function(tmp_path: Path) -> None:
    problem = only(load(tmp_path, "apps", APPS_CALL))
    assert (problem.interface, problem.entry_point) == (Interface.FUNCTION, "Solution.twice")
    assert [case.compare for case in problem.cases] == ["equal_json", "equal_json", "boxed"]
    assert "class Solution:\n    def twice" in problem.prompt
    plain = only(load(tmp_path, "apps", APPS_CALL | {"starter_code": ""}))
    assert plain.entry_point == "twice"


@pytest.mark.parametrize(
    ("value", "expected", "compare", "is_right"),
    [
        ((2, (4,)), [2, [4]], "equal_json", True),
        ([0.1 + 0.2], [0.3], "equal_json", True),
        ([2], 2, "equal_json", False),
        (2, [2], "equal_json", False),
        (2, [2], "boxed", True),
        ([2], [2], "boxed", True),
        ((2,), [2], "boxed", True),
        (3, [2], "boxed", False),
        ([[2]], [2], "boxed", False),
        ({"a": (1,)}, {"a": [1]}, "equal_json", True),
        ("2", 2, "equal_json", False),
    ],
)
def test_values_that_were_json(value: object, expected: object, compare: Any, is_right: bool) -> None:
    case = Case("[]", encode_value(expected), compare, 1e-6)
    assert matches(case, CaseRun(Status.OK, encode_value(value), "", "", 0.1)) is is_right


def test_codecontests(tmp_path: Path) -> None:
    problem = only(load(tmp_path, "codecontests", CODECONTESTS))
    assert (problem.problem_id, problem.level) == ("codecontests/1_A. Sum", "rating 800")
    assert problem.interface is Interface.STDIN
    # Public, private, generated; the one that is there twice counts once.
    assert [case.arguments for case in problem.cases] == ["2\n1 2\n", "1\n5\n", "3\n1 1 1\n"]
    assert problem.reference == SUM


def test_livecodebench_on_stdin(tmp_path: Path) -> None:
    problem = only(load(tmp_path, "livecodebench", LCB_STDIN))
    assert (problem.problem_id, problem.level) == ("livecodebench/abc1_a", "easy")
    assert problem.cases == (Case("2\n1 2\n", "3\n", "numbers"), Case("1\n5\n", "5\n", "numbers"))


def test_livecodebench_with_a_method(tmp_path: Path) -> None:
    problem = only(load(tmp_path, "livecodebench", LCB_CALL))
    assert (problem.interface, problem.entry_point) == (Interface.FUNCTION, "Solution.pick")
    assert [case.arguments for case in problem.cases] == ["[[3,1,2],2]", "[[1],1]"]
    assert [case.expected for case in problem.cases] == ["2.0", "1.0"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("text", ["", "a", "x" * 300, "\u00e9\U0001f600" * 40_000])
def test_a_pickled_string_is_read_without_unpickling(text: str, protocol: int) -> None:
    assert unpickle_string(pickle.dumps(text, protocol)) == text


class Evil:
    def __reduce__(self) -> Any:
        return print, ("executed",)


@pytest.mark.parametrize("value", [Evil(), ["a"], b"a", 1, None, ("a", "b"), {"a": "b"}, print])
def test_no_other_pickle_is_taken(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(ValueError, match="pickle"):
            unpickle_string(pickle.dumps(value, protocol))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("source", "row", "reason", "message"),
    [
        ("apps", APPS_STDIN | {"input_output": ""}, DropReason.NO_TESTS, "input_output"),
        ("apps", APPS_STDIN | {"input_output": "{"}, DropReason.BAD_VALUE, "not JSON"),
        ("apps", APPS_STDIN | {"input_output": '{"inputs": ["1"], "outputs": []}'}, DropReason.BAD_VALUE, "1 of"),
        ("apps", APPS_STDIN | {"input_output": '{"inputs": [], "outputs": []}'}, DropReason.NO_TESTS, "zero"),
        ("apps", APPS_STDIN | {"input_output": '{"inputs": [1], "outputs": ["1"]}'}, DropReason.BAD_VALUE, "int"),
        (
            "apps",
            APPS_STDIN | {"input_output": '{"inputs": ["\\ud800"], "outputs": ["1"]}'},
            DropReason.BAD_VALUE,
            "surrogate",
        ),
        (
            "apps",
            APPS_STDIN | {"input_output": '{"fn_name": "f g", "inputs": [[1]], "outputs": [1]}'},
            DropReason.BAD_VALUE,
            "not a function's name",
        ),
        (
            "apps",
            APPS_STDIN | {"input_output": '{"fn_name": "f", "inputs": [1], "outputs": [1]}'},
            DropReason.BAD_VALUE,
            "arguments",
        ),
        ("codecontests", CODECONTESTS | {"input_file": "input.txt"}, DropReason.BAD_TESTS, "input.txt"),
        (
            "codecontests",
            CODECONTESTS | {"private_tests": {"input": ["1"]}},
            DropReason.BAD_VALUE,
            "private_tests",
        ),
        (
            "codecontests",
            {"name": "x", "description": "y"},
            DropReason.MISSING_COLUMN,
            "public_tests",
        ),
        (
            "livecodebench",
            LCB_STDIN | {"private_test_cases": "a"},
            DropReason.BAD_VALUE,
            "neither JSON",
        ),
        (
            "livecodebench",
            LCB_STDIN | {"private_test_cases": base64.b64encode(zlib.compress(pickle.dumps(Evil()))).decode()},
            DropReason.BAD_VALUE,
            "neither JSON",
        ),
        (
            "livecodebench",
            LCB_STDIN | {"private_test_cases": packed(HIDDEN)[:40]},
            DropReason.BAD_VALUE,
            "neither JSON",
        ),
        ("livecodebench", LCB_STDIN | {"private_test_cases": packed("x")}, DropReason.BAD_VALUE, "lacks 'input'"),
        ("livecodebench", LCB_CALL | {"metadata": "{}"}, DropReason.BAD_VALUE, "func_name"),
        (
            "livecodebench",
            LCB_CALL | {"private_test_cases": json.dumps(HIDDEN)},
            DropReason.BAD_VALUE,
            "functional, stdin",
        ),
        ("jsonl", OWN | {"compare": "prefix"}, DropReason.BAD_VALUE, "'prefix'"),
        ("jsonl", OWN | {"compare": "exact", "atol": 0.1}, DropReason.BAD_VALUE, "no tolerance"),
        ("jsonl", OWN | {"entry_point": "f"}, DropReason.BAD_VALUE, "entry_point"),
        ("jsonl", OWN | {"cases": [{"stdin": "1"}]}, DropReason.BAD_VALUE, "cases[0]"),
        ("jsonl", OWN | {"cases": [{"stdin": 1, "stdout": "1"}]}, DropReason.BAD_VALUE, "not text"),
        ("jsonl", OWN | {"cases": [*OWN["cases"], {"arguments": [], "expected": 1}]}, DropReason.BAD_VALUE, "[2]"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_kept(
    tmp_path: Path, source: str, row: dict[str, Any], reason: DropReason, message: str
) -> None:
    good = {"apps": APPS_CALL, "codecontests": CODECONTESTS, "livecodebench": LCB_CALL | {"question_id": "x"}}
    loaded = load(tmp_path, source, "not JSON", row, good.get(source, OWN))
    assert len(loaded.problems) == 1
    assert [(drop.where, drop.reason) for drop in loaded.dropped] == [
        ("problems.jsonl:1", DropReason.NOT_JSON),
        ("problems.jsonl:2", reason),
    ]
    assert message in loaded.dropped[1].message


def test_the_configuration_may_take_the_first_cases(tmp_path: Path) -> None:
    problem = only(load(tmp_path, "codecontests", CODECONTESTS, max_cases=2))
    assert [case.arguments for case in problem.cases] == ["2\n1 2\n", "1\n5\n"]


def test_the_hubs_rows_are_read_likewise(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([CODECONTESTS]), tmp_path / "rows.parquet")
    config = ProblemsConfig(
        source="codecontests", dataset="parquet", data_files=str(tmp_path / "rows.parquet"), split="train"
    )
    assert only(load_problems(config, starter_folder())) == only(load(tmp_path, "codecontests", CODECONTESTS))


def test_a_source_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match=r"problems\.path"):
        load_problems(ProblemsConfig(source="apps"), starter_folder())


def test_own_programs(tmp_path: Path) -> None:
    problem = only(load(tmp_path, "jsonl", OWN | {"compare": "tokens", "atol": 1e-3, "topic": "sums"}))
    assert (problem.problem_id, problem.interface, problem.topic) == ("own/sum", Interface.STDIN, "sums")
    assert problem.cases == (
        Case("2\n1 2\n", "3\n", "tokens", 1e-3, rtol=1e-3),
        Case("1\n5\n", "5\n", "tokens", 1e-3, rtol=1e-3),
    )
    assert only(load(tmp_path, "jsonl", OWN)).cases[0].compare == "lines"


@pytest.mark.parametrize(
    ("source", "row", "right", "wrong", "cause"),
    [
        ("apps", APPS_STDIN, SUM, "print(3)", Cause.WRONG_VALUE),
        ("codecontests", CODECONTESTS, SUM, "input()\nprint(input())", Cause.WRONG_VALUE),
        ("livecodebench", LCB_STDIN, SUM, SUM + "raise SystemExit(1)", Cause.EXITED),
        ("jsonl", OWN, SUM + "exit()", SUM + "input()", Cause.EXCEPTION),
        (
            "apps",
            APPS_CALL,
            "class Solution:\n def twice(self, xs: List[int]): return tuple(x * 2 for x in xs)",
            "class Solution:\n def twice(self, xs): return xs",
            Cause.WRONG_VALUE,
        ),
        (
            "livecodebench",
            LCB_CALL,
            "class Solution:\n def pick(self, xs: List[int], k: int) -> float: return float(sorted(xs)[k - 1])",
            "class Solution:\n def choose(self, xs, k): return 1.0",
            Cause.MISSING_ENTRY_POINT,
        ),
    ],
)
def test_programs_are_judged(
    tmp_path: Path, pool: SandboxPool, source: str, row: dict[str, Any], right: str, wrong: str, cause: Cause
) -> None:
    problem = only(load(tmp_path, source, row))
    programs = [
        Program(name, problem.problem_id, Extraction.OK, "fenced", code)
        for name, code in (("right", right), ("wrong", wrong))
    ]
    executions = execute_programs(programs, {problem.problem_id: problem}, pool)
    good, bad = (judge(problem, execution) for execution in executions)
    assert good.label is Label.PASSED, (good, executions)
    assert (bad.label, bad.cause) == (Label.FAILED, cause)
