"""The page over all rounds: what each gained, what it cost, what is gone, and what to do next."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes

from pairsmith.pipeline.evaluation.rounds import pass_gain
from pairsmith.pipeline.report.page import page_environment
from pairsmith.pipeline.report.study import COST, list_measures
from pairsmith.pipeline.report.svg import INK, PASSED, PLAIN, Drawing, draw_svg
from pairsmith.pipeline.report.words import change, excerpt, significance, spoken
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.score import Gain, Interval, RoundRow, RoundsResult

_LINES = (PASSED, PLAIN, INK)
N_LOST = 24  # programs that are shown


def write_rounds_report(rounds: Path, result: RoundsResult) -> Path:
    """Write `report.html` into the folder of rounds, and return where it is.

    Raises:
        FolderError: if it can't be written.
    """
    path = rounds / "report.html"
    write_whole(path, render_rounds(rounds.name, result).encode("utf-8"))
    return path


def render_rounds(title: str, result: RoundsResult) -> str:
    """Return the page as HTML: no script, no external resource, the same text for the same rounds."""
    done = [row for row in result.rows if row.gains]
    figures = {}
    if done:
        figures["passes"] = plot_passes(done)
    if any(pass_gain(row.gains) and row.gain(_cost(done)) for row in done):
        figures["path"] = plot_path(done)
    return (
        page_environment()
        .get_template("rounds.html.jinja")
        .render(
            title=title,
            rows=result.rows,
            done=done,
            recommended=result.recommended,
            measures=list_measures([*done]),
            figures={name: Markup(draw_svg(figure)) for name, figure in figures.items()},
            sentences=conclude(result),
            n_lost=N_LOST,
            excerpt=excerpt,
            slices=[
                (row, part) for row in done for part in row.slices if any(g.is_significant for g in part.gains)
            ],
        )
    )


def conclude(result: RoundsResult) -> list[str]:
    """Return in words what happened, and what to do next."""
    sentences = []
    for row in result.rows:
        gain, cost = pass_gain(row.gains), row.gain(_cost([row]))
        if gain is None:
            sentences.append(f"Round {row.number} was not scored: {row.stop or 'it is not done yet'}.")
            continue
        told = f"Round {row.number}: {gain.measure} {_moved(gain)} against the start"
        told += f"; diversity {_moved(cost)}" if cost is not None else ""
        told += f"; {len(row.lost)} right approaches of the start are gone" if row.lost else ""
        sentences.append(f"{told}.")
    last = result.rows[-1] if result.rows else None
    if last is not None and last.stop and last.gains:
        sentences.append(f"No further round: {last.stop}.")
    if result.recommended is not None:
        sentences.append(_advice(result))
    return sentences


def _moved(gain: Gain) -> str:
    return (
        f"{significance(gain)}, {change(gain.change)}"
        if gain.is_significant
        else f"shows no difference, {change(gain.change)}"
    )


def _advice(result: RoundsResult) -> str:
    number = result.recommended
    held = [row.number for row in result.rows if row.refusals]
    back = f" Held back by the gate: round {', '.join(map(str, held))}." if held else ""
    if not number:
        return f"Keep the start: no round is better within the bounds of the gate.{back}"
    row = next(row for row in result.rows if row.number == number)
    gain = pass_gain(row.gains)
    assert gain is not None
    after = gain.after
    told = f"Keep round {number}: {gain.measure} {after.value:.3f} [{after.low:.3f}, {after.high:.3f}]."
    if not gain.is_significant:
        told += " The difference to the start may be chance; more held-out problems would tell."
    if result.rows[-1].lost:
        told += (
            " To keep approaches: pairs.keep_approaches, a higher temperature by rounds.by_round, the method rpo."
        )
    return told + back


def _cost(rows: Sequence[RoundRow]) -> str:
    """Return the measure of diversity that is drawn: effective number of behaviours, else distinct programs."""
    names = [gain.measure for row in rows for gain in row.gains if gain.measure.startswith("effective_behaviour")]
    return names[0] if names else COST


def plot_passes(rows: Sequence[RoundRow]) -> Drawing:
    """Return pass@k by round, from the start at 0, with intervals."""
    names = [
        gain.measure for gain in rows[0].gains if gain.measure.startswith("pass@") and "_" not in gain.measure
    ]

    def paint(axes: Axes) -> None:
        for place, name in enumerate(names[: len(_LINES)]):
            points = _points(rows, name)
            x = [number + 0.06 * place for number, _ in points]
            colour = _LINES[place]
            axes.plot(x, [point.value for _, point in points], color=colour, marker="o", linewidth=1.6)
            axes.vlines(x, [p.low for _, p in points], [p.high for _, p in points], color=colour, alpha=0.6)
            axes.annotate(
                name, (x[-1], points[-1][1].value), textcoords="offset points", xytext=(6, 6), color=colour
            )
        axes.set_xticks([0, *(row.number for row in rows)])
        axes.set_xlabel("round; 0 is the start")
        axes.set_ylabel("pass@k on the held-out problems")
        axes.margins(x=0.24)
        axes.grid(visible=True)

    return Drawing(paint, 3.4, "passes", "pass@k by round with intervals")


def plot_path(rows: Sequence[RoundRow]) -> Drawing:
    """Return the path of all rounds: diversity across, pass@1 upwards."""
    name = _cost(rows)
    across, up = dict(_points(rows, name)), dict(_points(rows, "pass@1"))
    numbers = sorted(set(across) & set(up))

    def paint(axes: Axes) -> None:
        for before, after in pairwise(numbers):
            old, new = ((across[n].value, up[n].value) for n in (before, after))
            axes.annotate("", new, old, arrowprops={"arrowstyle": "-|>", "color": PASSED, "linewidth": 1.3})
        for n in numbers:
            x, y = across[n], up[n]
            axes.hlines(y.value, x.low, x.high, color=PLAIN, linewidth=1.2, alpha=0.4)
            axes.vlines(x.value, y.low, y.high, color=PLAIN, linewidth=1.2, alpha=0.4)
            axes.scatter([x.value], [y.value], color=PASSED, s=40, zorder=3)
            axes.annotate(str(n) if n else "start", (x.value, y.value), textcoords="offset points", xytext=(6, 6))
        axes.set_xlabel(spoken(name))
        axes.set_ylabel("pass@1")
        axes.margins(0.15)
        axes.grid(visible=True)

    return Drawing(paint, 3.4, "path", "Path of the rounds: diversity and pass@1")


def _points(rows: Sequence[RoundRow], measure: str) -> list[tuple[int, Interval]]:
    gains = [(row.number, gain) for row in rows if (gain := row.gain(measure)) is not None]
    return [(0, gains[0][1].before), *((number, gain.after) for number, gain in gains)] if gains else []
