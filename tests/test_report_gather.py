import json
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pyarrow.parquet as pq
import pytest

from pairsmith.pipeline.chain.table import stored_stages
from pairsmith.pipeline.problems.records import DroppedProblem, DropReason, LoadedProblems
from pairsmith.pipeline.problems.stage import place_problems
from pairsmith.pipeline.report.facts import ReportError
from pairsmith.pipeline.report.gather import gather_run
from pairsmith.pipeline.report.page import render_page
from pairsmith.schemas.arrow import from_table
from pairsmith.schemas.candidate import Extraction, Program, Syntax
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Cause, Label, Verdict
from tests.report_run import NAMES, make_problem, make_run, training_steps, write_pairs, write_stage

T = TypeVar("T")


def rows(folder: Path, record: type[T]) -> list[T]:
    return [row for path in sorted(folder.glob("*.parquet")) for row in from_table(pq.read_table(path), record)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "demo")


def test_outcomes_are_those_of_the_verdicts(run: Path) -> None:
    verdicts = rows(run / "verdicts", Verdict)
    expected = Counter((verdict.label.value, verdict.cause.value) for verdict in verdicts)
    facts = gather_run(run)
    assert {(outcome.label, outcome.cause): outcome.n for outcome in facts.outcomes} == expected
    labels = [outcome.label for outcome in facts.outcomes]
    assert labels == sorted(labels, key=["passed", "failed", "undecided"].index)
    assert facts.n_undecided == facts.n_faults == 2


def test_problems_are_those_of_the_verdicts(run: Path) -> None:
    verdicts = rows(run / "verdicts", Verdict)
    facts = gather_run(run)
    assert [problem.problem_id for problem in facts.problems] == sorted(f"starter/{name}" for name in NAMES)
    for problem in facts.problems:
        labels = Counter(v.label for v in verdicts if v.problem_id == problem.problem_id)
        causes = Counter(
            v.cause.value for v in verdicts if v.problem_id == problem.problem_id and v.label is Label.FAILED
        )
        assert problem.n_passed == labels[Label.PASSED]
        assert problem.n_decided == labels[Label.PASSED] + labels[Label.FAILED]
        assert problem.n_undecided == labels[Label.UNDECIDED]
        assert causes[problem.main_cause] == max(causes.values(), default=0)


def test_funnel_of_candidates_counts_each_part(run: Path) -> None:
    verdicts = rows(run / "verdicts", Verdict)
    unrun = {p.candidate_id for p in rows(run / "programs", Program) if p.extraction is not Extraction.OK}
    repeats = {row.candidate_id for row in rows(run / "syntax", Syntax) if row.duplicate_of}
    pairs = rows(run / "pairs", Pair)
    paired = {pair.chosen_id for pair in pairs} | {pair.rejected_id for pair in pairs}
    drawn, decided, distinct, used = gather_run(run).candidate_steps
    assert drawn.n == len(verdicts)
    assert drawn.failed_unrun == len(unrun)
    assert decided.n == sum(verdict.label is not Label.UNDECIDED for verdict in verdicts)
    assert distinct.n == sum(v.label is not Label.UNDECIDED and v.candidate_id not in repeats for v in verdicts)
    assert used.n == len(paired)
    assert used.passed == len({pair.chosen_id for pair in pairs})
    assert used.undecided == 0


def test_pairs_are_those_of_the_table(run: Path) -> None:
    pairs = rows(run / "pairs", Pair)
    facts = gather_run(run).pairs
    assert facts is not None
    assert (facts.n_train, facts.n_test) == (
        sum(pair.split == "train" for pair in pairs),
        sum(pair.split == "test" for pair in pairs),
    )
    assert facts.n == len(pairs)
    assert {count.n_lines: count.n_chosen for count in facts.lengths if count.n_chosen} == Counter(
        pair.chosen_n_lines for pair in pairs
    )
    assert facts.medians == (
        statistics.median(pair.chosen_n_lines for pair in pairs),
        statistics.median(pair.rejected_n_lines for pair in pairs),
    )
    for tag in facts.tags:
        assert tag.chosen == sum(tag.tag in pair.chosen_tags.split() for pair in pairs) / len(pairs)
        assert tag.rejected == sum(tag.tag in pair.rejected_tags.split() for pair in pairs) / len(pairs)
    gaps = [abs(tag.chosen - tag.rejected) for tag in facts.tags]
    assert gaps == sorted(gaps, reverse=True)


def test_examples_are_of_different_problems_and_causes(run: Path) -> None:
    facts = gather_run(run).pairs
    assert facts is not None
    assert len({example["problem_id"] for example in facts.examples}) == len(facts.examples) == 4
    assert len({example["rejected_cause"] for example in facts.examples}) == 4


def test_example_without_code_shows_the_whole_answer(run: Path, tmp_path: Path) -> None:
    pair = rows(run / "pairs", Pair)[0]
    copy = tmp_path / "run"
    write_pairs(copy, [replace(pair, rejected_code="", rejected_cause="no_code")])
    facts = gather_run(copy).pairs
    assert facts is not None
    assert facts.examples[0]["rejected_code"] == pair.rejected[-1].content


def test_stages_that_are_not_done_are_not_read(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", n=2)
    for stage in stored_stages()[4:]:
        (run / stage / "manifest.json").unlink(missing_ok=True)  # the run asked no judge
    facts = gather_run(run)
    assert [stage.stage for stage in facts.stages] == list(stored_stages()[:4])
    assert facts.outcomes == ()
    assert facts.pairs is None


def test_files_that_no_manifest_names_are_not_read(run: Path, tmp_path: Path) -> None:
    pair = rows(run / "pairs", Pair)[0]
    copy = tmp_path / "run"
    write_pairs(copy, [pair])
    stray = (copy / "pairs" / f"{pair.split}-00000.parquet").read_bytes()
    (copy / "pairs" / "train-00007.parquet").write_bytes(stray)
    facts = gather_run(copy).pairs
    assert facts is not None
    assert facts.n == 1


def test_no_pairs_is_a_finding(tmp_path: Path) -> None:
    write_pairs(tmp_path / "run", [])
    facts = gather_run(tmp_path / "run").pairs
    assert facts is not None
    assert (facts.n, facts.n_problems, facts.tags, facts.examples) == (0, 0, (), ())


def test_training_that_was_killed_shows_its_whole_lines(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", n=2)
    (run / "training" / "summary.json").unlink()
    log = run / "training" / "log.jsonl"
    log.write_text(log.read_text()[:-30])
    training = gather_run(run).training
    assert training is not None
    assert training.summary is None
    assert training.steps == tuple(training_steps()[:-1])


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("pairs/manifest.json", "{", "pairs/manifest.json: .*run the build again"),
        ("pairs/manifest.json", "[]", "pairs/manifest.json: .*run the build again"),
        ("pairs/train-00000.parquet", "no table", "a table can't be read"),
        ("training/summary.json", "{}", "summary.json: method: Field required"),
        ("evaluation/before/score.json", '{"name": 1}', "score.json: not a score: name: "),
        ("evaluation/gains.json", "[1]", "gains.json: not a list of gains: 0"),
    ],
)
def test_broken_file_is_named(tmp_path: Path, path: str, content: str, message: str) -> None:
    run = make_run(tmp_path / "run", n=1)
    (run / path).write_text(content)
    with pytest.raises(ReportError, match=message) as caught:
        gather_run(run)
    assert "\n" not in str(caught.value)


def test_broken_line_of_the_log_is_named_by_number(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", n=1)
    (run / "training" / "summary.json").unlink()
    log = run / "training" / "log.jsonl"
    lines = log.read_text().splitlines()
    lines[4] = json.dumps({"step": 5})
    log.write_text("\n".join(lines) + "\n")
    with pytest.raises(ReportError, match=r"log.jsonl:5: loss: Field required"):
        gather_run(run)


def test_missing_file_of_a_manifest_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", n=1)
    (run / "verdicts" / "part-00000.parquet").unlink()
    with pytest.raises(ReportError, match=r"verdicts/part-00000.parquet"):
        gather_run(run)


def test_folder_that_is_none_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no such run folder"):
        gather_run(tmp_path / "nowhere")
    with pytest.raises(ReportError, match="no finished stage"):
        gather_run(tmp_path)


def test_stage_without_a_shard_is_empty(tmp_path: Path) -> None:
    write_stage(tmp_path, "verdicts", [], Verdict)
    manifest = json.loads((tmp_path / "verdicts" / "manifest.json").read_text())
    (tmp_path / "verdicts" / "manifest.json").write_text(json.dumps(manifest | {"files": []}))
    assert gather_run(tmp_path).outcomes == ()


def test_suspect_tests_are_named_with_their_error(tmp_path: Path) -> None:
    error = "NameError in the test code"
    rows = [
        Verdict(f"c{n}", problem_id, Label.UNDECIDED, cause, detail, 0, 0, (), "s")
        for n, (problem_id, cause, detail) in enumerate(
            [("p/2", Cause.SUSPECT_TEST, error), ("p/2", Cause.SUSPECT_TEST, error), ("p/1", Cause.NO_CASES, "")]
        )
    ]
    write_stage(tmp_path, "verdicts", rows, Verdict)
    found = gather_run(tmp_path).undecided
    assert [(row.cause, row.detail, row.n, row.problem_ids) for row in found] == [
        ("suspect_test", error, 2, ("p/2",)),
        ("no_cases", "", 1, ("p/1",)),
    ]


def failed(n: int, cause: Cause, passed: str, detail: str = "", signature: str = "") -> Verdict:
    cases = tuple(mark == "x" for mark in passed)
    key = signature or f"s{n}"
    return Verdict(f"c{n}", "p/1", Label.FAILED, cause, detail, len(cases), sum(cases), cases, key)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [failed(n, Cause.NO_CODE, "....") for n in range(4)],
            ("mostly no code: the prompt or `sampling.max_tokens` may not fit the model", "4 failed"),
        ),
        (
            [failed(n, Cause.TIMEOUT, "x...") for n in range(4)],
            ("mostly timeout: too hard, or the limits of `sandbox` are too small", "4 failed"),
        ),
        (
            [failed(n, Cause.EXCEPTION, "....", "NameError") for n in range(3)],
            ("suspect test, or a name that the prompt doesn't give: all fail alike", "NameError"),
        ),
        (
            [failed(n, Cause.WRONG_VALUE, "xx..", signature="s") for n in range(3)],
            ("suspect test: different programs agree on other answers", "3 of 3 programs"),
        ),
        (
            [failed(n, Cause.WRONG_VALUE, "xxx.") for n in range(3)],
            ("suspect test, or something the prompt doesn't say: no program passes some cases", "case 4 of 4"),
        ),
        ([failed(n, Cause.WRONG_VALUE, "x...") for n in range(3)], ("likely too hard", "best 1 of 4 cases")),
        (
            [failed(1, Cause.WRONG_VALUE, "xxx."), failed(2, Cause.WRONG_VALUE, "...x")],
            ("nearly solved: each case is passed by some program", "best 3 of 4 cases"),
        ),
    ],
)  # fmt: skip
def test_a_problem_that_nobody_solves_has_its_likeliest_reason(
    rows: list[Verdict], said: tuple[str, str], tmp_path: Path
) -> None:
    write_stage(tmp_path, "verdicts", rows, Verdict)
    [row] = gather_run(tmp_path).weak
    assert (row.reason, row.problems) == (said[0], (("p/1", said[1]),))


def test_a_repeated_program_makes_no_test_suspect(run: Path, tmp_path: Path) -> None:
    rows = [failed(n, Cause.WRONG_VALUE, "x...", signature="s") for n in range(3)]
    write_stage(tmp_path, "verdicts", rows, Verdict)
    one = from_table(pq.read_table(next((run / "syntax").glob("*.parquet"))), Syntax)[0]
    syntax = [replace(one, candidate_id=f"c{n}", duplicate_of="c0" if n else "") for n in range(3)]
    write_stage(tmp_path, "syntax", syntax, Syntax)
    assert [row.reason for row in gather_run(tmp_path).weak] == ["likely too hard"]


def test_problems_with_the_same_reason_are_one_row(tmp_path: Path) -> None:
    rows = [
        replace(failed(n, Cause.WRONG_VALUE, "x..."), problem_id=f"p/{n % 2}", candidate_id=f"c{n}")
        for n in range(6)
    ]
    passed = replace(rows[0], label=Label.PASSED, cause=Cause.NONE, problem_id="p/2", candidate_id="c6")
    write_stage(tmp_path, "verdicts", [*rows, passed, replace(rows[0], problem_id="p/2")], Verdict)
    detail = "best 1 of 4 cases"
    assert [(row.reason, row.problems) for row in gather_run(tmp_path).weak] == [
        ("likely too hard", (("p/0", detail), ("p/1", detail))),
        ("mostly wrong value", (("p/2", "1 of 2 passed"),)),
    ]


def test_problems_that_are_not_in_the_run_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", n=1)
    kept, gone = make_problem("kept", 0), make_problem("gone", 1)
    drops = (
        DroppedProblem("own.jsonl:3", DropReason.BAD_TESTS, "tests are not Python"),
        DroppedProblem("p/9", DropReason.OVER_LIMIT, "after the first 2"),
    )
    place_problems(run, {"part-00000.parquet": LoadedProblems((kept, gone), dropped=drops)})
    write_stage(run, "problems", [kept], Problem)
    assert [(one.where, one.reason) for one in gather_run(run).left_out] == [
        ("own.jsonl:3", "bad_tests"),
        (gone.problem_id, "reference_failed"),
    ]
    page = render_page(gather_run(run))
    assert "<b>own.jsonl:3</b>: tests are not Python" in page
    assert "| problems left out | 2 |" in page


@pytest.mark.slow
def test_reading_a_run_loads_no_library_that_fits_models() -> None:
    script = (
        "import sys, pairsmith.pipeline.report, pairsmith.pipeline.report.terminal, pairsmith.pipeline.viewer\n"
        "print(sorted({'sklearn', 'pandas', 'scipy', 'torch', 'prefect'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
