"""The public API without a sandbox: names, problems, extraction, pairs of own verdicts."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import polars as pl
import pytest

import pairsmith
import pairsmith.rewards
from pairsmith.pipeline.api.problems import as_problem
from pairsmith.pipeline.api.scoring import score
from pairsmith.pipeline.pairing.drops import PairingError
from pairsmith.pipeline.problems.loading import natural_key
from pairsmith.pipeline.problems.records import ProblemsError
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.config import ConfigError
from pairsmith.schemas.problem import Interface, JudgedBy

NO_GUARDS = {"max_length_auc": 1.0, "max_style_auc": 1.0}
WORDS = ["apples", "pears", "dogs", "cats", "trees", "cars", "bikes", "planes", "ships", "books", "pens", "cups"]


def own_rows(n_problems: int = 12, n_each: int = 4) -> list[dict[str, Any]]:
    """Rows of a table of verdicts: every other completion of a problem passed."""
    return [
        {
            "problem_id": f"q/{number}",
            "prompt": f"Count the {WORDS[number % 12]} of market {number} and add {number * 7} to the sum.",
            "completion": f"```python\ndef f(x):\n    kept = [{i}] * {i}\n    return x + {number * 7} + {i}\n```",
            "passed": i % 2 == 0,
        }
        for number in range(n_problems)
        for i in range(n_each)
    ]


@pytest.mark.slow
def test_the_import_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import pairsmith; seconds = time.perf_counter() - start; "
        "dir(pairsmith); heavy = {'prefect', 'torch', 'polars', 'datasets'} & set(sys.modules); "
        "from pairsmith import Judge; heavy |= {'prefect', 'torch'} & set(sys.modules); print(seconds, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, _, heavy = done.stdout.partition(" ")
    assert float(seconds) < 0.3
    assert heavy.strip() == "set()"


def test_every_public_name_is_there() -> None:
    assert {name: getattr(pairsmith, name) for name in pairsmith.__all__}
    assert set(pairsmith.__all__) <= set(dir(pairsmith))
    with pytest.raises(AttributeError, match="no attribute 'judges'"):
        _ = pairsmith.judges


def test_a_problem_may_be_tests_alone() -> None:
    problem = as_problem({"tests": ["assert add(1, 2) == 3", "assert add(0, len([])) == 0"]})
    assert (problem.entry_point, problem.judged_by, len(problem.cases)) == ("add", JudgedBy.CASES, 2)
    assert (
        problem.problem_id
        == as_problem({"tests": ["assert add(1, 2) == 3", "assert add(0, len([])) == 0"]}).problem_id
    )


def test_a_problem_may_be_cases_or_a_program() -> None:
    cases = [{"arguments": [1, 2], "expected": 3}]
    assert as_problem({"cases": cases, "entry_point": "add"}).cases[0].compare == "equal_json"
    program = as_problem({"cases": [{"stdin": "1 2\n", "stdout": "3\n"}]})
    assert program.interface is Interface.STDIN
    assert as_problem(program) is program


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tets": ["assert f(1) == 2"]}, "unknown column 'tets'; did you mean 'tests'"),
        ({"tests": ["assert f(1) == g(2)"]}, "the tests call f, g"),
        ({"tests": []}, "the tests call no function"),
        (
            {"entry_point": "f", "cases": [{"argments": [1]}]},
            "unknown column 'argments'; did you mean 'arguments'",
        ),
        ({"tests": ["assert f(1"]}, "was never closed"),
        ({"entry_point": "f"}, "neither 'tests' nor 'cases'"),
        ({"cases": [{"arguments": [1], "expected": 2}]}, "no column 'entry_point'"),
        ("assert f(1) == 2", "a problem must be a record or a dict, not str"),
    ],
)
def test_what_is_no_problem_is_refused_by_name(given: Any, message: str) -> None:
    with pytest.raises(ProblemsError, match=message):
        as_problem(given)


def test_problems_come_by_name_from_a_file_and_from_dicts(tmp_path: Path) -> None:
    assert len(pairsmith.load_problems("humaneval")) == 164
    path = tmp_path / "own.jsonl"
    path.write_text('{"problem_id": "a", "prompt": "", "entry_point": "f", "tests": "assert f(1) == 2"}\n')
    assert [problem.problem_id for problem in pairsmith.load_problems(path)] == ["a"]
    row = {
        "task_id": "test/0", "prompt": "def return1():\n", "canonical_solution": "    return 1",
        "test": "def check(candidate):\n    assert candidate() == 1", "entry_point": "return1",
    }  # fmt: skip
    (published,) = pairsmith.load_problems([row])
    assert (published.source, published.continuation) == ("humaneval", "def return1():\n")
    assert [
        one.problem_id for one in pairsmith.load_problems([{"problem_id": "b", "tests": "assert f(1) == 2"}])
    ] == ["b"]


def test_a_limit_takes_the_first_in_natural_order() -> None:
    ids = [problem.problem_id for problem in pairsmith.load_problems("humaneval", limit=12)]
    assert sorted(ids, key=natural_key) == [f"HumanEval/{n}" for n in range(12)]


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="no such file"):
        pairsmith.load_problems(tmp_path / "none.jsonl")


def test_a_program_is_extracted_from_an_answer_or_a_continuation() -> None:
    (problem,) = (one for one in pairsmith.load_problems("humaneval", limit=1))
    answer = f"Sure.\n\n```python\ndef {problem.entry_point}(numbers, threshold):\n    return False\n```"
    assert pairsmith.extract(answer, problem).form == "fenced"
    assert pairsmith.extract("    return False\n", problem).form == "continuation"
    assert pairsmith.extract("    return False\n", problem, form="answer").extraction is not Extraction.OK


@pytest.mark.parametrize("completion", [3, None, b"def f(): pass", "def f():\n    return '\ud800'"])
def test_a_completion_that_is_no_text_is_refused(completion: Any) -> None:
    with pytest.raises(TypeError, match="completion"):
        pairsmith.extract(completion, {"tests": ["assert f() == 1"]})


@pytest.mark.slow
def test_pairs_are_made_of_own_verdicts_and_drops_have_reasons() -> None:
    rows = [*own_rows(), {**own_rows()[0], "problem_id": "q/none", "prompt": "Sing a song.", "passed": None}]
    made = pairsmith.make_pairs(rows, NO_GUARDS)
    assert len(made) == 48
    assert set(made.table["rejected_cause"]) == {"test_failed"}
    assert made.dropped == {"no_decided": 1, "undecided": 1}
    assert "1 problem: no candidate of it has a label (no_decided)" in made.explain()
    assert made.candidates.filter(problem_id="q/none")["reason"].to_list() == ["undecided"]


@pytest.mark.slow
def test_a_table_of_any_library_gives_the_same_pairs() -> None:
    rows = own_rows()
    frame = pl.DataFrame(rows)
    tables = [rows, frame, frame.lazy(), frame.to_arrow(), pd.DataFrame(rows), datasets.Dataset.from_list(rows)]
    ids = [pairsmith.make_pairs(table, NO_GUARDS).table["pair_id"].to_list() for table in tables]
    assert len(ids[0]) == 48
    assert all(other == ids[0] for other in ids)


@pytest.mark.slow
def test_scores_pass_from_a_bound_and_give_partial_credit() -> None:
    rows = [{key: value for key, value in row.items() if key != "passed"} for row in own_rows()]
    for number, row in enumerate(rows):
        row["score"] = [1.0, 0.75, 0.25, 0.0][number % 4]
    made = pairsmith.make_pairs(rows, {**NO_GUARDS, "policies": [{"name": "partial_credit"}]})
    assert set(made.table["rejected_share"]) == {0.0, 0.25, 0.75}
    rewards = [{**row, "score": 10 * row["score"] - 5} for row in rows]
    with pytest.raises(PairingError, match="scores range from -5 to 5: give passed_at"):
        pairsmith.make_pairs(rewards)
    assert len(pairsmith.make_pairs(rewards, NO_GUARDS, passed_at=5.0)) == 24


@pytest.mark.slow
def test_a_prompt_may_be_messages() -> None:
    rows = [
        {**row, "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": row["prompt"]}]}
        for row in own_rows()
    ]
    made = pairsmith.make_pairs(rows, NO_GUARDS)
    assert len(made) == 48
    assert made.table["prompt"][0][0]["content"].startswith("Count the")


@pytest.mark.slow
def test_equal_programs_with_both_labels_prove_nothing() -> None:
    rows = own_rows()
    twice = [*rows, {**rows[0], "passed": False}]
    assert pairsmith.make_pairs(twice, NO_GUARDS).dropped["label_conflict"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"passed": "yes"}, "column 'passed' is String"),
        ({"passed": None, "label": "right"}, "row 0: unknown label 'right'; known are passed, failed, undecided"),
        ({"completion": None}, "row 0: column 'completion' is empty"),
        ({"cause": "oops"}, "row 0: unknown cause 'oops'; known are "),
        ({"n_cases": "many"}, "column 'n_cases' is String, not Int64"),
        ({"n_cases": 1.0, "n_passed": 0.5}, "column 'n_passed' is Float64, not Int64"),
        ({"prompt": 3}, "column 'prompt' is Int64, not String"),
    ],
)
def test_a_table_with_what_is_no_verdict_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(PairingError, match=message):
        pairsmith.make_pairs([{**own_rows(1, 1)[0], **change}, {**own_rows(1, 1)[0], **change, "completion": "x"}])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_a_score_that_is_not_finite_is_refused(value: float | None) -> None:
    rows = [{"problem_id": "a", "prompt": "p", "completion": "x", "score": one} for one in (0.5, value)]
    with pytest.raises(PairingError, match="is not a finite number"):
        pairsmith.make_pairs(rows)


def test_what_the_api_does_not_know_is_refused_in_its_own_words() -> None:
    add = {"problem_id": "add", "entry_point": "add", "cases": [{"arguments": [1, 2], "expected": 3}]}
    other = {**add, "cases": [{"arguments": [1, 2], "expected": 4}]}
    api: Any = pairsmith
    refused: tuple[tuple[Callable[[], Any], type[Exception], str], ...] = (
        (lambda: api.Judge("dokcer"), ConfigError, "backend: Input should be 'auto', 'docker'"),
        (lambda: api.Judge("bubblewrap", workers=0), ConfigError, "workers: .* greater than or equal to 1"),
        (lambda: api.extract("x", add, form="anser"), api.PairsmithError, "form 'anser'; known are auto,"),
        (lambda: api.load_problems("humanevl"), ProblemsError, "humanevl: neither a benchmark .* 'humaneval'"),
        (lambda: api.load_problems("a/b", splt="x"), ConfigError, "splt: no such key; .* split"),
        (lambda: api.load_problems([add, other]), ProblemsError, "add: two different problems have this id"),
        (lambda: api.make_pairs("rows.parquet"), PairingError, "give a table or rows, not str"),
        (lambda: api.rewards.passed(completions=[3], problem=[add]), api.PairsmithError, "messages, not int"),
    )
    for work, error, message in refused:
        with pytest.raises(error, match=message):
            work()
    assert len(pairsmith.load_problems([add, dict(add)])) == 2


def test_a_candidate_with_both_labels_is_named() -> None:
    row = {**own_rows(1, 1)[0], "candidate_id": "c7"}
    with pytest.raises(PairingError, match="candidate c7 has both labels, failed and passed"):
        pairsmith.make_pairs([row, {**row, "passed": False}])
    with pytest.raises(PairingError, match="candidate c7 has 2 rows"):
        pairsmith.make_pairs([row, row])


def test_what_is_missing_in_a_table_is_named() -> None:
    with pytest.raises(PairingError, match="no column 'problem_id'; the columns are completion"):
        pairsmith.make_pairs([{"completion": "x"}])
    with pytest.raises(PairingError, match="none of the columns 'passed', 'label', 'score'"):
        pairsmith.make_pairs([{"task_id": "a", "completion": "x"}])
    with pytest.raises(PairingError, match="no column 'prompt'; add it, or give problems"):
        pairsmith.make_pairs([{"task_id": "a", "completion": "x", "passed": True}])
    with pytest.raises(PairingError, match="row 0: problem 'a' is not among the problems"):
        pairsmith.make_pairs([{"task_id": "a", "completion": "x", "passed": True}], problems="humaneval")
    with pytest.raises(ConfigError, match="max_per_problm: no such key; the nearest known one is max_per_problem"):
        pairsmith.make_pairs(own_rows(), {"max_per_problm": 3})


@pytest.mark.slow
def test_problems_give_prompts_and_entry_points() -> None:
    problems = [
        {
            "problem_id": f"p/{n}",
            "prompt": f"Count the {WORDS[n]} of market {n}.",
            "tests": f"assert f{n}(1) == {n}",
        }
        for n in range(8)
    ]
    rows = [
        {
            "problem_id": f"p/{n}",
            "completion": f"```python\ndef f{n}(x):\n    return {n} + {i}\n```",
            "passed": i == 0,
        }
        for n in range(8)
        for i in range(3)
    ]
    made = pairsmith.make_pairs(rows, NO_GUARDS, problems=problems)
    assert len(made) == 16
    assert "Count the" in made.table["prompt"][0][0]["content"]


def test_samples_of_unknown_problems_are_refused_before_anything_runs() -> None:
    class Broken:
        extraction = None

        def judge_programs(self, programs: Any) -> Any:
            return iter(list(programs))

    samples = [{"task_id": "HumanEval/x", "completion": text} for text in ("a", "b")]
    with pytest.raises(pairsmith.PairsmithError, match="2 samples of unknown problems: HumanEval/x"):
        score(samples, "humaneval", judge=Broken())  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_plain_script_reads_a_table_by_several_processes(tmp_path: Path) -> None:
    rows = [{**row, "completion": row["completion"] * (1 + number % 2)} for number, row in enumerate(own_rows())]
    pl.DataFrame([*rows, *rows[:3]]).write_parquet(tmp_path / "rows.parquet")
    script = tmp_path / "script.py"  # without a guard: nothing may run it again
    script.write_text(
        "import sys, polars as pl, pairsmith\nprint('once')\n"
        f"made = pairsmith.make_pairs(pl.read_parquet('rows.parquet'), {NO_GUARDS}, workers=int(sys.argv[1]))\n"
        "print(made.table.write_ndjson(), made.candidates.write_ndjson(), made.dropped)\n"
    )
    said = [
        subprocess.run(
            [sys.executable, str(script), n], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for n in ("1", "2")
    ]
    assert said[0] == said[1]
    assert said[0].count("once") == 1
    assert said[0].count("chosen_id") > 10


@pytest.mark.nightly
def test_a_large_table_becomes_pairs_in_seconds() -> None:
    rows = own_rows(1000, 100)
    start = time.perf_counter()
    made = pairsmith.make_pairs(rows, NO_GUARDS)
    assert len(made) > 3000
    assert time.perf_counter() - start < 300
