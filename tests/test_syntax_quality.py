import math
from dataclasses import replace

import pytest

from pairsmith.pipeline.syntax.quality import LintError, lint, rate
from pairsmith.schemas.candidate import Extraction, Program, Syntax
from pairsmith.schemas.problem import JudgedBy, Problem
from tests.syntax_rewrites import analyse_program

PROBLEM = Problem(
    problem_id="p", source="jsonl", language="python", entry_point="f", prompt="Add.",
    continuation='def f(a: int, b: int = 1) -> int:\n    """Add."""\n', setup="", judged_by=JudgedBy.CASES,
    cases=(), test_code="", reference="", level="", topic="", license="",
)  # fmt: skip
GOOD = 'def f(a: int, b: int = 1) -> int:\n    """Add."""\n    return a + b\n'


def analyse(code: str) -> Syntax:
    return analyse_program(Program("0" * 32, "p", Extraction.OK, "bare", code))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (GOOD, 1.0),
        (GOOD.replace("b", "c"), (0 + 2 / 3 + 1) / 3),
        (GOOD.replace(": int", "").replace(" -> int", ""), (1 + 0 + 1) / 3),
        (GOOD.replace("return", "print(a)\n    return"), 2 / 3),
        ("def g(a):\n    return a\n", 0.0),
    ],
)
def test_instruction_following_is_the_share_of_the_signature_that_is_kept(code: str, expected: float) -> None:
    assert rate(analyse(code), code, PROBLEM).quality_instruction == pytest.approx(expected)


def test_the_other_dimensions_follow_their_formulas() -> None:
    row = replace(analyse(GOOD), cyclomatic=20, cognitive=30, loop_depth=2, comment_share=0.095, lint=("E1=1",))
    found = rate(row, GOOD, PROBLEM)
    assert found.quality_explanation == pytest.approx((1.0 + 0.5) / 2)
    assert found.quality_complexity == pytest.approx((0.5 + 0.5 + 0.5) / 3)
    z = 8.87 - 0.033 * row.volume + 0.4 * row.n_lines - 1.5 * row.entropy
    assert found.quality_readability == pytest.approx(1 / (1 + math.exp(-z)))
    assert found.quality_style == pytest.approx(1 - 1 / row.n_lines)


def test_quality_is_the_mean_of_what_is_known() -> None:
    row = analyse(GOOD)
    found = rate(row, GOOD, PROBLEM)
    parts = (
        found.quality_instruction,
        found.quality_explanation,
        found.quality_complexity,
        found.quality_readability,
        found.quality_style,
    )
    known = [part for part in parts if part is not None]
    assert len(known) == 5
    assert found.quality == pytest.approx(sum(known) / 5)
    unlinted = rate(row, GOOD, replace(PROBLEM, language="go"))
    rest = (
        unlinted.quality_instruction,
        unlinted.quality_explanation,
        unlinted.quality_complexity,
        unlinted.quality_readability,
    )
    assert unlinted.quality_style is None
    of_go = [part for part in rest if part is not None]
    assert unlinted.quality == pytest.approx(sum(of_go) / len(of_go))
    assert rate(analyse("def f(:\n"), "def f(:\n", PROBLEM).quality is None


def test_volume_and_entropy() -> None:
    row = analyse("a = a\n")  # a = a: two different tokens, three in all
    assert row.volume == pytest.approx(3 * math.log2(2))
    assert row.entropy == pytest.approx(-(2 / 3) * math.log2(2 / 3) - (1 / 3) * math.log2(1 / 3))


@pytest.mark.slow
def test_lint_counts_by_rule_in_one_run() -> None:
    codes = ["import os\n\n\ndef f(a=[]):\n    return a\n", "x = 1\n", "def f(:\n", "x = 1\n"]
    found = lint(codes, ["F401", "B006"])
    assert found == [("B006=1", "F401=1"), (), (), ()]
    assert lint(codes, []) == [()] * 4
    assert lint([], ["E"]) == []
    with pytest.raises(LintError, match="NOPE"):
        lint(codes, ["NOPE"])
