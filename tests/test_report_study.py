import re
from dataclasses import replace
from pathlib import Path

from pairsmith.pipeline.report.study import list_measures, render_study, write_study_report
from pairsmith.schemas.score import Gain, GateCheck, GateOutcome, Interval, SliceGain, StudyRow


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
    assert 'href="cells/shipped/own/dpo/report.html"' in page
    assert "is held back by the gate" in page
    assert "topic=strings" in page
    assert "disc: dpo; square: bonbon" in page
    assert not re.findall(r"<script|https?://(?!www\.w3\.org)", page)
    assert page == render_study("a <study>", rows)


def test_a_study_with_nothing_done_has_a_page_too() -> None:
    page = render_study("s", [StudyRow("a", "own", "dpo", "cells/a/own/dpo")])
    assert "0 of 1 cell done" in page
    assert "<svg" not in page


def test_the_table_shows_what_matters() -> None:
    assert list_measures(ROWS) == ["pass@1", "distinct_syntax"]
