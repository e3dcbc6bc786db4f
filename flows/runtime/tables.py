"""Tables of a run: what each stage took in, gave out and left out."""

from collections.abc import Sequence
from pathlib import Path

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.evaluation.scores import score_from_json
from pairsmith.schemas.score import Gain, Interval, Score, SliceGain
from pairsmith.schemas.training import TrainingStep, TrainingSummary

HEADER = ("stage", "in", "out", "left out, and what was counted")


def stage_rows(run_dir: Path) -> list[tuple[str, str, str, str]]:
    """Return one row a stage that is done: name, rows in, rows out, counts in words."""
    rows = []
    for stage in table.STAGES:
        manifest = table.stage_folder(run_dir, stage.name).manifest() if stage.record is not None else None
        if manifest is None:
            continue
        counts = {key: n for key, n in manifest.counts.items() if key.startswith(stage.counted) and n}
        words = [f"{stage.count_word(key)} {n}" for key, n in sorted(counts.items())]
        words += [f"-{key} {n}" for key, n in sorted(manifest.dropped.items())]
        rows.append((stage.name, str(manifest.n_in), str(manifest.n_out), ", ".join(words)))
    return rows


def gain_rows(gains: Sequence[Gain]) -> list[tuple[str, str, str, str, str]]:
    """Return one row a measure: name, before, after, change, and whether it is significant."""
    return [
        (
            gain.measure,
            interval_words(gain.before),
            interval_words(gain.after),
            interval_words(gain.change, signed=True),
            "significant" if gain.is_significant else "not significant",
        )
        for gain in gains
    ]


def short_gains(gains: Sequence[Gain]) -> list[Gain]:
    """Return the gains for a terminal: dimensions of quality and what is for comparison only are in the report."""
    return [gain for gain in gains if not gain.measure.startswith(("quality_", "self_bleu", "effective_"))]


def slice_rows(slices: Sequence[SliceGain]) -> list[tuple[str, str, str, str, str]]:
    """Return one row a slice and measure: name with its problems, before, after, change, significance."""
    return [
        (f"{part.name} ({part.n_problems}): {row[0]}", *row[1:])
        for part in slices
        for row in gain_rows(part.gains)
    ]


def score_words(path: Path) -> str:
    """Return one line for a score file."""
    return score_line(score_from_json(path.read_text(encoding="utf-8")))


def step_words(step: TrainingStep) -> str:
    """Return what the bar says of a step: what its method has of loss, margin, accuracy, log-probabilities, KL."""
    parts = [f"loss {step.loss:.3f}"]
    if step.reward_margin is not None:
        parts.append(f"margin {step.reward_margin:+.3f}")
    if step.reward_accuracy is not None:
        parts.append(f"accuracy {step.reward_accuracy:.2f}")
    for name, value in (("chosen", step.chosen_logprob), ("rejected", step.rejected_logprob)):
        if value is not None:
            parts.append(f"{name} {value:.1f}")
    if step.kl is not None:
        parts.append(f"KL {step.kl:.4f}")
    return ", ".join(parts)


def summary_lines(summary: TrainingSummary) -> list[str]:
    """Return what a person should know of a training run that is done."""
    left_out = ""
    if summary.n_too_long:
        prompts = f" ({summary.n_prompts_too_long} by the prompt alone)" if summary.n_prompts_too_long else ""
        left_out = f", {summary.n_too_long} longer than max_length left out{prompts}"
    equal = " (ln 2)" if summary.method == "dpo" and f"{summary.first_loss:.4f}" == "0.6931" else ""
    unit = {"sft": "right answers", "kto": "answers"}.get(summary.method, "pairs")
    lines = [f"training    on {summary.n_pairs} {unit}{left_out}; first loss {summary.first_loss:.4f}{equal}"]
    for one in summary.held_out[-1:]:
        accuracy = "" if one.reward_accuracy is None else f", accuracy {one.reward_accuracy:.2f}"
        early = ", stopped early" if summary.stopped_early else ""
        lines.append(f"held out    loss {one.loss:.3f}{accuracy}; step {summary.kept_step} kept{early}")
    return lines + [f"warning     {line}" for line in summary.warnings]


def score_line(score: Score) -> str:
    """Return one line for a score."""
    rates = ", ".join(f"pass@{k} {interval_words(value)}" for k, value in sorted(score.pass_at.items()))
    return f"{score.name}: {rates}; distinct programs {interval_words(score.distinct_syntax)}"


def interval_words(value: Interval, signed: bool = False) -> str:
    """Return an estimate with its interval, three decimals."""
    sign = "+" if signed else ""
    return f"{value.value:{sign}.3f} [{value.low:{sign}.3f}, {value.high:{sign}.3f}]"
