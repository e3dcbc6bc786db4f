"""The report's figures of training and evaluation."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from pairsmith.pipeline.report.svg import (
    FAILED,
    GRID,
    MUTED,
    PASSED,
    PLAIN,
    UNDECIDED,
    Drawing,
    count_axis,
    plain_label,
)
from pairsmith.pipeline.report.words import spoken
from pairsmith.schemas.score import Interval, Score
from pairsmith.schemas.training import HeldOutStep, TrainingStep

# Figure to the fields of a step with their colours, the level to compare with, the axis, and a description.
_CURVES: Mapping[str, tuple[Mapping[str, str], float | None, str, str]] = {
    "loss": ({"loss": PLAIN}, None, "loss", "Loss by training step"),
    "margin": ({"reward_margin": PLAIN}, 0.0, "reward margin", "Reward margin by training step"),
    "accuracy": ({"reward_accuracy": PLAIN}, 0.5, "reward accuracy", "Reward accuracy by training step"),
    "logprobs": (
        {"rejected_logprob": FAILED, "chosen_logprob": PASSED},
        None,
        "log-probability (nats)",
        "Log-probability of chosen and rejected answers by training step",
    ),
    "kl": ({"kl": PLAIN}, 0.0, "KL (nats a token)", "KL to the reference by training step"),
    "answer_lengths": (
        {"rejected_n_tokens": FAILED, "chosen_n_tokens": PASSED},
        None,
        "tokens",
        "Length of chosen and rejected answers by training step",
    ),
}


def smoothing_window(n_steps: int) -> int:
    """Return how many steps the bold curves average over: a tenth of them."""
    return max(1, n_steps // 10)


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """Return at each place the mean of the last `window` values up to it; fewer at the start."""
    starts = [max(0, end - window) for end in range(1, len(values) + 1)]
    return [sum(values[start:end]) / (end - start) for end, start in enumerate(starts, start=1)]


def plot_training(steps: Sequence[TrainingStep], equal_loss: float | None) -> dict[str, Drawing]:
    """Return the curves of a training by name; those whose fields no step has are left out.

    Args:
        steps: as logged.
        equal_loss: the loss at which policy and reference are equal, if there is such a one.
    """
    drawn = {
        name: _plot_curves(steps, fields, equal_loss if name == "loss" else level, label, description)
        for name, (fields, level, label, description) in _CURVES.items()
    }
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def plot_held_out(steps: Sequence[HeldOutStep]) -> Drawing | None:
    """Return the reward accuracy on held-out pairs by step; where there is none, the loss."""
    has_accuracy = any(step.reward_accuracy is not None for step in steps)
    name, level = ("reward_accuracy", 0.5) if has_accuracy else ("loss", None)
    words = name.replace("_", " ")
    return _plot_curves(steps, {name: PLAIN}, level, words, f"Held-out {words} by training step")


def score_rows(before: Score | None, after: Score | None) -> list[tuple[str, Interval | None, Interval | None]]:
    """Return measure, before and after, in the order of the figure: pass@k ascending, then diversity."""
    sides = [_estimates(score) if score is not None else {} for score in (before, after)]
    names = sorted((sides[0] | sides[1]).keys(), key=_rank)
    return [(name, sides[0].get(name), sides[1].get(name)) for name in names]


def plot_scores(before: Score | None, after: Score | None) -> Drawing:
    """Return pass@k next to diversity, before and after, as points with their intervals."""
    rows = score_rows(before, after)

    def paint(axes: Axes) -> None:
        for place, (_, *sides) in enumerate(rows):
            for estimate, shift, colour in zip(sides, (-0.16, 0.16), (UNDECIDED, PLAIN), strict=True):
                if estimate is None or not math.isfinite(estimate.value):
                    continue
                axes.hlines(place + shift, estimate.low, estimate.high, color=colour, linewidth=2.2)
                axes.scatter([estimate.value], [place + shift], color=colour, s=38, zorder=3)
        axes.set_yticks(range(len(rows)), [plain_label(spoken(name)) for name, *_ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("share, with interval over problems")
        axes.grid(visible=True, axis="x")
        axes.spines["left"].set_visible(False)

    return Drawing(paint, 0.6 + 0.5 * len(rows), "scores", "Scores before and after training, with intervals")


def _plot_curves(
    steps: Sequence[TrainingStep] | Sequence[HeldOutStep],
    fields: Mapping[str, str],
    level: float | None,
    label: str,
    description: str,
) -> Drawing | None:
    """Return fields of the steps (field to colour), as logged and smoothed, with a level to compare with.

    Steps that lack a field are left out of its curve; None where all lack all.
    """
    points = {
        name: [(step.step, float(value)) for step in steps if (value := getattr(step, name)) is not None]
        for name in fields
    }
    if not any(points.values()):
        return None

    def paint(axes: Axes) -> None:
        if level is not None:
            axes.axhline(level, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        for name, colour in fields.items():
            numbers, values = ([point[side] for point in points[name]] for side in (0, 1))
            smooth = running_mean(values, smoothing_window(len(values)))
            axes.plot(numbers, values, color=colour, linewidth=1, alpha=0.4)
            axes.plot(numbers, smooth, color=colour, linewidth=2, marker="o" if len(values) == 1 else "")
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.grid(visible=True, axis="y", color=GRID)
        count_axis(axes, "x")
        axes.grid(visible=False, axis="x")
        axes.margins(y=0.12)
        if "reward_accuracy" in fields:
            axes.set_ylim(-0.04, 1.04)

    return Drawing(paint, 2.3, "-".join(fields), description)


def _estimates(score: Score) -> dict[str, Interval]:
    rates = {f"pass@{k}": estimate for k, estimate in score.pass_at.items()}
    names = ("distinct_syntax", "distinct_behaviour", "distinct_passed")
    return rates | {name: getattr(score, name) for name in names}


def _rank(name: str) -> tuple[int, int, str]:
    return (0, int(name.removeprefix("pass@")), "") if name.startswith("pass@") else (1, 0, "")
