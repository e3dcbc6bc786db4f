"""Right programs pass and wrong ones fail, on every sandbox: the labels' own test."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.references import judge_all, try_references
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.records import LoadedProblems, PendingProblem
from pairsmith.pipeline.problems.references import complete
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import Case, JudgedBy
from pairsmith.schemas.verdict import Cause, Label
from tests.pairing_records import problem as make_problem


def test_each_starter_reference_passes_and_each_wrong_solution_fails(pool: SandboxPool) -> None:
    items = [item for item in load_starter(starter_folder()) if not item.requires]
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


@pytest.mark.nightly
def test_every_canonical_solution_of_mbpp_passes(pool: SandboxPool, real_data: Path) -> None:
    config = ProblemsConfig(source="mbpp", path=real_data / "mbpp.jsonl.gz")
    with pool.sibling({"cpu_s": 6}) as patient:  # 123 takes 1.4 s on a calm processor
        outcome = try_references("mbpp", load_problems(config, starter_folder()), patient)
    assert outcome.exceptions == ()
    assert (outcome.n_programs, outcome.n_expected) == (974, 974)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "file", "n_problems"),
    [("humaneval+", "HumanEvalPlus.jsonl.gz", 164), ("mbpp+", "MbppPlus.jsonl.gz", 378)],
)
def test_canonical_solutions_of_the_plus_sets_pass(
    pool: SandboxPool, real_data: Path, name: Any, file: str, n_problems: int
) -> None:
    """Every twelfth problem; `python -m benchmarks.references` tries all."""
    loaded = load_problems(ProblemsConfig(source=name, path=real_data / file), starter_folder())
    assert len(loaded.problems) + len(loaded.pending) == n_problems
    part = LoadedProblems(loaded.problems[::12], loaded.pending[7::12])
    outcome = try_references(name, part, pool)
    assert outcome.exceptions == ()
    assert outcome.n_expected == outcome.n_programs == len(part.problems) + len(part.pending)


def test_answers_that_are_too_long_together_are_left_out_of_the_cases(pool: SandboxPool) -> None:
    problem = make_problem("long", entry_point="f", reference="def f(n): return 'x' * n")
    sizes = (3 << 20, 1, 3 << 20, 3 << 20, 2)
    row = PendingProblem(problem, tuple(f"[{size}]" for size in sizes), 0.0)
    (done,) = complete([row], pool).problems
    assert [case.arguments for case in done.cases] == [f"[{size}]" for size in (3 << 20, 1, 3 << 20, 2)]
    (verdict,) = judge_all([(done, problem.reference)], pool)
    assert verdict.label is Label.PASSED


def test_a_reference_that_fails_is_listed_with_its_reason(pool: SandboxPool) -> None:
    cases = (Case("[1]", "2"),)
    right, wrong, hung = (
        make_problem(name, cases=cases, entry_point="f", reference=code)
        for name, code in (
            ("right", "def f(x): return x + 1"),
            ("wrong", "def f(x): return x"),
            ("odd", "def f(x): raise KeyError"),
        )
    )
    outcome = try_references("three", LoadedProblems((right, wrong, hung)), pool)
    assert (outcome.n_programs, outcome.n_expected, outcome.n_cases) == (3, 1, 3)
    assert outcome.exceptions == ("wrong: failed wrong_value", "odd: failed exception KeyError")


FLAKY = {
    "address": "def f():\n    return id(object())",
    "order by address": "class A:\n    pass\nA_SET = {A() for _ in range(50)}\nNAMES = [A() for _ in range(9)]\n"
    "def f():\n    return [hash(one) for one in NAMES]",
    "clock": "import time\ndef f():\n    return time.time_ns()",
    "system's random": "import os\ndef f():\n    return os.urandom(8)",
    "uuid": "import uuid\ndef f():\n    return str(uuid.uuid4())",
    "random without a seed": "import random\ndef f():\n    return [random.random() for _ in range(5)]",
    "hash of text": "def f():\n    return hash('text')",
    "order of a set of text": "def f():\n    return list({'a', 'b', 'c', 'd', 'e'})",
    "time zone": "import time\ndef f():\n    return time.tzname[0]",
}
STEADY = {
    "random with a seed": "import random\ndef f():\n    random.seed(1)\n    return random.random()",
    "wrong": "def f():\n    return 1",
    "raises": "def f():\n    raise KeyError",
}


def test_what_changes_from_run_to_run_is_flaky_and_undecided(pool: SandboxPool) -> None:
    problem = make_problem(cases=(Case("[]", "0"),), entry_point="f")
    verdicts = judge_all([(problem, code) for code in (FLAKY | STEADY).values()], pool, n_runs=2)
    causes = {name: verdict.cause for name, verdict in zip(FLAKY | STEADY, verdicts, strict=True)}
    assert [name for name, cause in causes.items() if cause is Cause.FLAKY] == list(FLAKY)
    assert {verdict.label for verdict in verdicts} == {Label.UNDECIDED, Label.FAILED}
