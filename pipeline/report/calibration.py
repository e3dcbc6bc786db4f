"""The figure of a calibration: how often what was called likely is so."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from pairsmith.pipeline.report.svg import MUTED, PASSED, draw
from pairsmith.pipeline.synthesis import Bin

_HEIGHT = 3.4  # inches
_LARGEST = 90.0  # points squared of the largest mark


def draw_calibration(bins: Sequence[Bin]) -> str:
    """Return the posterior against the share that is right, a mark a bin, larger for more responses."""

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        most = max((one.weight for one in bins), default=1.0)
        axes.plot([one.predicted for one in bins], [one.right for one in bins], color=PASSED, linewidth=1.4)
        axes.scatter(
            [one.predicted for one in bins],
            [one.right for one in bins],
            s=[max(_LARGEST * one.weight / most, 12.0) for one in bins],
            color=PASSED,
        )
        axes.set_xlabel("estimated probability of being right")
        axes.set_ylabel("share that is right")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0))
            axis.grid(visible=True)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)

    return draw(paint, _HEIGHT, "calibration", "Share of right responses by estimated probability")
