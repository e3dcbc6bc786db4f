"""The report of a study: who gained, who degraded, what it cost; one self-contained HTML file."""

import math
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment
from markupsafe import Markup
from matplotlib.axes import Axes

from pairsmith.pipeline.report.page import page_environment
from pairsmith.pipeline.report.svg import FAILED, INK, MUTED, PASSED, PLAIN, UNDECIDED, Drawing, draw_svg
from pairsmith.pipeline.report.words import change, significance
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.score import Gain, Interval, StudyRow

COST = "distinct_syntax"
_TOLD = ("distinct_syntax", "distinct_behaviour", "distinct_passed", "efficiency", "quality")
_COLOURS = (PASSED, FAILED, PLAIN, UNDECIDED, INK)
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")


def write_study_report(study: Path, title: str, rows: Sequence[StudyRow]) -> Path:
    """Write `report.html` into a study's folder, and return where it is.

    Args:
        study: folder of the study.
        title: what it is called.
        rows: all cells, those that are not done included.

    Raises:
        FolderError: if it can't be written.
    """
    write_whole(study / "report.html", render_study(title, rows).encode("utf-8"))
    return study / "report.html"


def render_study(title: str, rows: Sequence[StudyRow]) -> str:
    """Return the report as HTML: no script, no external resource, the same text for the same rows."""
    done = [row for row in rows if row.gains]
    figures = {}
    if any(row.gain("pass@1") and row.gain(COST) for row in done):
        figures = {"changes": plot_changes(done), "paths": plot_paths(done)}
    return (
        _environment()
        .get_template("study.html.jinja")
        .render(
            title=title,
            rows=rows,
            done=done,
            measures=list_measures(done),
            figures={name: Markup(draw_svg(figure)) for name, figure in figures.items()},
            keys=_keys(rows),
            marks=_marks_in_words(rows),
            sentences=[sentence for start in _starts(rows) for sentence in conclude(start, rows)],
            slices=[
                (row, part) for row in done for part in row.slices if any(g.is_significant for g in part.gains)
            ],
        )
    )


def conclude(start: str, rows: Sequence[StudyRow]) -> list[str]:
    """Return in words what alignment did to one start: one sentence a cell, the gains first."""
    mine = [row for row in rows if row.start == start and row.gain("pass@1") is not None]
    ranked = sorted(mine, key=lambda row: -_value(row, "pass@1"))
    several = len({row.dataset for row in rows}) > 1
    sentences = []
    for row in ranked:
        gain, cost = row.gain("pass@1"), row.gain(COST)
        assert gain is not None
        verb = significance(gain) if gain.is_significant else "shows no difference"
        what = f"{start} by {row.method}" + (f" on {row.dataset}" if several else "")
        sentences.append(f"{what}: pass@1 {verb}, {change(gain.change)}; {_cost(cost)}.")
    return sentences


def _cost(cost: Gain | None) -> str:
    if cost is None:
        return "diversity was not measured"
    if not cost.is_significant:
        return f"diversity shows no difference, {change(cost.change)}"
    return f"the range of programs {'widened' if cost.change.value > 0 else 'narrowed'}, {change(cost.change)}"


def list_measures(rows: Sequence[StudyRow]) -> list[str]:
    """Return the measures of the table, of those that were measured: pass@k, diversity, speed and quality."""
    found = dict.fromkeys(gain.measure for row in rows for gain in row.gains)
    return [name for name in found if name in _TOLD or name.startswith(("pass@", "effective_syntax"))]


def plot_changes(rows: Sequence[StudyRow]) -> Drawing:
    """Return the change of pass@1 against that of diversity: a point a cell, its intervals as a cross."""
    marks, colours = _marks(rows), _start_colours(rows)

    def paint(axes: Axes) -> None:
        axes.axhline(0.0, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.axvline(0.0, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        for row in rows:
            gain, cost = row.gain("pass@1"), row.gain(COST)
            if gain is None or cost is None:
                continue
            colour = colours[row.start]
            x, y = cost.change, gain.change
            axes.hlines(y.value, x.low, x.high, color=colour, linewidth=1.4, alpha=0.6)
            axes.vlines(x.value, y.low, y.high, color=colour, linewidth=1.4, alpha=0.6)
            axes.scatter([x.value], [y.value], color=colour, marker=marks[row.method, row.dataset], s=54, zorder=3)
        axes.set_xlabel("change of distinct programs (share)")
        axes.set_ylabel("change of pass@1")
        axes.grid(visible=True)

    return Drawing(paint, 3.6, "changes", "Change of pass@1 against change of diversity, with intervals")


def plot_paths(rows: Sequence[StudyRow]) -> Drawing:
    """Return where each start stands, and where alignment led it: diversity across, pass@1 upwards."""
    marks, colours = _marks(rows), _start_colours(rows)

    def paint(axes: Axes) -> None:
        for row in rows:
            gain, cost = row.gain("pass@1"), row.gain(COST)
            if gain is None or cost is None:
                continue
            colour = colours[row.start]
            start, end = (cost.before.value, gain.before.value), (cost.after.value, gain.after.value)
            axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.3})
            _cross(axes, cost.before, gain.before, colour, 0.25)
            axes.scatter([end[0]], [end[1]], color=colour, marker=marks[row.method, row.dataset], s=54, zorder=3)
            axes.scatter(
                [start[0]], [start[1]], facecolors="none", edgecolors=colour, s=70, linewidths=1.8, zorder=3
            )
        axes.set_xlabel("distinct programs (share)")
        axes.set_ylabel("pass@1")
        axes.margins(0.12)
        axes.grid(visible=True)

    return Drawing(paint, 3.6, "paths", "Paths from each start to its aligned models: diversity and pass@1")


def _cross(axes: Axes, x: Interval, y: Interval, colour: str, alpha: float) -> None:
    axes.hlines(y.value, x.low, x.high, color=colour, linewidth=1.2, alpha=alpha)
    axes.vlines(x.value, y.low, y.high, color=colour, linewidth=1.2, alpha=alpha)


def _starts(rows: Sequence[StudyRow]) -> list[str]:
    return list(dict.fromkeys(row.start for row in rows))


def _start_colours(rows: Sequence[StudyRow]) -> dict[str, str]:
    return {start: _COLOURS[place % len(_COLOURS)] for place, start in enumerate(_starts(rows))}


def _marks(rows: Sequence[StudyRow]) -> dict[tuple[str, str], str]:
    kinds = dict.fromkeys((row.method, row.dataset) for row in rows)
    return {kind: _MARKS[place % len(_MARKS)] for place, kind in enumerate(kinds)}


_KEYS = {PASSED: "passed", FAILED: "failed", PLAIN: "plain", UNDECIDED: "undecided", INK: "ink"}
_SHAPES = {
    "o": "disc", "s": "square", "^": "triangle", "D": "diamond", "v": "triangle down", "P": "plus", "X": "cross",
    "*": "star",
}  # fmt: skip


def _keys(rows: Sequence[StudyRow]) -> list[tuple[str, str]]:
    """Return the class of each start's colour, with its name."""
    return [(_KEYS[colour], start) for start, colour in _start_colours(rows).items()]


def _marks_in_words(rows: Sequence[StudyRow]) -> list[str]:
    several = len({row.dataset for row in rows}) > 1
    return [
        f"{_SHAPES[mark]}: {method}" + (f" on {dataset}" if several else "")
        for (method, dataset), mark in _marks(rows).items()
    ]


def _value(row: StudyRow, measure: str) -> float:
    gain = row.gain(measure)
    return gain.change.value if gain is not None and math.isfinite(gain.change.value) else -math.inf


def _environment() -> Environment:
    environment = page_environment()
    environment.filters["address"] = quote
    return environment
