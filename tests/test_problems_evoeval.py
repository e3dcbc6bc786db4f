"""EvoEval's rows, made up in its form: pending answers, and problems with more than one right answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.references import judge_all
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.references import complete
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import JudgedBy
from pairsmith.schemas.values import decode_value
from pairsmith.schemas.verdict import Label

ROW: dict[str, Any] = {
    "task_id": "EvoEval/7",
    "prompt": 'import math\n\ndef spread(points: list, p) -> float:\n    """Return the spread."""\n',
    "entry_point": "spread",
    "canonical_solution": "    return float(max(points) - min(points)) if points else p\n",
    "inputs": ["[1, 4], None", "[1.5, (2), 3.25], (1, 2)", "[], {1, 2}", "[] , -float('inf')"],
    "parent": "HumanEval/7",
}


def load(tmp_path: Path, name: str, *rows: dict[str, Any]) -> LoadedProblems:
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_problems(ProblemsConfig(source="evoeval", path=path), starter_folder())


def test_inputs_are_python_source_and_answers_come_from_the_reference(tmp_path: Path, pool: SandboxPool) -> None:
    (pending,) = load(tmp_path, "EvoEval_difficult.jsonl", ROW).pending
    assert [decode_value(text) for text in pending.arguments] == [
        [[1, 4], None], [[1.5, 2, 3.25], (1, 2)], [[], {1, 2}], [[], float("-inf")],
    ]  # fmt: skip
    (problem,) = complete([pending], pool).problems
    assert (problem.source, problem.entry_point, problem.setup.strip()) == ("evoeval", "spread", "import math")
    assert [decode_value(case.expected) for case in problem.cases] == [3.0, 1.75, {1, 2}, float("-inf")]
    assert problem.cases[0].atol > 0.0


def test_inputs_that_are_expressions_are_evaluated_in_a_sandbox(tmp_path: Path, pool: SandboxPool) -> None:
    sources = [
        "[i for i in range(100)], 0", "[1, 2, 3][::-1], 10^12", "[], {}",
        "[[1 for _ in range(2)] for _ in range(3)], 1",
        "open('/etc/shadow').read(), 1", "[0] * 10**8, 1", "[2, 1, 0] + [i for i in range(3)], 5", "[1, 1], {{}}",
    ]  # fmt: skip
    row = {**ROW, "inputs": sources, "canonical_solution": "    return [len(points), p]\n"}
    (pending,) = load(tmp_path, "EvoEval_difficult.jsonl", row).pending
    completed = complete([pending], pool)
    (problem,) = completed.problems
    answers = [[100, 0], [3, 10 ^ 12], [0, {}], [3, 1], [6, 5]]
    assert [decode_value(case.expected) for case in problem.cases] == answers
    assert completed.n_lost_inputs == 3  # the data's own: a file, a hundred million zeros, a TypeError


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": ["1, ("]}, "not Python"),
        ({"inputs": ["(" * 500]}, "not Python"),
        ({"inputs": []}, "no inputs"),
        ({"inputs": [3]}, "not a list of texts"),
        ({"inputs": None}, "no column 'inputs'"),
    ],
)
def test_a_bad_row_costs_that_row_only(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    loaded = load(tmp_path, "EvoEval_subtle.jsonl", {**ROW, **change}, {**ROW, "task_id": "EvoEval/8"})
    assert [row.problem.problem_id for row in loaded.pending] == ["EvoEval/8"]
    assert words in loaded.dropped[0].message


def test_verbose_and_concise_have_humaneval_plus_columns(tmp_path: Path) -> None:
    row = {key: value for key, value in ROW.items() if key != "inputs"}
    row |= {"task_id": "HumanEval/7", "base_input": [[[1, 2], 0]], "plus_input": [[[3], 0]], "atol": 0}
    (pending,) = load(tmp_path, "EvoEval_verbose.jsonl", row).pending
    assert (pending.problem.source, len(pending.arguments)) == ("evoeval", 2)


MAZE = [[0, 0], [1, 0]]
SEVERAL: dict[str, tuple[str, str, list[str], str, str]] = {
    # subset and number: entry point and parameters, reference, inputs, another right answer, a wrong one
    "difficult/10": ("f(text)", "return text + text[::-1]", ["'ab'"], "return 'ab' + 'BA'", "return 'ab' + 'ab'"),
    "difficult/32": ("f(xs, interval)", "return 2.0", ["[-4, 0, 1], (-3, 3)"], "return -2.0", "return 1.0"),
    "creative/26": (
        "f(maze, start, end)", "return ['right', 'down']", [f"{MAZE}, (0, 0), (1, 1)"],
        "return ['right', 'left', 'right', 'down']", "return ['down', 'right']",
    ),
    "creative/30": (
        "f(maze, start, end)", "return [(0, 0), (0, 1), (1, 1)]", ["[[1, 1], [0, 1]], (0, 0), (1, 1)"],
        "return [(0, 0), (0, 1), (0, 0), (0, 1), (1, 1)]", "return [(0, 0), (1, 1)]",
    ),
    "creative/69": ("f(xs, t)", "return (0, 3)", ["[1, 2, 3, 6], 6"], "return (1, 2)", "return (3, 0)"),
    "subtle/32": ("f(xs)", "return 2.0", ["[-4, 2]"], "return 2.0000000001", "return 4.0"),
}  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
def test_any_right_answer_passes_where_there_are_several(tmp_path: Path, pool: SandboxPool, name: str) -> None:
    subset, _, number = name.partition("/")
    header, body, inputs, other, wrong = SEVERAL[name]
    row = {**ROW, "task_id": f"EvoEval/{number}", "entry_point": "f", "inputs": inputs}
    row |= {"prompt": f'def {header}:\n    """Answer."""\n', "canonical_solution": f"    {body}\n"}
    (problem,) = load(tmp_path, f"EvoEval_{subset}.jsonl", row).problems
    assert problem.judged_by is JudgedBy.TESTER
    programs = [f"def {header}:\n    {line}" for line in (body, other, wrong)]
    verdicts = judge_all([(problem, program) for program in programs], pool)
    assert [verdict.label for verdict in verdicts] == [Label.PASSED, Label.PASSED, Label.FAILED], verdicts
