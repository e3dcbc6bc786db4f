import json
from pathlib import Path

import pytest

from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.syntax.stage import analyse_programs
from pairsmith.schemas.candidate import Candidate, Program, Syntax
from pairsmith.schemas.config import SyntaxConfig
from pairsmith.schemas.config.judging import ExtractionConfig
from pairsmith.schemas.problem import JudgedBy, Problem

pytestmark = pytest.mark.slow

CODES = [
    "def f(a):\n    total = a\n    return total\n",
    "def f(a):\n    result = a\n    return result\n",
    "def f(a, b=[]):\n    return b\n",
]


def make_problem(name: str, language: str = "python", prompt: str = "") -> Problem:
    return Problem(
        problem_id=name, source="jsonl", language=language, entry_point="f", prompt=prompt, continuation="",
        setup="", judged_by=JudgedBy.CASES, cases=(), test_code="", reference="", level="", topic="", license="",
    )  # fmt: skip


def make_candidates(problem_id: str, codes: list[str]) -> list[Candidate]:
    return [
        Candidate(
            candidate_id=f"{problem_id}{number:031d}", problem_id=problem_id, index=number, backend="files",
            model="m", revision="", template="chat", prompt="", completion=f"Sure:\n```python\n{code}```\n",
            temperature=0.8, top_p=0.95, max_tokens=300, seed=-1, n_prompt_tokens=-1, n_tokens=-1,
            finish_reason="", mean_logprob=None,
        )
        for number, code in enumerate(codes)
    ]  # fmt: skip


PROBLEMS = {name: make_problem(name) for name in "abc"}
CANDIDATES = [row for name in "cab" for row in make_candidates(name, CODES)]


def read(problems: dict[str, Problem], config: SyntaxConfig) -> tuple[list[Program], list[Syntax]]:
    """Read all candidates as a run does."""
    settings = ExtractionConfig()
    programs = [extract_program(row, problems[row.problem_id], settings) for row in CANDIDATES]
    return programs, analyse_programs(problems, programs, config)


def test_programs_and_syntax_come_in_the_order_of_the_candidates() -> None:
    programs, rows = read(PROBLEMS, SyntaxConfig())
    assert [row.candidate_id for row in programs] == [row.candidate_id for row in CANDIDATES]
    assert [row.candidate_id for row in rows] == [row.candidate_id for row in programs]
    assert [row.duplicate_rule for row in rows].count("renamed") == 3
    assert rows[2].lint == ("B006=1",)
    assert rows[0].quality is not None


def test_processes_give_the_same() -> None:
    assert read(PROBLEMS, SyntaxConfig(workers=2)) == read(PROBLEMS, SyntaxConfig())


def test_overlap_with_a_benchmark_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    words = " ".join(f"word{number}" for number in range(15))
    items = [{"task_id": "mine/1", "prompt": words}, {"task_id": "mine/2", "code": CODES[0]}]
    path.write_text("\n".join(map(json.dumps, items)))
    problems = {**PROBLEMS, "a": make_problem("a", prompt=f"Now: {words}.")}
    _, rows = read(problems, SyntaxConfig(benchmarks=(path,)))
    found = {(row.problem_id, row.contaminated_by) for row in rows}
    assert found == {("a", "mine/1"), ("b", "mine/2"), ("b", ""), ("c", "mine/2"), ("c", "")}
    assert sum(row.contaminated_by == "mine/2" for row in rows) == 4
