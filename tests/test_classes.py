"""Problems about classes and objects: right solutions pass, wrong ones do not; on every engine."""

import sys
import types
from dataclasses import replace

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.conversion import convert_tests
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config.judging import ExtractionConfig
from pairsmith.schemas.verdict import Label, Verdict
from tests.classes_kit import ASKED, METHODS, PROBLEMS, WRONG_METHODS, ClassProblem
from tests.pairing_records import judged
from tests.pairing_records import problem as make_problem

RIGHT = [pytest.param(one, code, id=f"{one.name}-{n}") for one in PROBLEMS for n, code in enumerate(one.right)]
WRONG = [pytest.param(one, code, id=f"{one.name}-{n}") for one in PROBLEMS for n, code in enumerate(one.wrong)]


def verdict_of(pool: SandboxPool, one: ClassProblem, code: str) -> Verdict:
    made = convert_tests(one.tests, one.entry_point, one.setup)
    problem = make_problem(
        problem_id=one.name, judged_by=made.judged_by, cases=made.cases, entry_point=one.entry_point,
        test_code=made.test_code, setup=one.setup,
    )  # fmt: skip
    program = Program("c", one.name, Extraction.OK, "bare", code)
    return judge(problem, execute_programs([program], {one.name: problem}, pool)[0])


def test_there_are_thirty() -> None:
    assert len(PROBLEMS) >= 30
    assert all(one.right and one.wrong for one in PROBLEMS)


def plain_python(one: ClassProblem, code: str) -> bool:
    """Return whether plain CPython, all in one process, lets a solution through."""
    namespace: dict[str, object] = {"__name__": "plain"}
    tests = convert_tests(one.tests, one.entry_point, one.setup).test_code or one.tests
    if "def check(" in tests and f"check({one.entry_point})" not in tests:
        tests += f"\ncheck({one.entry_point})\n"
    solution = types.ModuleType("solution")
    try:
        exec(one.setup, namespace)
        exec(code, namespace)
        vars(solution).update(namespace)
        sys.modules["solution"] = solution  # what a suite imports
        exec(tests, namespace)
        for name, test in list(namespace.items()):
            if name.startswith("test_") and callable(test):
                test()
    except Exception:
        return False
    finally:
        sys.modules.pop("solution", None)
    return True


@pytest.mark.parametrize(("one", "code"), RIGHT)
def test_plain_python_agrees_about_the_right_ones(one: ClassProblem, code: str) -> None:
    assert plain_python(one, code)


@pytest.mark.parametrize(("one", "code"), WRONG)
def test_plain_python_agrees_about_the_wrong_ones(one: ClassProblem, code: str) -> None:
    assert not plain_python(one, code)


@pytest.mark.parametrize(("one", "code"), RIGHT)
def test_a_right_solution_passes(pool: SandboxPool, one: ClassProblem, code: str) -> None:
    verdict = verdict_of(pool, one, code)
    assert verdict.label is Label.PASSED, verdict


@pytest.mark.parametrize(("one", "code"), WRONG)
def test_a_wrong_solution_does_not_pass(pool: SandboxPool, one: ClassProblem, code: str) -> None:
    verdict = verdict_of(pool, one, code)
    assert verdict.label is Label.FAILED, verdict


@pytest.mark.parametrize("form", ASKED)
def test_a_method_answers_where_a_function_is_asked_for(pool: SandboxPool, form: str) -> None:
    made = convert_tests(ASKED[form], "fact")
    problem = make_problem(
        judged_by=made.judged_by, cases=made.cases, test_code=made.test_code, entry_point="fact", setup=""
    )
    right = [code.replace("ONE", "1") for code in METHODS.values()]
    wrong = [*(code.replace("ONE", "2") for code in METHODS.values()), *WRONG_METHODS.values()]
    texts = [
        text for code in right + wrong for text in (f"```python\n{code}```\n", f"My class:\n\n{code}\nIt loops.\n")
    ]
    accepting = ExtractionConfig(accept_method=True)
    answer = judged("c").candidate
    candidates = [replace(answer, candidate_id=f"{n:032x}", completion=text) for n, text in enumerate(texts)]
    programs = [extract_program(one, problem, accepting) for one in candidates]
    assert all(program.method_of for program in programs)
    ran = execute_programs(programs, {"p/1": problem}, pool)
    labels = [judge(problem, execution).label for execution in ran]
    expected = [Label.PASSED] * 2 * len(right) + [Label.FAILED] * 2 * len(wrong)
    assert [(text, label) for text, label in zip(texts, labels, strict=True)] == list(
        zip(texts, expected, strict=True)
    )
    assert extract_program(candidates[0], problem).method_of == ""
