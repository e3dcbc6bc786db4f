"""What a run says while it works: lines for files and dumb terminals, bars for others, a file for `status`."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from pairsmith.flows.runtime import reporting
from pairsmith.flows.runtime.reporting import PROGRESS, Reporter, duration
from pairsmith.flows.runtime.stages import log_failures
from pairsmith.pipeline.chain import table


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between lines."""
    monkeypatch.setattr(reporting, "_LINE_EVERY_S", 0.0)
    monkeypatch.setattr(reporting, "_FILE_EVERY_S", 0.0)


def work(console: Console) -> None:
    reporter = Reporter(console)
    with reporter.stage("candidates", 4, "samples") as one, reporter.stage("executions", 8, "programs") as other:
        one.advance(1)
        other.advance(2, "busy")
        one.advance(3)


@pytest.mark.parametrize("terminal", [{}, {"TERM": "dumb"}])
def test_lines_tell_rate_and_time_left(terminal: dict[str, str]) -> None:
    out = io.StringIO()
    work(Console(file=out, force_terminal=bool(terminal), _environ=terminal, width=120))
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("candidates             1 of 4 samples ")
    assert lines[0].endswith(" left")
    assert "/s busy, about" in lines[1]
    assert lines[-1].startswith("candidates             4 samples ")
    assert "\x1b" not in out.getvalue()


def test_a_terminal_shows_all_stages_at_once_and_keeps_the_ends() -> None:
    out = io.StringIO()
    work(Console(file=out, force_terminal=True, _environ={"TERM": "xterm-256color"}, width=120))
    shown = out.getvalue()
    assert "\x1b[" in shown
    assert shown.count("candidates") >= 2
    assert "left" in shown


def test_the_file_says_how_far_all_stages_are(tmp_path: Path) -> None:
    reporter = Reporter(Console(file=io.StringIO()))
    with reporter.published(tmp_path):
        with reporter.stage("candidates", 10, "samples") as one, reporter.stage("syntax", 20, "rows") as other:
            one.advance(5)
            other.advance(5)
            told = json.loads((tmp_path / PROGRESS).read_text())
            rows = {row["stage"]: row for row in told["stages"]}
        assert (rows["candidates"]["n_done"], rows["syntax"]["total"]) == (5, 20)
        assert rows["candidates"]["left_s"] > 0
    assert not (tmp_path / PROGRESS).exists()


def test_the_closing_line_says_where_the_samples_came_from() -> None:
    out = io.StringIO()
    reporter = Reporter(Console(file=out, width=120))
    with reporter.stage("candidates", 4, "samples") as bar:
        bar.advance(4)
        bar.origin = "1 drawn, 3 from the sample store"
    (line,) = out.getvalue().splitlines()
    assert line.startswith("candidates             4 samples ")
    assert line.endswith(" /s   1 drawn, 3 from the sample store")


def test_stages_are_aligned() -> None:
    assert max(len(stage.name) for stage in table.STAGES) == reporting.NAME_WIDTH


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    out = io.StringIO()
    reporter = Reporter(Console(file=out, width=120))
    with reporter.published(tmp_path / "gone"), reporter.stage("candidates", 1, "samples") as one:
        one.advance(1)
    assert out.getvalue().splitlines()[-1].startswith("candidates             1 samples ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0 s"), (119, "119 s"), (130, "2 min"), (7000, "117 min"), (11_100, "3 h 05 min")]
)
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(("n_cut", "is_told"), [(0, False), (10, False), (11, True), (100, True)])
def test_a_build_with_many_answers_cut_off_names_the_setting(
    n_cut: int, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = io.StringIO()
    monkeypatch.setattr(reporting, "_current", [Reporter(Console(file=text, width=200))])
    manifest = SimpleNamespace(counts={"finish.length": n_cut}, n_out=100, dropped={})
    chain: Any = SimpleNamespace(folder=lambda stage: SimpleNamespace(manifest=lambda: manifest))
    log_failures(chain)
    line = f"{n_cut} of 100 answers ({n_cut}%) were truncated by the token limit; raise sampling.max_tokens"
    assert text.getvalue() == (f"candidates  {line}\n" if is_told else "")
