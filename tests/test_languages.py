"""Programs in other languages keep the contract that Python programs keep, on every sandbox."""

import re
from pathlib import Path

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.languages.table import LANGUAGES, find_language
from pairsmith.pipeline.languages.toolchains import Toolchains, Unprepared, prepare
from pairsmith.pipeline.sandbox import Answer, Ending, SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.execution import Status
from pairsmith.schemas.values import encode_arguments
from pairsmith.schemas.verdict import Cause, Label
from tests.languages_kit import PROGRAMS, expected, problem

pytestmark = [pytest.mark.parametrize("language", LANGUAGES), pytest.mark.usefixtures("present")]
TEXT = 'é€😀\n"\\'


def run(language: str, toolchains: Toolchains, pool: SandboxPool, *texts: str) -> tuple[list[Answer], Ending]:
    """Run the program of a language on two numbers and each text."""
    inputs = tuple(encode_arguments([[1, 2], text]) for text in texts)
    job = prepare(PROGRAMS[language].program, "", "f", language, inputs, toolchains)
    assert not isinstance(job, Unprepared), job
    return pool.run(lambda bench: bench.candidate.run(job))


def verdict(
    language: str, code: str, pool: SandboxPool, cache: Path, values: tuple[object, ...] = ()
) -> tuple[Label, Cause, str]:
    """Judge code by what the program of its language gives, or by other values."""
    inputs: list[tuple[list[int], str]] = [([1, 2], TEXT), ([0], "")]
    wanted = values or tuple(expected(language, *given) for given in inputs)
    asked = problem(language, list(zip(inputs, wanted, strict=True)))
    program = Program("c", asked.problem_id, Extraction.OK, "bare", code)
    execution = execute_programs([program], {asked.problem_id: asked}, pool, cache=cache)[0]
    judged = judge(asked, execution)
    return judged.label, judged.cause, judged.detail


def test_the_right_values_pass_whatever_is_printed(language: str, pool: SandboxPool, cache: Path) -> None:
    assert verdict(language, PROGRAMS[language].program, pool, cache) == (Label.PASSED, Cause.NONE, "")


def test_a_wrong_value_fails(language: str, pool: SandboxPool, cache: Path) -> None:
    wrong = (expected(language, [1, 3], TEXT), expected(language, [0], ""))
    found = verdict(language, PROGRAMS[language].program, pool, cache, wrong)
    assert found == (Label.FAILED, Cause.WRONG_VALUE, "")


def test_an_exception_in_one_call_leaves_the_others(
    language: str, toolchains: Toolchains, pool: SandboxPool
) -> None:
    answers, ending = run(language, toolchains, pool, "raise", TEXT)
    exception = PROGRAMS[language].exception
    if not exception:  # C has none: the program ends
        assert (answers[0].status, ending.detail) == (Status.EXITED, "signal 6")
        return
    assert (answers[0].status, answers[0].exception) == (Status.EXCEPTION, exception)
    assert (answers[1].status, ending.status) == (Status.OK, Status.OK)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("loop", Status.TIMEOUT),
        ("exit", Status.EXITED),
        ("hog", Status.MEMORY),
        ("print", Status.OUTPUT_LIMIT),
        ("large", Status.OUTPUT_LIMIT),
    ],
)
def test_each_end_has_its_status(
    language: str, text: str, status: Status, toolchains: Toolchains, pool: SandboxPool
) -> None:
    answers, ending = run(language, toolchains, pool, "", text, "")
    assert [answer.status for answer in answers[:2]] == [Status.OK, status], (answers, ending)
    if status not in (Status.EXCEPTION, Status.MEMORY):  # after an OutOfMemoryError a JVM goes on
        assert answers[2].status is not Status.OK


def test_what_the_compiler_refuses_fails_with_its_cause(language: str, pool: SandboxPool, cache: Path) -> None:
    label, cause, detail = verdict(language, PROGRAMS[language].broken, pool, cache)
    assert label is Label.FAILED
    if find_language(language).compile:
        assert cause is Cause.COMPILE_ERROR
        assert "error" in detail or "declared" in detail
    else:
        assert (cause, detail) == (Cause.EXCEPTION, "SyntaxError")


def test_an_end_at_load_passes_nothing(language: str, pool: SandboxPool, cache: Path) -> None:
    code = PROGRAMS[language].early
    if code:
        assert verdict(language, code, pool, cache)[:2] == (Label.FAILED, Cause.EXITED)


def test_a_missing_entry_point_has_its_cause(language: str, pool: SandboxPool, cache: Path) -> None:
    code = re.sub(r"\bf(?=\(| = )", "g", PROGRAMS[language].program)
    assert verdict(language, code, pool, cache)[:2] == (Label.FAILED, Cause.MISSING_ENTRY_POINT)
