"""The page of a synthesis: what became of seeds and problems, and how honest the labels' probabilities are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from pairsmith.pipeline.report.page import page_environment
from pairsmith.pipeline.report.svg import MUTED, PASSED, Drawing, draw_svg
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.synthesis import Bin, Calibration
from pairsmith.schemas.manifest import Manifest
from pairsmith.schemas.problem_card import ProblemCard

N_SHOWN = 40
_LARGEST = 90.0  # points squared of the largest mark
STEPS = ("seeds", "concepts", "instructions", "responses", "tests", "weak")


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
    steps: Mapping[str, Manifest],
    agreements: Manifest,
    standings: Manifest,
    cards: Sequence[ProblemCard],
    calibration: Calibration,
) -> None:
    """Write the page.

    Args:
        path: the file.
        name: of the run.
        steps: manifests of what was asked in each step, those of the seeds among them.
        agreements, standings: manifests of what agreement made of problems and of responses.
        cards: of all problems.
        calibration: with which labels were made.

    Raises:
        FolderError: if the file can't be written.
    """
    rows = [
        Step(step, found.n_in, found.n_out, tuple(sorted(found.dropped.items(), key=lambda pair: -pair[1])))
        for step in STEPS
        if (found := steps.get(step)) is not None
    ]
    text = (
        page_environment()
        .get_template("synthesis.html.jinja")
        .render(
            name=name,
            steps=rows,
            tests=sorted(agreements.counts.items()),
            labels=sorted(standings.counts.items()),
            n_kept=sum(not card.reason for card in cards),
            n_problems=len(cards),
            reasons=Counter(card.reason for card in cards if card.reason).most_common(),
            cards=sorted(cards, key=lambda card: (bool(card.reason), -card.posterior, card.problem_id))[:N_SHOWN],
            calibration=calibration,
            figure=Markup(draw_svg(plot_calibration(calibration.bins))),  # made by us, of numbers alone
        )
    )
    write_whole(path, text.encode("utf-8"))


def plot_calibration(bins: Sequence[Bin]) -> Drawing:
    """Return the posterior against the share that is right, a mark a bin, larger for more responses."""

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        most = max((row.weight for row in bins), default=1.0)
        predicted, right = [row.predicted for row in bins], [row.right for row in bins]
        axes.plot(predicted, right, color=PASSED, linewidth=1.4)
        axes.scatter(predicted, right, s=[max(_LARGEST * row.weight / most, 12.0) for row in bins], color=PASSED)
        axes.set_xlabel("estimated probability of being right")
        axes.set_ylabel("share that is right")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0))
            axis.grid(visible=True)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)

    return Drawing(paint, 3.4, "calibration", "Share of right responses by estimated probability")
