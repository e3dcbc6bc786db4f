"""Tests that run in the solution's own process, and whole programs on stdin, in other languages."""

from pathlib import Path

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.languages.table import LANGUAGES
from pairsmith.pipeline.problems.sources.humanevalpack import load_humanevalpack
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import Case, Interface, JudgedBy, Problem
from pairsmith.schemas.values import encode_value
from pairsmith.schemas.verdict import Cause, Label, Verdict
from tests.languages_kit import HUMANEVAL, PROGRAMS_ON_STDIN, humaneval_rows
from tests.languages_kit import problem as case_problem

IN_PROCESS = tuple(HUMANEVAL)


def problem_of(language: str, tmp_path: Path) -> Problem:
    path = tmp_path / "pack.jsonl"
    path.write_text(humaneval_rows(), encoding="utf-8")
    found = [item.outcome for item in load_humanevalpack(ProblemsConfig(source="humanevalpack", path=path))]
    return next(item for item in found if isinstance(item, Problem) and item.language == language)


def verdict(problem: Problem, code: str, pool: SandboxPool, cache: Path) -> Verdict:
    program = Program("c", problem.problem_id, Extraction.OK, "bare", code)
    return judge(problem, execute_programs([program], {problem.problem_id: problem}, pool, cache=cache)[0])


def test_the_form_is_read(tmp_path: Path) -> None:
    for language in IN_PROCESS:
        problem = problem_of(language, tmp_path)
        assert problem.judged_by is (JudgedBy.CASES if language == "python" else JudgedBy.IN_PROCESS)
        assert (problem.entry_point.lower(), problem.license) == ("addone", "MIT")
        assert LANGUAGES[language].title in problem.prompt if language != "python" else "Python" in problem.prompt


@pytest.mark.parametrize("language", IN_PROCESS)
def test_the_reference_passes_and_others_fail(
    language: str, present: None, tmp_path: Path, pool: SandboxPool, cache: Path
) -> None:
    problem = problem_of(language, tmp_path)
    right = verdict(problem, problem.reference, pool, cache)
    assert (right.label, right.cause) == (Label.PASSED, Cause.NONE), right
    wrong = verdict(problem, problem.reference.replace("+ 1", "+ 2"), pool, cache)
    expected = Cause.WRONG_VALUE if language == "python" else Cause.TEST_FAILED
    assert (wrong.label, wrong.cause) == (Label.FAILED, expected), wrong
    exit_early = HUMANEVAL[language].early_exit
    ended = verdict(problem, exit_early, pool, cache)
    assert (ended.label, ended.cause) == (Label.FAILED, Cause.EXITED), ended


_CASES = (Case("3 4\n", "7\n", "lines"), Case("10 -2\n", "8", "lines"))


def stdin_problem(language: str) -> Problem:
    return Problem(
        problem_id=f"{language}/stdin", source="jsonl", language=language, entry_point="", prompt="",
        continuation="", setup="", judged_by=JudgedBy.CASES, cases=_CASES,
        test_code="", reference="", level="", topic="", license="", interface=Interface.STDIN,
    )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_whole_programs_run_on_stdin(language: str, present: None, pool: SandboxPool, cache: Path) -> None:
    problem, code = stdin_problem(language), PROGRAMS_ON_STDIN[language]
    right = verdict(problem, code, pool, cache)
    assert (right.label, right.cause) == (Label.PASSED, Cause.NONE), right
    wrong = verdict(problem, code.replace("a + b", "a - b"), pool, cache)
    assert (wrong.label, wrong.cause) == (Label.FAILED, Cause.WRONG_VALUE), wrong


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("javascript", "class Box { plus(x) { return x + 1; } }"),
        ("cpp", "struct Box { int plus(int x) const { return x + 1; } };"),
        ("rust", "struct Box1;\nstruct Box2 {}\nimpl Box2 { fn plus(&self, x: u8) -> u8 { x + 1 } }"),
    ],
)
def test_an_entry_point_may_be_a_method(
    language: str, code: str, present: None, pool: SandboxPool, cache: Path
) -> None:
    asked = case_problem(language, [((1,), 2), ((41,), 42)], "Box.plus")
    assert verdict(asked, code, pool, cache).label is Label.PASSED


def test_python_tests_can_run_in_process_too(pool: SandboxPool) -> None:
    asked = Problem(
        problem_id="p", source="jsonl", language="python", entry_point="f", prompt="", continuation="", setup="",
        judged_by=JudgedBy.IN_PROCESS, cases=(), test_code="assert f(1) == 2", reference="", level="", topic="",
        license="",
    )  # fmt: skip
    for code, label, cause in (
        ("def f(x): return x + 1", Label.PASSED, Cause.NONE),
        ("def f(x): return x", Label.FAILED, Cause.TEST_FAILED),
        ("import sys\ndef f(x): sys.exit(0)", Label.FAILED, Cause.EXITED),
        ("import os\ndef f(x): os._exit(0)", Label.FAILED, Cause.EXITED),
        ("def pairsmith_tests(): return None\ndef f(x): raise KeyError", Label.FAILED, Cause.TEST_FAILED),
    ):
        program = Program("c", "p", Extraction.OK, "bare", code)
        found = judge(asked, execute_programs([program], {"p": asked}, pool)[0])
        assert (found.label, found.cause) == (label, cause), (code, found)


def test_values_are_told_from_texts() -> None:
    assert encode_value(None) == "null"  # what the driver says behind the tests
