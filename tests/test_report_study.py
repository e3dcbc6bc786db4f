import re
from dataclasses import replace
from pathlib import Path

from pairsmith.pipeline.report.study import (
    N_SHOWN,
    list_measures,
    render_study,
    write_study_report,
    write_synthesis_report,
)
from pairsmith.schemas.manifest import Manifest
from pairsmith.schemas.score import Gain, GateCheck, GateOutcome, Interval, SliceGain, StudyRow
from pairsmith.schemas.synthesis import ProblemCard


def gain(measure: str, before: float, after: float, is_significant: bool) -> Gain:
    change = after - before
    old, new, diff = (Interval(value, value - 0.05, value + 0.05) for value in (before, after, change))
    return Gain(measure, old, new, diff, is_significant)


def row(start: str, method: str, passed: float, distinct: float, is_significant: bool = True) -> StudyRow:
    gains = (
        gain("pass@1", 0.4, passed, is_significant),
        gain("distinct_syntax", 0.6, distinct, is_significant),
        gain("distinct_syntax@4", 2.5, 2.0, is_significant),
        gain("quality_style", 0.5, 0.5, False),
    )
    return StudyRow(start, "own", method, f"cells/{start}/own/{method}", gains=gains, n_pairs=12, n_steps=3)


ROWS = [
    row("shipped", "dpo", 0.5, 0.4),
    row("shipped", "bonbon", 0.46, 0.6, is_significant=False),
    row("tuned", "dpo", 0.3, 0.5),
    StudyRow("tuned", "own", "bonbon", "cells/tuned/own/bonbon", error="no pairs <b>at all</b>"),
]


def test_the_page_holds_table_figures_and_words_and_nothing_external(tmp_path: Path) -> None:
    check = GateCheck("pass@1", GateOutcome.FELL, Interval(-0.1, -0.2, -0.05), 0.0, "held-out pass@1 fell")
    part = SliceGain(
        "topic=strings", 9, (gain("pass@1", 0.5, 0.2, True), gain("distinct_syntax", 0.5, 0.5, False))
    )
    rows = [ROWS[0], ROWS[1], replace(ROWS[2], refusals=(check,), slices=(part,)), ROWS[3]]
    page = write_study_report(tmp_path, "a <study>", rows).read_text()
    assert "3 of 4 cells done" in page
    assert page.count("<svg ") == 1
    assert "a &lt;study&gt;" in page
    assert "no pairs &lt;b&gt;at all&lt;/b&gt;" in page
    assert '<a href="cells/shipped/own/dpo/report.html">shipped / own / dpo</a>' in page
    assert "is held back by the gate" in page
    assert "topic=strings" in page
    assert "<li>disc: dpo</li><li>square: bonbon</li>" in page
    assert page.count("tuned / own / dpo") == 3  # the gate, the table of cells, the table of parts
    assert not re.findall(r"<script|https?://(?!www\.w3\.org)", page)
    assert page == render_study("a <study>", rows)


def test_a_study_with_nothing_done_has_a_page_too() -> None:
    page = render_study("s", [StudyRow("a", "own", "dpo", "cells/a/own/dpo")])
    assert "0 of 1 cell done" in page
    assert "<svg" not in page


def test_the_table_shows_what_matters() -> None:
    assert list_measures(ROWS) == ["pass@1", "distinct_syntax"]


def test_the_page_of_a_synthesis_has_a_table_for_each_kind_of_reason(tmp_path: Path) -> None:
    def manifest(n_in: int, n_out: int, dropped: dict[str, int], counts: dict[str, int]) -> Manifest:
        return Manifest("stage", "0" * 16, n_in, n_out, dropped, counts, (), {})

    found = {
        "seeds": manifest(1100, 1098, {"file:encoding": 1, "too_short": 1}, {}),
        "tests": manifest(7, 7, {}, {}),
        "agreements": manifest(7, 7, {}, {"response.ok": 70, "response.late_or_broken": 3, "test.no_assert": 2}),
        "standings": manifest(70, 70, {}, {"standing.chosen": 29, "standing.undecided": 41}),
    }
    lost = ProblemCard("synthesis/add_all-0e48", "no_tests", "s", "a/seeds.py", 46, "", "", "", (), "easy", "")
    kept = replace(lost, problem_id="synthesis/kept-1", reason="", n_cases=7, pass_rate=0.7)
    kept = replace(kept, n_killed=5, n_mutants=6)
    write_synthesis_report(tmp_path / "report.html", "mine", found, [lost] * N_SHOWN + [kept])
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", (tmp_path / "report.html").read_text()))
    assert "pairsmith synthesis mine 1 of 41 problems kept." in text
    assert "seeds 1,100 1,098 1 file: encoding, 1 too short tests 7 7 – " in text
    assert "Problems left out Reason Problems no tests 40 " in text
    assert "Label or reason Responses undecided 41 chosen 29 late or broken 3 " in text
    assert "Tests left out Reason Tests no assert 2 " in text
    assert "kept-1 – 0.00 0 0 7 0.70 5 of 6 " in text
    assert "no tests 0.00 0 0 0 – – " in text  # nothing was measured without cases
    assert "40 of 41 problems are shown, kept ones first." in text
