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
    count_axis,
    draw,
    plain_label,
)
from pairsmith.pipeline.report.words import spoken
from pairsmith.schemas.score import Interval, Score
from pairsmith.schemas.training import HeldOutStep, TrainingStep


def smoothing_window(n_steps: int) -> int:
    """Return how many steps the bold curves average over: a tenth of them."""
    return max(1, n_steps // 10)


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """Return at each place the mean of the last `window` values up to it; fewer at the start."""
    starts = [max(0, end - window) for end in range(1, len(values) + 1)]
    return [sum(values[start:end]) / (end - start) for end, start in enumerate(starts, start=1)]


def draw_loss(steps: Sequence[TrainingStep], equal: float | None) -> str:
    """Return the loss by step, with the loss where policy and reference are equal, if there is such a one."""
    return _draw_curves(steps, {"loss": PLAIN}, equal, "loss", "Loss by training step")


def draw_margin(steps: Sequence[TrainingStep]) -> str:
    """Return the reward margin by step, with 0, where neither answer is preferred."""
    return _draw_curves(steps, {"reward_margin": PLAIN}, 0.0, "reward margin", "Reward margin by training step")


def draw_accuracy(steps: Sequence[TrainingStep]) -> str:
    """Return the share of pairs with a positive margin by step, with one half."""
    description = "Reward accuracy by training step"
    return _draw_curves(steps, {"reward_accuracy": PLAIN}, 0.5, "reward accuracy", description)


def draw_logprobs(steps: Sequence[TrainingStep]) -> str:
    """Return the summed log-probabilities of chosen and rejected answers by step, in nats."""
    curves = {"rejected_logprob": FAILED, "chosen_logprob": PASSED}
    description = "Log-probability of chosen and rejected answers by training step"
    return _draw_curves(steps, curves, None, "log-probability (nats)", description)


def draw_kl(steps: Sequence[TrainingStep]) -> str:
    """Return the estimated KL divergence from the reference by step, nats a token."""
    return _draw_curves(steps, {"kl": PLAIN}, 0.0, "KL (nats a token)", "KL to the reference by training step")


def draw_answer_lengths(steps: Sequence[TrainingStep]) -> str:
    """Return the mean length of chosen and rejected answers by step, in tokens."""
    curves = {"rejected_n_tokens": FAILED, "chosen_n_tokens": PASSED}
    return _draw_curves(steps, curves, None, "tokens", "Length of chosen and rejected answers by training step")


def draw_held_out(steps: Sequence[HeldOutStep]) -> str:
    """Return the reward accuracy on held-out pairs by step; where there is none, the loss."""
    has_accuracy = any(step.reward_accuracy is not None for step in steps)
    name, level = ("reward_accuracy", 0.5) if has_accuracy else ("loss", None)
    words = name.replace("_", " ")
    return _draw_curves(steps, {name: PLAIN}, level, words, f"Held-out {words} by training step")


def score_rows(before: Score | None, after: Score | None) -> list[tuple[str, Interval | None, Interval | None]]:
    """Return measure, before and after, in the order of the figure: pass@k ascending, then diversity."""
    sides = [_estimates(score) if score is not None else {} for score in (before, after)]
    names = sorted((sides[0] | sides[1]).keys(), key=_rank)
    return [(name, sides[0].get(name), sides[1].get(name)) for name in names]


def draw_scores(before: Score | None, after: Score | None) -> str:
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

    return draw(paint, 0.6 + 0.5 * len(rows), "scores", "Scores before and after training, with intervals")


def _draw_curves(
    steps: Sequence[TrainingStep] | Sequence[HeldOutStep],
    curves: Mapping[str, str],
    level: float | None,
    label: str,
    description: str,
) -> str:
    """Draw fields of the steps (field to colour), as logged and smoothed, with a level to compare with.

    Steps that lack a field are left out of its curve; nothing is drawn where all lack all.
    """
    points = {
        name: [(step.step, float(value)) for step in steps if (value := getattr(step, name)) is not None]
        for name in curves
    }
    if not any(points.values()):
        return ""

    def paint(axes: Axes) -> None:
        if level is not None:
            axes.axhline(level, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        for name, colour in curves.items():
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
        if "reward_accuracy" in curves:
            axes.set_ylim(-0.04, 1.04)

    return draw(paint, 2.3, "-".join(curves), description)


def _estimates(score: Score) -> dict[str, Interval]:
    rates = {f"pass@{k}": estimate for k, estimate in score.pass_at.items()}
    names = ("distinct_syntax", "distinct_behaviour", "distinct_passed")
    return rates | {name: getattr(score, name) for name in names}


def _rank(name: str) -> tuple[int, int, str]:
    return (0, int(name.removeprefix("pass@")), "") if name.startswith("pass@") else (1, 0, "")
