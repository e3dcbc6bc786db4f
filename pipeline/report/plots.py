"""The report's figures of the dataset: each takes counts and returns a drawing."""

from collections.abc import Callable, Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter

from pairsmith.pipeline.report.facts import (
    CandidateStep,
    LengthCount,
    ProblemOutcome,
    ProblemStep,
    TagShare,
    VerdictCount,
)
from pairsmith.pipeline.report.svg import (
    FAILED,
    INK,
    MUTED,
    PASSED,
    PLAIN,
    UNDECIDED,
    UNRUN,
    Drawing,
    count_axis,
    plain_label,
)
from pairsmith.pipeline.report.words import percent, spoken

N_TAGS = 10
N_LENGTH_BINS = 30
_ROW = 0.36  # inches of a row of bars
_MARGIN = 0.55  # inches of the axis under them
_COLOURS = {"passed": PASSED, "failed": FAILED, "undecided": UNDECIDED}


def rows_height(n_rows: int) -> float:
    """Return the height of a figure of horizontal bars, inches."""
    return _MARGIN + _ROW * max(n_rows, 1)


def plot_candidate_steps(steps: Sequence[CandidateStep]) -> Drawing:
    """Return the funnel of candidates: a stacked bar a step."""
    layers: list[tuple[str, Callable[[CandidateStep], int]]] = [
        (PASSED, lambda step: step.passed),
        (FAILED, lambda step: step.failed),
        (UNRUN, lambda step: step.failed_unrun),
        (UNDECIDED, lambda step: step.undecided),
    ]

    def paint(axes: Axes) -> None:
        names = [step.name for step in steps]
        left = [0] * len(steps)
        for colour, count in layers:
            widths = [count(step) for step in steps]
            axes.barh(names, widths, left=left, color=colour, height=0.62)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        _label_ends(axes, left, [f"{step.n:,}" for step in steps])
        _finish_rows(axes, "candidates")

    return Drawing(paint, rows_height(len(steps)), "candidates", "Candidates that reached each step")


def plot_problem_steps(steps: Sequence[ProblemStep]) -> Drawing:
    """Return the funnel of problems: a bar a step."""

    def paint(axes: Axes) -> None:
        counts = [step.n for step in steps]
        axes.barh([step.name for step in steps], counts, color=PLAIN, height=0.62)
        _label_ends(axes, counts, [f"{n:,}" for n in counts])
        _finish_rows(axes, "problems")

    return Drawing(paint, rows_height(len(steps)), "problems", "Problems that reached each step")


def plot_outcomes(outcomes: Sequence[VerdictCount]) -> Drawing:
    """Return verdicts and their causes: a bar each, with count and share."""
    total = sum(outcome.n for outcome in outcomes)

    def paint(axes: Axes) -> None:
        places = range(len(outcomes))
        counts = [outcome.n for outcome in outcomes]
        axes.barh(places, counts, color=[_COLOURS[outcome.label] for outcome in outcomes], height=0.62)
        axes.set_yticks(places, [plain_label(spoken(outcome.cause or outcome.label)) for outcome in outcomes])
        _label_ends(axes, counts, [f"{n:,} ({percent(n, total)})" for n in counts], room=0.3)
        _finish_rows(axes, "candidates")

    return Drawing(paint, rows_height(len(outcomes)), "causes", "Candidates by verdict and cause")


def pass_rate_bins(problems: Iterable[ProblemOutcome]) -> list[int]:
    """Return counts of problems by pass rate: none passed, ten bins (0, 0.1] to (0.9, 1), all passed."""
    bins = [0] * 12
    for problem in problems:
        n, c = problem.n_decided, problem.n_passed
        if n:
            bins[11 if c == n else -(-10 * c // n)] += 1  # the ceiling, exact in integers
    return bins


def plot_pass_rates(problems: Iterable[ProblemOutcome], height: float) -> Drawing:
    """Return the histogram of pass rates over problems; the two ends, which make no pair, set apart.

    Args:
        problems: those without a decided candidate are left out.
        height: inches.
    """
    bins = pass_rate_bins(problems)

    def paint(axes: Axes) -> None:
        colours = [UNDECIDED, *[PLAIN] * 10, UNDECIDED]
        axes.bar(range(12), bins, color=colours, width=0.86)
        axes.set_xticks([0, 2.5, 4.5, 6.5, 8.5, 11], ["none", "0.2", "0.4", "0.6", "0.8", "all"])
        axes.set_xlabel("share of a problem's decided candidates that passed")
        axes.set_ylabel("problems")
        count_axis(axes, "y")

    return Drawing(paint, height, "rates", "Problems by the share of their candidates that passed")


def plot_lengths(lengths: Sequence[LengthCount], medians: tuple[float, float], height: float) -> Drawing:
    """Return lengths of chosen (upwards) against rejected (downwards) programs.

    Args:
        lengths: counts by lines of code, ascending, at least one.
        medians: lines of code of chosen and of rejected, drawn as lines.
        height: inches.
    """
    width = max(1, -(-lengths[-1].n_lines // N_LENGTH_BINS))

    def paint(axes: Axes) -> None:
        places = [count.n_lines // width * width + (width - 1) / 2 for count in lengths]
        starts = sorted(set(places))
        for sign, colour, side in ((1, PASSED, "n_chosen"), (-1, FAILED, "n_rejected")):
            sums = dict.fromkeys(starts, 0)
            for place, count in zip(places, lengths, strict=True):
                sums[place] += sign * getattr(count, side)
            axes.bar(starts, list(sums.values()), color=colour, width=0.86 * width)
        low, high = axes.get_ylim()
        axes.vlines(medians[0], 0, high, color=INK, linestyle=(0, (2, 2)), linewidth=1.2)
        axes.vlines(medians[1], low, 0, color=INK, linestyle=(0, (2, 2)), linewidth=1.2)
        axes.set_ylim(low, high)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xlabel("lines of code")
        axes.set_ylabel("pairs")
        count_axis(axes, "y")
        count_axis(axes, "x")
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))

    return Drawing(paint, height, "lengths", "Lines of code of chosen and of rejected programs")


def plot_tags(tags: Sequence[TagShare]) -> Drawing:
    """Return the style tags whose share differs most between chosen and rejected programs."""
    shown = tags[:N_TAGS]

    def paint(axes: Axes) -> None:
        places = range(len(shown))
        chosen, rejected = [tag.chosen for tag in shown], [tag.rejected for tag in shown]
        axes.hlines(places, chosen, rejected, color=UNDECIDED, linewidth=2)
        axes.scatter(rejected, places, color=FAILED, s=42, zorder=3)
        axes.scatter(chosen, places, color=PASSED, s=42, zorder=3)
        axes.set_yticks(places, [plain_label(tag.tag) for tag in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel("share of pairs")
        axes.grid(visible=True, axis="x")
        axes.spines["left"].set_visible(False)

    return Drawing(paint, rows_height(len(shown)), "tags", "Style tags of chosen and of rejected programs")


def _label_ends(axes: Axes, ends: Sequence[int], labels: Sequence[str], room: float = 0.14) -> None:
    """Write a label at the end of each bar, and leave room for it: a share of the longest bar."""
    longest = max([*ends, 1])
    for place, (end, label) in enumerate(zip(ends, labels, strict=True)):
        axes.annotate(label, (end, place), (4, 0), textcoords="offset points", va="center", color=INK)
    axes.set_xlim(0, longest * (1 + room))


def _finish_rows(axes: Axes, unit: str) -> None:
    axes.invert_yaxis()
    axes.set_xlabel(unit, color=MUTED)
    axes.spines["bottom"].set_visible(False)
    count_axis(axes, "x")
