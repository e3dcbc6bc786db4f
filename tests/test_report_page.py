import json
import math
import re
import shutil
import time
from collections import Counter
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pairsmith.pipeline.chain.table import stored_stages
from pairsmith.pipeline.evaluation.gate import check_gate, model_digest, write_gate
from pairsmith.pipeline.evaluation.score import gains_from_json, scores_to_json
from pairsmith.pipeline.pairing.export import REPORT
from pairsmith.pipeline.report.page import write_report
from pairsmith.pipeline.report.tables import summary_lines
from pairsmith.pipeline.run.folder import FolderError
from pairsmith.pipeline.training.progress import load_summary
from pairsmith.schemas.arrow import from_table
from pairsmith.schemas.config import GateConfig
from pairsmith.schemas.manifest import DropCount, LeakRow, Manifest, NamedCount, PairingReport, WeakProblem
from pairsmith.schemas.pair import Message, Pair
from pairsmith.schemas.score import Gain, Interval, SliceGain
from pairsmith.schemas.verdict import Label, Verdict
from tests.report_run import (
    make_run,
    make_score,
    training_steps,
    write_evaluation,
    write_pairs,
    write_stage,
    write_training,
)

pytestmark = pytest.mark.slow

VOID = {"meta", "br", "wbr", "hr"}
ATTACKS = [
    "</pre></script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\x1b[31mred\x1b]8;;http://evil.example\x07",
    "user\u202etxt.exe\u2066",
    "{{ facts }}{% raw %}",
    "&lt;script&gt; \"quoted\" 'single'",
    "\x00\x08\u2028\ufeff",
]

STAGES = stored_stages()


class Page(HTMLParser):
    """Elements, attributes and text of a page, and whether every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.texts))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "demo")


@pytest.fixture(scope="module")
def html(run: Path) -> str:
    return write_report(run).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pairs(run: Path) -> list[Pair]:
    files = sorted((run / "pairs").glob("*.parquet"))
    return [pair for file in files for pair in from_table(pq.read_table(file), Pair)]


def test_page_stands_alone(html: str) -> None:
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert page.open == []
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", html)
    assert "default-src 'none'" in html
    known = {"script", "link", "iframe", "img", "object", "embed", "form", "base", "a", "image"}
    assert not known & page.tags.keys()
    assert not [entry for entry in page.attributes if entry[1].startswith("on") or entry[1] == "src"]
    assert all(value.startswith("#") for _, name, value in page.attributes if name == "href")


def test_ids_are_unique_and_figures_are_described(html: str) -> None:
    page = Page(html)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    described = [value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"]
    assert page.tags["svg"] == page.tags["figure"] == page.tags["figcaption"] == len(set(described)) == 10
    assert page.tags["h1"] == 1


def test_numbers_are_those_of_the_tables(run: Path, html: str, pairs: list[Pair]) -> None:
    verdicts = from_table(pq.read_table(run / "verdicts" / "part-00000.parquet"), Verdict)
    labels = Counter(verdict.label for verdict in verdicts)
    n_decided = labels[Label.PASSED] + labels[Label.FAILED]
    n_test = sum(pair.split == "test" for pair in pairs)
    text = Page(html).text
    assert f"{len(pairs)} pairs from {len(verdicts)} candidates of 40 problems." in text
    assert f"{len(pairs) - n_test} train, {n_test} test" in text
    assert f"{labels[Label.PASSED]} of {n_decided} decided" in text
    assert f"{labels[Label.PASSED]} ({labels[Label.PASSED] / len(verdicts):.0%})" in text
    assert "2 candidates undecided, 2 of them because the sandbox broke" in text
    assert f"| passed, of decided candidates | {labels[Label.PASSED] / n_decided:.0%}" in text
    assert "1 pair too long" in text
    assert "duplicate: the same program, up to names, as another one4 candidates" in text
    assert "over problem cap: the problem already has its maximum of pairs31 pairs" in text
    assert "0.34 → 0.46+0.12 (+0.05 to +0.19)" in text
    assert "0.71 → 0.59−0.12 (−0.19 to −0.05)" in text
    assert "Training raised pass@1 on held-out problems; the range of programs narrowed." in text
    assert "The first loss is 0.6931" in text


def test_same_run_same_bytes_wherever_it_lies(html: str, tmp_path: Path) -> None:
    again = write_report(make_run(tmp_path / "elsewhere" / "demo"), tmp_path / "again.html")
    assert again.read_text(encoding="utf-8") == html


def test_hostile_text_stays_text(tmp_path: Path, pairs: list[Pair]) -> None:
    run = tmp_path / "demo<script>"
    hostile = [
        replace(
            pairs[place],
            problem_id=f"{attack}/{place}",
            chosen_code=f"def f():\n    {attack}",
            rejected_code="",
            rejected=(Message("assistant", attack),),
            rejected_cause=attack,
            rejected_detail=attack,
            chosen_tags=attack,
        )
        for place, attack in enumerate(ATTACKS)
    ]
    for start in (0, 4):  # four examples a page
        write_pairs(run, hostile[start : start + 4], {"<b>reason</b>": 1})
        write_training(run, n_steps=1)
        write_evaluation(run, before=make_score("<i>before</i>", 0.0))
        html = write_report(run).read_text(encoding="utf-8")
        page = Page(html)
        assert page.open == []
        assert not {"script", "img", "i"} & page.tags.keys()
        assert not [entry for entry in page.attributes if entry[1].startswith("on")]
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028\ufeff]", html)
        assert "<b>reason" not in html
    assert "⟨U+0000⟩⟨U+0008⟩⟨U+2028⟩⟨U+FEFF⟩" in page.text
    assert "{{ facts }}{% raw %}" in page.text


def test_huge_program_is_cut(tmp_path: Path, pairs: list[Pair]) -> None:
    run = tmp_path / "demo"
    write_pairs(run, [replace(pairs[0], chosen_code="x = 1\n" * 2_000_000, rejected_code="y" * 10_000_000)])
    start = time.perf_counter()
    out = write_report(run)
    assert out.stat().st_size < 200_000
    assert "more characters" in out.read_text(encoding="utf-8")
    assert time.perf_counter() - start < 30


@pytest.mark.parametrize("n_stages", range(1, len(STAGES) + 1))
def test_page_shows_the_stages_that_are_done(tmp_path: Path, n_stages: int) -> None:
    run = make_run(tmp_path / "demo", n=4)
    for stage in STAGES[n_stages:]:
        (run / stage / "manifest.json").unlink(missing_ok=True)  # a run need not have asked a judge
    for left in ("training", "evaluation"):
        (run / left).rename(tmp_path / left)
    text = Page(write_report(run).read_text(encoding="utf-8")).text
    assert ("Nothing judged yet" in text) == (n_stages < STAGES.index("verdicts") + 1)
    assert ("Weakest problems" in text) == (n_stages >= STAGES.index("verdicts") + 1)
    assert ("Example pairs" in text) == (n_stages >= STAGES.index("pairs") + 1)
    assert "Training" not in text
    assert "Before and after" not in text


def test_page_of_no_pairs(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo", n=4)
    write_pairs(run, [])
    text = Page(write_report(run).read_text(encoding="utf-8")).text
    assert "0 pairs from 160 candidates of 40 problems." in text
    assert "Example pairs" not in text


def test_page_of_a_mixture_has_the_loss_of_each_dataset(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo", n=4)
    write_training(run, n_steps=10, datasets=("own", "theirs"))
    text = Page(write_report(run).read_text(encoding="utf-8")).text
    assert re.search(r"By dataset.*own\s*10\s*0\.50\s*0\.50\s*0\.25\s*theirs\s*10\s*1\.50", text, re.DOTALL)
    summary = load_summary(run / "training")
    assert summary is not None
    assert summary_lines(summary)[-1] == "theirs      loss 1.500 to 1.500, accuracy 0.25, in 10 of 10 steps"


def test_page_of_a_score_before_training_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo", n=4)
    (run / "evaluation" / "gains.json").unlink()
    (run / "evaluation" / "after" / "score.json").unlink()
    text = Page(write_report(run).read_text(encoding="utf-8")).text
    assert "Score before training" in text
    assert "pass@1 on held-out problems, before0.34" in text
    assert "What training changed" not in text


def test_measures_of_nothing_are_dashes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo", n=2)
    nothing = Interval(math.nan, math.nan, math.nan)
    write_evaluation(run, before=replace(make_score("before", 0.0), distinct_passed=nothing))
    steps = [replace(step, loss=math.nan, chosen_logprob=-math.inf) for step in training_steps()]
    (run / "training" / "summary.json").unlink()
    (run / "training" / "log.jsonl").write_text("".join(json.dumps(asdict(step)) + "\n" for step in steps))
    text = Page(write_report(run).read_text(encoding="utf-8")).text
    assert "Distinct among passednothing to measure––0.50" in text
    assert "nan" not in text


def test_undecided_candidates_of_the_evaluation_are_told(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo", n=2, n_faults=0)
    write_evaluation(run, before=replace(make_score("before", 0.0), n_undecided=3))
    text = Page(write_report(run).read_text(encoding="utf-8")).text
    assert "3 candidates of the evaluation before training undecided, of 80" in text
    assert "because the sandbox broke" not in text


def test_ungraded_problems_have_no_table_of_levels(tmp_path: Path, run: Path) -> None:
    bare = tmp_path / "demo"
    write_stage(
        bare, "verdicts", from_table(pq.read_table(run / "verdicts" / "part-00000.parquet"), Verdict), Verdict
    )
    text = Page(write_report(bare).read_text(encoding="utf-8")).text
    assert "Weakest problems" in text
    assert "Mean by level" not in text


def test_report_replaces_the_old_one_and_leaves_nothing_beside(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo", n=1)
    out = tmp_path / "new" / "folder" / "report.html"
    assert write_report(run, out) == write_report(run, out) == out
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_report_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo", n=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match=r"report\.html") as caught:
        write_report(run, tmp_path / "file" / "report.html")
    assert "\n" not in str(caught.value)


def test_tests_beside_the_candidate_are_marked(run: Path, html: str, tmp_path: Path) -> None:
    assert "in process" not in html
    marked = tmp_path / run.name
    shutil.copytree(run, marked)
    manifest = marked / "problems" / "manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"counts": told["counts"] | {"judged_by.in_process": 2}}))
    assert "2 problems are judged <b>in process</b>" in write_report(marked).read_text(encoding="utf-8")


PAIRING = PairingReport(
    n_candidates=160, n_train=20, n_test=5, n_problems=9, drops=(DropCount("tie", "candidate", 3),),
    policies=(NamedCount("passed_over_failed", 25),), rejects=(NamedCount("wrong_value", 25),), n_trivial=1,
    n_hard=4, leaks=(LeakRow("train", "length", 0.7, 0.65, 0.55, None),), n_approaches_before=30,
    n_approaches_after=24, standings=(NamedCount("confirmed", 50),),
    weak=(WeakProblem("p/</td>", 4, 2, 0.5, ("[1]", "[2]")),), n_mutants=10, n_killed=7,
)  # fmt: skip


def test_page_shows_how_the_pairs_were_made(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo", n=4)
    (run / "pairing.json").write_bytes(REPORT.dump_json(PAIRING))
    text = Page(write_report(run).read_text(encoding="utf-8")).text
    for said in (
        "24 of 30 right approaches",
        "0.700 → 0.550",
        "p/</td>",
        "50 confirmed",
    ):
        assert said in text, said
    assert "70% of 10 small mistakes" in text


def test_parts_further_sets_and_the_gate_are_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    flat = Interval(0.5, 0.4, 0.6)
    fall = Gain("pass@1", flat, flat, Interval(-0.25, -0.4, -0.1), True)
    evaluation = run / "evaluation"
    (evaluation / "slices.json").write_text(scores_to_json((SliceGain("topic=<b>", 9, (fall,)),)))
    (evaluation / "sets" / "mbpp+").mkdir(parents=True)
    (evaluation / "sets" / "mbpp+" / "gains.json").write_text(
        scores_to_json((replace(fall, measure="effective_syntax"),))
    )
    write_gate(run, check_gate([fall], {}, {}, GateConfig(), model_digest(run)))
    page = write_report(run).read_text()
    assert "topic=&lt;b&gt;" in page
    assert "−0.25<small>−0.40 to −0.10</small>" in page
    for words in (
        "<h2>mbpp+</h2>",
        "Effective programs",
        "holds this model and its dataset back (pass@1)",
    ):
        assert words in page


def test_measures_without_a_figure_have_their_own_table(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo", n=2)
    assert "Further measures" not in Page(write_report(run).read_text(encoding="utf-8")).text
    path = run / "evaluation" / "gains.json"
    gains = gains_from_json(path.read_text(encoding="utf-8"))
    path.write_text(scores_to_json((*gains, replace(gains[0], measure="quality_style"))), encoding="utf-8")
    main, _, more = Page(write_report(run).read_text(encoding="utf-8")).text.partition("Further measures")
    assert "Quality: style" in more
    assert "Quality: style" not in main


def test_page_says_how_many_programs_each_rule_merges(tmp_path: Path) -> None:
    run = make_run(tmp_path / "demo", n=4)
    path = run / "syntax" / "manifest.json"
    manifest = Manifest.from_json(path.read_text(encoding="utf-8"))
    counts = {"duplicate.exact": 12, "duplicate.plain": 3, "duplicate.renamed": 1234, "parsed": 99}
    path.write_text(replace(manifest, n_out=2000, counts=counts).to_json(), encoding="utf-8")
    page = Page(write_report(run).read_text(encoding="utf-8")).text
    assert "2,000 programs, of which 99 parse. Duplicates within a problem: 12 token for token, 3 up to" in page
    assert "1,234 up to local names." in page
