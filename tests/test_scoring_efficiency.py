from dataclasses import replace

import pytest

from pairsmith.pipeline.crosscheck.timing import (
    compare_speeds,
    performance_scores,
    pick_programs,
    problem_efficiency,
)
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import encode_arguments, encode_value
from pairsmith.schemas.verdict import Timing
from tests.pairing_records import judged, problem


def timing(name: str, *seconds: float) -> Timing:
    return Timing(name, "p/1", 16, seconds)


def program(name: str, code: str, problem_id: str = "p/1") -> Program:
    return replace(judged(name, problem_id=problem_id).program, code=code)


def test_a_solution_scores_by_those_that_do_not_outdo_it() -> None:
    rows = [
        timing("fast", 0.1, 0.11),
        timing("middle", 0.2, 0.3),
        timing("noisy", 0.25, 0.5),
        timing("slow", 1.0, 2.0),
    ]
    assert performance_scores(rows) == pytest.approx({"fast": 1.0, "middle": 2 / 3, "noisy": 2 / 3, "slow": 0.0})


def test_one_solution_alone_says_nothing() -> None:
    assert performance_scores([timing("only", 0.1)]) == {}


def test_the_commonest_texts_are_timed_once_each() -> None:
    rows = [program("1", "a"), program("2", "b"), program("3", "b"), program("4", "c")]
    assert [row.candidate_id for row in pick_programs(rows, 2)] == ["2", "1"]


def test_a_models_score_weighs_texts_by_how_often_they_came() -> None:
    rows = [
        program("1", "a"),
        program("2", "a"),
        program("3", "b"),
        program("4", "untimed"),
        program("5", "a", "p/2"),
    ]
    assert problem_efficiency(rows, {"p/1": {"a": 1.0, "b": 0.4}}) == pytest.approx({"p/1": 0.8})


def test_the_faster_of_two_right_programs_scores_higher(pool: SandboxPool) -> None:
    case = Case(encode_arguments([[10, -20, 30]]), encode_value(1400))
    squares = replace(problem("p/1", entry_point="f"), cases=(case,))
    fast = "def f(xs):\n    return sum(x * x for x in xs)"
    slow = "def f(xs):\n    for _ in range(2000 * len(xs)):\n        pass\n    return sum(x * x for x in xs)"
    scores = compare_speeds(squares, [program("1", slow), program("2", fast)], pool, 3)
    assert scores == {slow: 0.0, fast: 1.0}
