"""The reports of a study, of rounds and of a synthesis; each is one self-contained HTML file."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes

from pairsmith.pipeline.evaluation.rounds import pass_gain
from pairsmith.pipeline.report.page import render
from pairsmith.pipeline.report.svg import FAILED, INK, MUTED, PASSED, PLAIN, ROLES, UNDECIDED, Drawing
from pairsmith.pipeline.report.words import change, significance, spoken
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.manifest import Manifest
from pairsmith.schemas.score import Gain, Interval, RoundRow, RoundsResult, SliceGain, StudyRow
from pairsmith.schemas.synthesis import ProblemCard

N_SHOWN = 40
STEPS = ("seeds", "concepts", "instructions", "responses", "tests")


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table of steps: rows in and out, and what led to nothing, by reason."""

    name: str
    n_in: int
    n_out: int
    dropped: tuple[tuple[str, int], ...]


def write_synthesis_report(
    path: Path,
    name: str,
    manifests: Mapping[str, Manifest],
    cards: Sequence[ProblemCard],
) -> None:
    """Write the page.

    Args:
        manifests: of the seeds, of what was asked in each step, and of `agreements` and `standings`.

    Raises:
        FolderError: if the file can't be written.
    """
    rows = [
        Step(step, found.n_in, found.n_out, tuple(sorted(found.dropped.items(), key=lambda pair: -pair[1])))
        for step in STEPS
        if (found := manifests.get(step)) is not None
    ]
    text = render(
        "synthesis",
        {},
        name=name,
        steps=rows,
        responses=[*_counts(manifests["standings"], "standing"), *_counts(manifests["agreements"], "response")],
        tests=_counts(manifests["agreements"], "test"),
        n_kept=sum(not card.reason for card in cards),
        n_problems=len(cards),
        reasons=Counter(card.reason for card in cards if card.reason).most_common(),
        cards=sorted(cards, key=lambda card: (bool(card.reason), -card.posterior, card.problem_id))[:N_SHOWN],
    )
    write_whole(path, text.encode("utf-8"))


def _counts(manifest: Manifest, kind: str) -> list[tuple[str, int]]:
    """Return the counts of a kind by their reasons, the largest first; `ok` is no reason."""
    found = [
        (name.removeprefix(f"{kind}."), n) for name, n in manifest.counts.items() if name.startswith(f"{kind}.")
    ]
    return sorted((row for row in found if row[0] != "ok"), key=lambda row: (-row[1], row[0]))


COST = "distinct_syntax"
_MEASURES = ("distinct_syntax", "distinct_behaviour", "distinct_passed", "quality")
_COLOURS = (PASSED, FAILED, PLAIN, UNDECIDED, INK)
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")


def write_study_report(study: Path, title: str, rows: Sequence[StudyRow]) -> Path:
    """Write `report.html` into a study's folder, and return where it is.

    Raises:
        FolderError: if it can't be written.
    """
    write_whole(study / "report.html", render_study(title, rows).encode("utf-8"))
    return study / "report.html"


def render_study(title: str, rows: Sequence[StudyRow]) -> str:
    """Return the report of a study as HTML."""
    done = [row for row in rows if row.gains]
    has_points = any(row.gain("pass@1") and row.gain(COST) for row in done)
    return render(
        "study",
        {"changes": plot_changes(done)} if has_points else {},
        title=title,
        rows=rows,
        done=done,
        measures=list_measures(done),
        keys=[(ROLES[colour], start) for start, colour in _start_colours(rows).items()],
        marks=_marks_in_words(rows),
        slices=_slices(done),
    )


def _slices(rows: Sequence[StudyRow | RoundRow]) -> list[tuple[StudyRow | RoundRow, SliceGain]]:
    """Return the slices in which something changed."""
    return [(row, part) for row in rows for part in row.slices if any(g.is_significant for g in part.gains)]


def list_measures(rows: Sequence[StudyRow | RoundRow]) -> list[str]:
    """Return the measures of the table, of those that were measured: pass@k, diversity, speed and quality."""
    found = dict.fromkeys(gain.measure for row in rows for gain in row.gains)
    return [name for name in found if name in _MEASURES or name.startswith(("pass@", "effective_"))]


def plot_changes(rows: Sequence[StudyRow]) -> Drawing:
    """Return the change of pass@1 against that of diversity: a point a cell, its intervals as a cross."""

    def paint(axes: Axes) -> None:
        axes.axhline(0.0, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.axvline(0.0, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        for gain, cost, colour, mark in _points(rows):
            x, y = cost.change, gain.change
            axes.hlines(y.value, x.low, x.high, color=colour, linewidth=1.3, alpha=0.6)
            axes.vlines(x.value, y.low, y.high, color=colour, linewidth=1.3, alpha=0.6)
            axes.scatter([x.value], [y.value], color=colour, marker=mark, s=54, zorder=3)
        axes.locator_params(axis="x", nbins=6)
        axes.set_xlabel("change of distinct programs (share)")
        axes.set_ylabel("change of pass@1")
        axes.grid(visible=True)

    return Drawing(paint, 3.6, "changes", "Change of pass@1 against change of diversity, with intervals")


def _points(rows: Sequence[StudyRow]) -> Iterator[tuple[Gain, Gain, str, str]]:
    """Give the gain in pass@1 and in diversity, the colour and the mark of each cell that has both."""
    marks, colours = _marks(rows), _start_colours(rows)
    for row in rows:
        gain, cost = row.gain("pass@1"), row.gain(COST)
        if gain is not None and cost is not None:
            yield gain, cost, colours[row.start], marks[row.method, row.dataset]


def _start_colours(rows: Sequence[StudyRow]) -> dict[str, str]:
    starts = dict.fromkeys(row.start for row in rows)
    return {start: _COLOURS[place % len(_COLOURS)] for place, start in enumerate(starts)}


def _marks(rows: Sequence[StudyRow]) -> dict[tuple[str, str], str]:
    kinds = dict.fromkeys((row.method, row.dataset) for row in rows)
    return {kind: _MARKS[place % len(_MARKS)] for place, kind in enumerate(kinds)}


_SHAPES = {
    "o": "disc", "s": "square", "^": "triangle", "D": "diamond", "v": "inverted triangle", "P": "plus",
    "X": "cross", "*": "star",
}  # fmt: skip


def _marks_in_words(rows: Sequence[StudyRow]) -> list[str]:
    several = len({row.dataset for row in rows}) > 1
    return [
        f"{_SHAPES[mark]}: {method}" + (f" on {dataset}" if several else "")
        for (method, dataset), mark in _marks(rows).items()
    ]


_LINES = (PASSED, PLAIN, INK)
N_LOST = 24  # programs that are shown


def write_rounds_report(rounds: Path, result: RoundsResult) -> Path:
    """Write `report.html` into the folder of rounds, and return where it is.

    Raises:
        FolderError: if it can't be written.
    """
    write_whole(rounds / "report.html", render_rounds(rounds.name, result).encode("utf-8"))
    return rounds / "report.html"


def render_rounds(title: str, result: RoundsResult) -> str:
    """Return the report of rounds as HTML."""
    done = [row for row in result.rows if row.gains]
    figures = {"passes": plot_passes(done)} if done else {}
    if any(pass_gain(row.gains) and row.gain(_diversity(done)) for row in done):
        figures["path"] = plot_path(done)
    return render(
        "rounds",
        figures,
        title=title,
        rows=result.rows,
        done=done,
        recommended=result.recommended,
        measures=list_measures(done),
        sentences=conclude(result),
        n_lost=N_LOST,
        slices=_slices(done),
    )


def conclude(result: RoundsResult) -> list[str]:
    """Return in words what each round gained and cost, why the rounds ended, and which one to keep."""
    sentences = [_outcome(row) for row in result.rows]
    last = result.rows[-1] if result.rows else None
    if last is not None and last.stop and last.gains:
        sentences.append(f"No further round: {last.stop}.")
    return [*sentences, _advice(result)] if result.recommended is not None else sentences


def _outcome(row: RoundRow) -> str:
    gain, cost = pass_gain(row.gains), row.gain(_diversity([row]))
    if gain is None:
        return f"Round {row.number} was not scored: {row.stop or 'it is not done yet'}."
    parts = [f"Round {row.number}: {gain.measure} {_moved(gain)} against the start"]
    parts += [f"{spoken(cost.measure).lower()}: {_moved(cost)}"] if cost is not None else []
    parts += [f"right approaches of the start that are lost: {len(row.lost)}"] if row.lost else []
    return "; ".join(parts) + "."


def _moved(gain: Gain) -> str:
    verb = significance(gain) if gain.is_significant else "shows no difference"
    return f"{verb}, {change(gain.change)}"


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
    advice = f"Keep round {number}: {gain.measure} {after.value:.3f} [{after.low:.3f}, {after.high:.3f}]."
    if not gain.is_significant:
        advice += " The difference to the start may be chance; evaluate on more held-out problems."
    if result.rows[-1].lost:
        advice += (
            " To keep approaches: pairs.keep_approaches, pairs.rarity, a higher temperature by rounds.by_round, "
            "the method rpo."
        )
    return advice + back


def plot_passes(rows: Sequence[RoundRow]) -> Drawing:
    """Return pass@k by round, from the start at 0, with intervals."""
    names = [
        gain.measure for gain in rows[0].gains if gain.measure.startswith("pass@") and "_" not in gain.measure
    ]

    def paint(axes: Axes) -> None:
        for place, name in enumerate(names[: len(_LINES)]):
            points = _by_round(rows, name)
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


def _diversity(rows: Sequence[RoundRow]) -> str:
    """Return the measure of diversity: the effective number of behaviours, else the share of distinct programs."""
    names = [gain.measure for row in rows for gain in row.gains if gain.measure.startswith("effective_behaviour")]
    return names[0] if names else COST


def plot_path(rows: Sequence[RoundRow]) -> Drawing:
    """Return the path of all rounds: diversity across, pass@1 upwards."""
    name = _diversity(rows)
    across, up = dict(_by_round(rows, name)), dict(_by_round(rows, "pass@1"))
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


def _by_round(rows: Sequence[RoundRow], measure: str) -> list[tuple[int, Interval]]:
    gains = [(row.number, gain) for row in rows if (gain := row.gain(measure)) is not None]
    return [(0, gains[0][1].before), *((number, gain.after) for number, gain in gains)] if gains else []
