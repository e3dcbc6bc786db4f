"""Right programs pass and wrong ones fail, on every sandbox: the labels' own test."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.execution import execute_programs
from pipeline.judging import judge
from pipeline.problems.loading import load_problems
from pipeline.problems.starter import load_starter, starter_folder
from pipeline.sandbox.pool import SandboxPool
from schemas.candidate import Extraction, Program
from schemas.config import ProblemsConfig
from schemas.problem import Case, JudgedBy, Problem
from schemas.verdict import Cause, Label, Verdict
from tests.pairing_records import problem as make_problem


def judge_all(programs: Sequence[tuple[Problem, str]], pool: SandboxPool) -> list[Verdict]:
    """Return the verdict of each (problem, code)."""
    problems = {problem.problem_id: problem for problem, _ in programs}
    rows = [
        Program(str(number), problem.problem_id, Extraction.OK, "bare", code)
        for number, (problem, code) in enumerate(programs)
    ]
    executions = execute_programs(rows, problems, pool)
    return [judge(problems[execution.problem_id], execution) for execution in executions]


def test_each_starter_reference_passes_and_each_wrong_solution_fails(pool: SandboxPool) -> None:
    items = load_starter(starter_folder())
    assert len(items) >= 100
    for verdict in judge_all([(item.problem, item.problem.reference) for item in items], pool):
        assert verdict.label is Label.PASSED, verdict
    wrong = [(item, solution) for item in items for solution in item.wrong]
    verdicts = judge_all([(item.problem, solution.code) for item, solution in wrong], pool)
    for (item, solution), verdict in zip(wrong, verdicts, strict=True):
        assert verdict.label is Label.FAILED, (item.problem.problem_id, solution.why, verdict)


def test_every_canonical_solution_of_humaneval_passes(pool: SandboxPool) -> None:
    problems = load_problems(ProblemsConfig(source="humaneval"), starter_folder()).problems
    assert len(problems) == 164
    assert not [problem for problem in problems if problem.judged_by is JudgedBy.NOTHING]
    verdicts = judge_all([(problem, problem.reference) for problem in problems], pool)
    assert [verdict for verdict in verdicts if verdict.label is not Label.PASSED] == []


def test_no_solution_of_humaneval_passes_another_problem(pool: SandboxPool) -> None:
    problems = load_problems(ProblemsConfig(source="humaneval"), starter_folder()).problems
    shifted = [*problems[1:], problems[0]]
    programs = []
    for problem, other in zip(problems, shifted, strict=True):
        renamed = f"{other.reference}\n\n{problem.entry_point} = {other.entry_point}\n"
        programs += [(problem, renamed), (problem, "")]
    for verdict in judge_all(programs, pool):
        assert verdict.label is Label.FAILED, verdict


def test_every_canonical_solution_of_mbpp_passes(pool: SandboxPool, real_data: Path) -> None:
    config = ProblemsConfig(source="mbpp", path=real_data / "mbpp.jsonl.gz")
    problems = load_problems(config, starter_folder()).problems
    verdicts = judge_all([(problem, problem.reference) for problem in problems], pool)
    odd = {row.problem_id: row.cause for row in verdicts if row.label is not Label.PASSED}
    unjudged = {row.problem_id for row in problems if row.judged_by is JudgedBy.NOTHING}
    assert len(unjudged) <= 0.01 * 974
    assert odd == dict.fromkeys(unjudged, Cause.NO_CASES)


FLAKY = {
    "address": "def f():\n    return id(object())",
    "order by address": "class A:\n    pass\nA_SET = {A() for _ in range(50)}\nNAMES = [A() for _ in range(9)]\n"
    "def f():\n    return [hash(one) for one in NAMES]",
    "clock": "import time\ndef f():\n    return time.time_ns()",
    "system's random": "import os\ndef f():\n    return os.urandom(8)",
    "uuid": "import uuid\ndef f():\n    return str(uuid.uuid4())",
}
STEADY = {
    "seeded random": "import random\ndef f():\n    return [random.random() for _ in range(5)]",
    "hash of text": "def f():\n    return hash('text')",
    "order of a set of text": "def f():\n    return list({'a', 'b', 'c', 'd', 'e'})",
    "time zone": "import time\ndef f():\n    return time.tzname[0]",
    "wrong": "def f():\n    return 1",
    "raises": "def f():\n    raise KeyError",
}


def test_what_changes_from_run_to_run_is_flaky_and_undecided(pool: SandboxPool) -> None:
    problem = make_problem(cases=(Case("[]", "0"),), entry_point="f")
    verdicts = judge_all([(problem, code) for code in (FLAKY | STEADY).values()], pool)
    causes = {name: verdict.cause for name, verdict in zip(FLAKY | STEADY, verdicts, strict=True)}
    assert [name for name, cause in causes.items() if cause is Cause.FLAKY] == list(FLAKY)
    assert {verdict.label for verdict in verdicts} == {Label.UNDECIDED, Label.FAILED}
