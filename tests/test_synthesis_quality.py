"""Which problems are kept, and the file that they are kept in."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.pipeline.problems.contamination import Benchmarks, Item
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.problems.wording import chat_prompt
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.pipeline.synthesis.asking import assert_line, signature_in, words_of, write_problems
from pairsmith.pipeline.synthesis.quality import JudgedProblem, drop_repeated, fitting_tests, judge_problem
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import Case, Problem
from pairsmith.schemas.synthesis import (
    GeneratedTest,
    ProblemAgreement,
    ProblemCard,
    ResponseAgreement,
    ResponseLabel,
)
from pairsmith.schemas.values import encode_arguments, encode_value
from tests.sampling_kit import make_problem
from tests.sandboxes import LIMITS, PATIENCE, make_engine

pytestmark = pytest.mark.slow

PROMPT = chat_prompt("Return the larger of two whole numbers.", "def larger(a: int, b: int) -> int:")
BEST = "def larger(a, b):\n    if a > b:\n        return a\n    return b\n"
SAME = "def larger(a, b):\n    return max(a, b)\n"
WRONG = "def larger(a, b):\n    return a\n"
CARD = ProblemCard(
    "p/larger", "", "seed", "a.py", 3, "MIT", "c", "i", ("m",), "easy", "numbers", 0, 0, 0, 0.0, 0, 0, 0,
    0.0, 0, 0, "", "", "",
)  # fmt: skip
CASES = tuple(Case(f"[{a},{b}]", str(max(a, b))) for a, b in [(1, 2), (2, 1), (3, 3), (-1, 0), (7, -7)])


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the two mutants that a test lets live, one is too many."""
    monkeypatch.setattr("pairsmith.pipeline.synthesis.quality._MIN_KILLED", 0.9)


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[SandboxPool]:
    pool = SandboxPool(make_engine("bubblewrap", "quality"), LIMITS, PATIENCE)
    yield pool
    pool.close()


def agreed(cases: tuple[Case, ...] = CASES, **changes: object) -> ProblemAgreement:
    inputs = (*(case.arguments for case in cases), "[0,5]", "[5,0]")
    base = ProblemAgreement("p/larger", 3, 3, 2, 2, 5, 7, 7, 0.9, True, cases, inputs)
    return replace(base, **changes)  # type: ignore[arg-type]


def judged(
    pool: SandboxPool, agreement: ProblemAgreement, codes: dict[str, str], **changes: object
) -> JudgedProblem:
    problem = make_problem("larger", prompt=str(changes.pop("prompt", PROMPT)))
    rows = [
        ResponseAgreement(name, "p/larger",
                          ResponseLabel.CHOSEN if code in (BEST, SAME) else ResponseLabel.REJECTED,
                          0.9, "g", 0.5, 5, 5)
        for name, code in codes.items()
    ]  # fmt: skip
    benchmarks = changes.pop("benchmarks", None)
    assert benchmarks is None or isinstance(benchmarks, Benchmarks)
    card = replace(CARD, **changes)  # type: ignore[arg-type]
    return judge_problem(problem, card, agreement, rows, codes, benchmarks, 0, pool)


def test_a_good_problem_is_kept_with_its_card(sandboxes: SandboxPool) -> None:
    one = judged(sandboxes, agreed(), {"r1": BEST, "r2": SAME, "r3": WRONG})
    card = one.card
    assert (card.reason, card.n_chosen, card.n_rejected, card.n_cases, card.best_id) == ("", 2, 1, 5, "r2")
    assert card.pass_rate == pytest.approx(2 / 3)
    assert one.problem.cases == CASES


def test_mutants_of_the_solution_that_live_make_weak_tests(sandboxes: SandboxPool) -> None:
    weak = tuple(case for case in CASES if case.arguments in ("[1,2]", "[3,3]", "[-1,0]"))
    one = judged(sandboxes, agreed(weak), {"r1": BEST, "r3": WRONG})
    assert one.card.reason == "weak_tests"
    assert one.card.n_killed < one.card.n_mutants


@pytest.mark.parametrize(
    ("agreement", "codes", "changes", "reason"),
    [
        (agreed(n_responses=0), {}, {}, "no_response"),
        (agreed(n_tests=0), {"r": BEST}, {}, "no_tests"),
        (agreed(), {"r": BEST}, {"n_off_signature": 9}, "prompt_and_tests_disagree"),
        (agreed(), {"r": WRONG}, {}, "no_dominant_answer"),
        (agreed(CASES[:2]), {"r": BEST}, {}, "too_few_cases"),
        (agreed(), {"r": BEST, "s": SAME}, {}, "trivial"),
    ],
)
def test_the_first_rule_that_is_broken_is_the_reason(
    sandboxes: SandboxPool,
    agreement: ProblemAgreement,
    codes: dict[str, str],
    changes: dict[str, object],
    reason: str,
) -> None:
    assert judged(sandboxes, agreement, codes, **changes).card.reason == reason


def test_a_secret_and_a_benchmark_are_found(sandboxes: SandboxPool) -> None:
    codes = {"r1": BEST, "r3": WRONG}
    secret = PROMPT.replace("Return", "With AKIAIOSFODNN7EXAMPLE return")
    assert judged(sandboxes, agreed(), codes, prompt=secret).card.reason == "secret"
    benchmarks = Benchmarks()
    benchmarks.add(Item("known/7", "", BEST.replace("a > b:", "a  >  b:  # which?"), ""))
    one = judged(sandboxes, agreed(), codes, benchmarks=benchmarks)
    assert (one.card.reason, one.card.contaminated_by) == ("contaminated", "known/7")


def test_of_two_problems_that_are_one_the_surer_is_kept() -> None:
    words = "Return the larger of two whole numbers, or either one of them where both are the same."
    prompts = [chat_prompt(words, f"def {name}(a: int, b: int) -> int:") for name in "ab"]
    prompts.append(chat_prompt("Something else is asked for here.", "def c(a: int) -> int:"))
    problems = [make_problem(name, prompt=prompt) for name, prompt in zip("abc", prompts, strict=True)]
    rows = [
        JudgedProblem(
            problem, replace(CARD, problem_id=problem.problem_id, posterior=posterior, best_id=problem.entry_point)
        )
        for problem, posterior in zip(problems, (0.8, 0.9, 0.7), strict=True)
    ]
    codes = {
        "a": "def a(x):\n    return x\n",
        "b": "def b(x):\n    return x + 1\n",
        "c": "def c(x):\n    return 3\n",
    }
    marked = drop_repeated(rows, codes)
    assert [(one.card.reason, one.card.near) for one in marked] == [("repeated", "p/b"), ("", ""), ("", "")]


def test_tests_about_another_signature_are_left_out() -> None:
    good = GeneratedTest(Case("[1,2]", "2"))
    off = [GeneratedTest(Case("[[1,2]]", "2")), GeneratedTest(Case("[1,2]", '"2"'))]
    code = GeneratedTest(None, "assert larger(1, 2) in (1, 2)")
    suites, n_off = fitting_tests([(good, *off), (code,)], signature_in(PROMPT))
    assert (suites, n_off) == ([(good,), (code,)], 2)


VALUES = [
    1, -1.5, True, None, "a'b\n", b"x", (1,), (), [1, (2, "a")], {"a": [1]}, {1, 2}, set(), frozenset({3}),
    float("inf"), 1 + 2j, {(1, 2): {3}},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_case_is_read_back_from_its_assert_line(value: object) -> None:
    case = Case(encode_arguments([value, 1]), encode_value(value))
    line = assert_line(case, "f")
    assert line.startswith("assert f(")
    assert assert_line(replace(case, view="len"), "f").startswith("assert len(f(")


def test_what_has_no_literal_has_no_line() -> None:
    assert assert_line(Case("[1]", encode_value(range(3))), "f") == ""
    assert assert_line(Case("[1]", "2.5", "approx", 1e-6), "f") == "assert abs(f(1) - 2.5) <= 1e-06"
    assert assert_line(Case("[1]", "true", "truthy"), "f") == "assert f(1)"


def test_the_file_loads_as_own_jsonl_with_the_same_cases(tmp_path: Path) -> None:
    problem: Problem = replace(make_problem("larger", prompt=PROMPT), cases=CASES, level="easy", topic="numbers")
    assert write_problems(tmp_path / "problems.jsonl", [(problem, CARD)]) == 1
    row = json.loads((tmp_path / "problems.jsonl").read_text())
    assert row["provenance"]["path"] == "a.py"
    loaded = load_problems(ProblemsConfig(source="jsonl", path=tmp_path / "problems.jsonl"), starter_folder())
    (back,) = loaded.problems
    assert (back.cases, back.prompt, back.level, back.topic) == (CASES, PROMPT, "easy", "numbers")
    assert words_of(PROMPT) == "Return the larger of two whole numbers."
