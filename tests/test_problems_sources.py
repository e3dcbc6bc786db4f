"""Tests of the starter set and the benchmarks' loaders, on the real files."""

import ast
import gzip
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.problems.conversion import convert_tests, parse
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.records import DroppedProblem, Found, PendingProblem, ProblemsError
from pairsmith.pipeline.problems.references import check_references
from pairsmith.pipeline.problems.sources.evalplus import (
    as_written,
    load_humaneval_plus,
    load_mbpp_plus,
    with_expected,
)
from pairsmith.pipeline.problems.sources.humaneval import humaneval_path, load_humaneval
from pairsmith.pipeline.problems.sources.jsonl import load_jsonl
from pairsmith.pipeline.problems.sources.mbpp import load_mbpp
from pairsmith.pipeline.problems.sources.starter import LEVELS, forms, load_starter, starter_folder
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import Interface, JudgedBy, Problem
from pairsmith.schemas.values import decode_value, encode_value

DATA = Path(__file__).parents[1].parent / "shared" / "data"


def real(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the checkout, in ../shared/data")
    return path


def problems(found: Iterable[Found]) -> dict[str, Problem]:
    given = {}
    for item in found:
        outcome = item.outcome
        assert not isinstance(outcome, DroppedProblem), outcome
        problem = outcome.problem if isinstance(outcome, PendingProblem) else outcome
        given[problem.problem_id] = problem
    return given


def ways(found: Iterable[Problem]) -> dict[str, int]:
    return dict(Counter(str(problem.judged_by) for problem in found))


def defined(code: str) -> set[str]:
    return {node.name for node in parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_starter_set_is_large_enough() -> None:
    loaded = load_starter(starter_folder())
    assert len(loaded) >= 100
    assert {item.problem.level for item in loaded} == set(LEVELS)
    assert len({item.problem.problem_id for item in loaded}) == len(loaded)
    for item in loaded:
        problem = item.problem
        assert len(item.wrong) >= 3, problem.problem_id
        assert problem.topic, problem.problem_id
        if problem.judged_by is JudgedBy.CASES:
            assert len(problem.cases) >= 8, problem.problem_id
            assert len({case.arguments for case in problem.cases}) >= 8, problem.problem_id
        if problem.interface is Interface.FUNCTION:
            assert problem.entry_point in defined(problem.reference), problem.problem_id
            assert all(problem.entry_point in defined(wrong.code) for wrong in item.wrong), problem.problem_id
        assert len({wrong.code for wrong in item.wrong}) == len(item.wrong), problem.problem_id


def test_starter_prompts_hold_the_signature_and_no_test() -> None:
    for item in load_starter(starter_folder()):
        problem = item.problem
        assert "assert " not in problem.prompt
        if problem.interface is Interface.FUNCTION and problem.entry_point.islower():
            assert f"def {problem.entry_point}(" in problem.prompt
            assert problem.continuation.startswith(f"def {problem.entry_point}(")
            parse(problem.continuation)


def test_the_starter_set_has_problems_of_all_kinds() -> None:
    loaded = [item.problem for item in load_starter(starter_folder())]
    rules = {case.compare for problem in loaded for case in problem.cases}
    assert {"equal", "approx", "unordered", "set", "one_of", "numbers", "checker"} <= rules
    assert sum(problem.interface is Interface.STDIN for problem in loaded) >= 3
    kept = load_problems(ProblemsConfig(), starter_folder(), None, ())
    assert len(loaded) - len(kept.problems) == len(
        [item for item in load_starter(starter_folder()) if item.requires]
    )
    assert kept.faults() == []  # nobody asked for those that need numpy
    with pytest.raises(ProblemsError, match="starter/local_maxima needs numpy"):
        load_problems(ProblemsConfig(ids=("starter/local_maxima",)), starter_folder(), None, ())


def test_each_form_of_own_problems_is_a_row_to_copy(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text(forms(), encoding="utf-8")
    found = problems(load_jsonl(tmp_path / "own.jsonl"))
    assert len(found) == len(forms().splitlines())
    page = (Path(__file__).parents[1] / "docs" / "problems.md").read_text(encoding="utf-8")
    assert [line for line in forms().splitlines() if line not in page] == []


def test_the_reference_of_each_form_passes(tmp_path: Path, pool: SandboxPool) -> None:
    (tmp_path / "own.jsonl").write_text(forms(), encoding="utf-8")
    found = [*problems(load_jsonl(tmp_path / "own.jsonl")).values()]
    checked = check_references(found, pool, "reference")
    assert checked.failed == ()
    assert checked.counts == {"reference.passed": len(found) - 1, "reference.undecided": 1}
    (line,) = checked.undecided  # `tests/test_packages.py` has numpy
    assert line == "forms/package: its reference could not be judged: missing_package numpy"


STARTER = """
entry_point = "half"
signature = "def half(x: float) -> float:"
prompt = "Return half of x."
topic = "numbers"
atol = 1e-6
tests = '''
assert half(1.0) == 0.5
'''
reference = '''
def half(x: float) -> float:
    return x / 2
'''
[[wrong]]
why = "doubles"
code = '''
def half(x):
    return x * 2
'''
"""


def write_starter(folder: Path, content: str) -> None:
    (folder / "easy").mkdir()
    (folder / "easy" / "half.toml").write_text(content, encoding="utf-8")


def test_starter_file(tmp_path: Path) -> None:
    write_starter(tmp_path, STARTER)
    (item,) = load_starter(tmp_path)
    assert (item.problem.problem_id, item.problem.level) == ("starter/half", "easy")
    assert (item.problem.cases[0].compare, item.problem.cases[0].atol) == ("approx", 1e-6)
    assert [(wrong.why, wrong.code) for wrong in item.wrong] == [("doubles", "def half(x):\n    return x * 2\n")]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("topic =", "topics =", "no column 'topic'"),
        ("atol =", "atoll =", "unknown column 'atoll'; did you mean 'atol'?"),
        ("assert half(1.0) == 0.5", "assert half(1.0) > 0.4", "compare values themselves"),
        ("assert half(1.0) == 0.5", "assert half(1.0 == 0.5", "not Python"),
        ('"half"', '"ha lf"', "'entry_point'"),
        ("[[wrong]]", "[[wrong", "at line"),
        ("why =", "y =", "'why'"),
    ],
)
def test_broken_starter_file_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in STARTER
    write_starter(tmp_path, STARTER.replace(old, new))
    with pytest.raises(ProblemsError, match=r"^easy/half\.toml: ") as caught:
        load_starter(tmp_path)
    assert message in str(caught.value)


def test_empty_starter_folder(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="no starter problems"):
        load_starter(tmp_path)


def test_humaneval_ways() -> None:
    found = problems(load_humaneval(humaneval_path()))
    assert ways(found.values()) == {"cases": 156, "tester": 8}
    tested = {name for name, problem in found.items() if problem.judged_by is JudgedBy.TESTER}
    assert tested == {f"HumanEval/{number}" for number in (32, 33, 38, 44, 50, 53, 72, 151)}
    assert sum(len(problem.cases) for problem in found.values()) == 1097


def test_humaneval_helpers_stand_in_the_setup() -> None:
    found = problems(load_humaneval(humaneval_path()))
    for number, helper in ((10, "is_palindrome"), (32, "poly"), (38, "encode_cyclic"), (50, "encode_shift")):
        problem = found[f"HumanEval/{number}"]
        assert helper in defined(problem.setup)
        assert problem.entry_point not in defined(problem.setup)
    assert found["HumanEval/0"].setup == "from typing import List\n"
    assert found["HumanEval/2"].setup == ""


def test_humaneval_references_and_prompts_are_whole() -> None:
    for problem in problems(load_humaneval(humaneval_path())).values():
        assert problem.entry_point in defined(problem.reference)
        assert problem.reference.startswith(problem.continuation)
        assert problem.continuation.strip() in problem.prompt


@pytest.mark.slow
def test_mbpp_ways() -> None:
    found = problems(load_mbpp(real("mbpp.jsonl.gz")))
    assert ways(found.values()) == {"cases": 972, "tester": 2}
    tested = {name for name, problem in found.items() if problem.judged_by is JudgedBy.TESTER}
    assert tested == {"Mbpp/596", "Mbpp/912"}
    with_classes = {name for name, problem in found.items() if problem.setup}
    assert with_classes == {"Mbpp/367", "Mbpp/601", "Mbpp/927"}
    for name in with_classes:
        assert found[name].setup.strip() in found[name].prompt


@pytest.mark.slow
def test_mbpp_prompts_show_no_expected_value() -> None:
    for problem in problems(load_mbpp(real("mbpp.jsonl.gz"))).values():
        assert f"def {problem.entry_point}(" in problem.prompt
        assert "assert" not in problem.prompt
        assert problem.entry_point in defined(problem.reference)
        parse(problem.continuation)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "load", "n_pending", "n_sets", "tested"),
    [
        ("HumanEvalPlus.jsonl.gz", load_humaneval_plus, 163, 0, {"HumanEval/32"}),
        (
            "MbppPlus.jsonl.gz",
            load_mbpp_plus,
            373,
            7,
            {"Mbpp/558", "Mbpp/581", "Mbpp/737", "Mbpp/787", "Mbpp/794"},
        ),
    ],
)
def test_evalplus_files(name: str, load: Any, n_pending: int, n_sets: int, tested: set[str]) -> None:
    found = load(real(name))
    pending = [item.outcome for item in found if isinstance(item.outcome, PendingProblem)]
    assert len(pending) == n_pending
    assert all(item.arguments and not item.problem.cases for item in pending)
    assert sum(item.rule == "set" for item in pending) == n_sets
    complete = {item.outcome.problem_id: item.outcome for item in found if isinstance(item.outcome, Problem)}
    assert complete.keys() == tested
    assert ways(complete.values()) == {"tester": len(tested)}
    assert all(problem.entry_point in defined(problem.reference) for problem in problems(found).values())


def without_tuples(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [without_tuples(part) for part in value]
    if isinstance(value, dict):
        return {key: without_tuples(part) for key, part in value.items()}
    return value


@pytest.mark.parametrize(
    ("task_id", "given", "written"),
    [
        ("HumanEval/2", [[1]], [[1]]),
        ("Mbpp/3", [[1]], [[1]]),
        ("Mbpp/124", ["0", "(-0-1j)"], [0.0, complex("(-0-1j)")]),
        ("Mbpp/252", ["(1+2j)"], [1 + 2j]),
        ("Mbpp/115", [[[1, 2], []]], [[{1, 2}, {}]]),
        ("Mbpp/580", [[1, [2, [3]]]], [(1, (2, (3,)))]),
        ("Mbpp/722", [{"a": [1, 2]}, 3], [{"a": (1, 2)}, 3]),
    ],
)
def test_inputs_regain_their_types(task_id: str, given: list[Any], written: list[Any]) -> None:
    assert as_written(task_id, given) == written


def test_mbpp_plus_inputs_have_the_types_of_the_asserts() -> None:
    """The file also holds the base tests as Python, where tuples are still tuples."""
    n_alike, unlike = 0, set()
    with gzip.open(real("MbppPlus.jsonl.gz"), "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            cases = convert_tests(row["assertion"], row["entry_point"]).cases
            for case, arguments in zip(cases, row["base_input"], strict=False):
                written = decode_value(case.arguments)
                if without_tuples(written) != arguments:
                    continue  # EvalPlus changed some inputs, Mbpp/87's for one
                if written == as_written(row["task_id"], arguments):
                    n_alike += 1
                else:
                    unlike.add(row["task_id"])
    assert n_alike == 1143
    # EvalPlus gives these lists where MBPP gave tuples; its contracts allow both.
    assert unlike == {"Mbpp/98", "Mbpp/104", "Mbpp/140", "Mbpp/145"}


def pending(rule: Any = "value", atol: float = 0.0, n: int = 1) -> PendingProblem:
    problem = Problem(
        problem_id="Mbpp/0", source="mbpp+", language="python", entry_point="f", prompt="p", continuation="",
        setup="", judged_by=JudgedBy.CASES, cases=(), test_code="", reference="def f(x): ...", level="", topic="",
        license="",
    )  # fmt: skip
    return PendingProblem(problem, tuple(f"[{index}]" for index in range(n)), atol, rule)


@pytest.mark.parametrize(
    ("value", "rule", "atol", "case"),
    [
        (3, "value", 0.0, ("equal", 0.0, "", 3)),
        ([1, 2.5], "value", 0.0, ("equal", 0.0, "", [1, 2.5])),
        (2.0, "value", 0.0, ("approx", 1e-6, "", 2.0)),
        ([2.0, -3.0], "value", 0.0, ("approx", 1e-6, "", [2.0, -3.0])),
        ([], "value", 0.0, ("equal", 0.0, "", [])),
        (7, "value", 1e-4, ("approx", 1e-4, "", 7)),
        ([1, 2, 1], "set", 0.0, ("equal", 0.0, "set", {1, 2})),
    ],
)
def test_expected_values_follow_evalplus(value: Any, rule: Any, atol: float, case: Any) -> None:
    (made,) = with_expected(pending(rule, atol), [encode_value(value)]).cases
    compare, expected_atol, view, expected = case
    assert (made.compare, made.view, decode_value(made.expected)) == (compare, view, expected)
    assert (made.atol, made.rtol) == (expected_atol, 1e-7 if compare == "approx" else 0.0)


def test_inputs_without_a_usable_answer_are_left_out() -> None:
    values = [encode_value(1), None, encode_value([object()]), encode_value(4)]
    problem = with_expected(pending(n=4), values)
    assert [case.arguments for case in problem.cases] == ["[0]", "[3]"]
    with pytest.raises(ValueError, match="zip"):
        with_expected(pending(n=4), values[:2])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"language": "cobol"}, "column 'language' is 'cobol'"),
        ({"language": "java", "entry_point": "a b"}, "column 'entry_point' is 'a b'"),
        ({"language": "java", "cases": []}, "zero cases prove nothing"),
        ({"language": "java", "tests": "x"}, "both 'tests' and 'cases'"),
    ],
)
def test_a_bad_row_in_another_language_is_named(tmp_path: Path, row: dict[str, object], message: str) -> None:
    good = {
        "problem_id": "a", "prompt": "Add one.", "entry_point": "Box.plus", "language": "C++",
        "cases": [{"arguments": [1], "expected": 2}],
    }  # fmt: skip
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(good) + "\n" + json.dumps(good | {"problem_id": "b"} | row))
    right, wrong = (item.outcome for item in load_jsonl(path))
    assert isinstance(right, Problem)
    assert (right.language, right.entry_point, right.judged_by) == ("cpp", "Box.plus", "cases")
    assert "C++" in right.prompt
    assert isinstance(wrong, DroppedProblem)
    assert message in wrong.message
