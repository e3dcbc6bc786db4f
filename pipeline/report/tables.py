"""What a run holds, in tables and lines of a terminal."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.evaluation.score import score_from_json
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.safe_text import shown_text, visible
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.score import Gain, Interval, Score, SliceGain
from pairsmith.schemas.training import DatasetStep, TrainingStep, TrainingSummary

_NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+%?|–|")
HEADER = ("stage", "in", "out", "counts", "left out")


def print_table(
    console: Console, header: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "", caption: str = ""
) -> None:
    """Print a table, the only way in which the commands draw one.

    Cells are numbers, text, or text with a style. Whole numbers have thousands separators, columns of numbers are
    on the right, and text is shown as it is: never as markup, and with control characters written out.
    """
    cells = [[cell if isinstance(cell, Text) else Text(_cell_text(cell)) for cell in row] for row in rows]
    table = Table(title=Text(visible(title)) if title else None, caption=caption or None)
    for place, name in enumerate(header):
        texts = [row[place].plain for row in cells]
        is_numeric = any(texts) and all(_NUMBER.fullmatch(text) for text in texts)
        table.add_column(name, justify="right" if is_numeric else "left")
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _cell_text(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else visible(value)


def stage_rows(run_dir: Path) -> list[tuple[str, str, str, str, str]]:
    """Return a row for each finished stage: name, rows in, rows out, what was counted, what was left out."""
    rows = []
    for stage in table.STAGES:
        manifest = table.stage_folder(run_dir, stage.name).manifest() if stage.record is not None else None
        if manifest is None:
            continue
        counts = {key: n for key, n in manifest.counts.items() if key.startswith(stage.counted) and n}
        words = [f"{stage.count_word(key)} {n:,}" for key, n in sorted(counts.items())]
        dropped = [f"{key} {n:,}" for key, n in sorted(manifest.dropped.items())]
        rows.append(
            (stage.name, f"{manifest.n_in:,}", f"{manifest.n_out:,}", ", ".join(words), ", ".join(dropped))
        )
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
    return [gain for gain in gains if not gain.measure.startswith(("quality_", "effective_"))]


def slice_rows(slices: Sequence[SliceGain]) -> list[tuple[str, str, str, str, str]]:
    """Return one row a slice and measure: name with its problems, before, after, change, significance."""
    return [
        (f"{part.name} ({part.n_problems}): {row[0]}", *row[1:])
        for part in slices
        for row in gain_rows(part.gains)
    ]


def step_words(step: TrainingStep) -> str:
    """Return the progress bar's text for a step: the measures that its method has, each with its name."""
    shown = (
        ("loss", step.loss, ".3f"),
        ("margin", step.reward_margin, "+.3f"),
        ("accuracy", step.reward_accuracy, ".2f"),
        ("chosen", step.chosen_logprob, ".1f"),
        ("rejected", step.rejected_logprob, ".1f"),
    )
    return ", ".join(f"{name} {value:{form}}" for name, value, form in shown if value is not None)


def summary_lines(summary: TrainingSummary) -> list[str]:
    """Return what a person should know of a training run that is done."""
    left_out = ""
    if summary.n_too_long:
        left_out = f", {summary.n_too_long} longer than max_length left out"
    equal = " (ln 2)" if summary.method == "dpo" and f"{summary.first_loss:.4f}" == "0.6931" else ""
    unit = {"sft": "right answers", "kto": "answers"}.get(summary.method, "pairs")
    lines = [f"training    on {summary.n_pairs} {unit}{left_out}; first loss {summary.first_loss:.4f}{equal}"]
    for name, n_steps, (begin, end), share in dataset_rows(summary.steps):
        when = f"in {n_steps} of {len(summary.steps)} steps"
        lines.append(f"{name:<11} loss {begin:.3f} to {end:.3f}, accuracy {share:.2f}, {when}")
    return lines + [f"warning     {line}" for line in summary.warnings]


def dataset_rows(steps: Sequence[TrainingStep]) -> list[tuple[str, int, tuple[float, float], float]]:
    """Return for each dataset of a mixture: name, steps with rows of it, mean losses, mean reward accuracy.

    The losses are means over the first and the last fifth of these steps, the accuracy over the last fifth.
    """
    found: dict[str, list[DatasetStep]] = {}
    for step in steps:
        for part in step.datasets:
            found.setdefault(part.name, []).append(part)
    rows = []
    for name, parts in sorted(found.items()):
        n = max(1, len(parts) // 5)
        losses = (fmean(part.loss for part in parts[:n]), fmean(part.loss for part in parts[-n:]))
        rows.append((name, len(parts), losses, fmean(part.reward_accuracy for part in parts[-n:])))
    return rows


def score_line(score: Score) -> str:
    """Return one line for a score."""
    rates = ", ".join(f"pass@{k} {interval_words(value)}" for k, value in sorted(score.pass_at.items()))
    return f"{score.name}: {rates}; distinct programs {interval_words(score.distinct_syntax)}"


def interval_words(value: Interval, signed: bool = False) -> str:
    """Return an estimate with its interval, three decimals."""
    sign = "+" if signed else ""
    return f"{value.value:{sign}.3f} [{value.low:{sign}.3f}, {value.high:{sign}.3f}]"


class NoRunError(PairsmithError):
    """A folder is not a run."""


def show_run(run: Path, n_pairs: int, console: Console) -> None:
    """Print the stages' counts, the scores and the first pairs.

    Raises:
        NoRunError: if no stage of the folder is done.
    """
    rows = stage_rows(run)
    if not rows:
        raise NoRunError(f"{run}: no finished stage; give a folder that `pairsmith build` wrote")
    print_table(console, HEADER, rows)
    for path in sorted(run.glob("evaluation/*/score.json"), reverse=True):  # before, after
        score = score_from_json(path.read_text(encoding="utf-8"))
        console.print(score_line(score), markup=False, highlight=False)
    pairs: list[Pair] = stage_folder(run, "pairs").read_all() if n_pairs else []
    for pair in pairs[:n_pairs]:
        show_pair(pair, console)


_N_CLUSTERS = 10


def print_lines(console: Console, *lines: str) -> None:
    """Print texts of strangers: control characters are shown, never sent to the terminal."""
    for line in lines:
        console.print(shown_text(line), markup=False, highlight=False)


def show_pair(pair: Pair, console: Console) -> None:
    """Print one pair as the trainer sees it."""
    print_lines(
        console,
        f"pair {pair.pair_id} ({pair.split}) on {pair.problem_id}",
        "-- prompt",
        *(message.content for message in pair.prompt),
        f"-- chosen, passes {pair.n_cases} of {pair.n_cases} cases",
        *(message.content for message in pair.chosen),
        f"-- rejected, passes {pair.rejected_share:.0%}: {pair.rejected_cause} {pair.rejected_detail}".rstrip(),
        *(message.content for message in pair.rejected),
    )


def show_repeats(run: Path, threshold: float, workers: int, console: Console) -> None:
    """Print how many programs are nearly alike over all problems, and which problems share some.

    Raises:
        PairsmithError: if the run has no programs.
    """
    from pairsmith.pipeline.syntax.corpus import NAME, find_repeats  # SciPy: only where it is used

    found = find_repeats(run, threshold, workers)
    clusters, crossing = found.clusters(), found.crossing()
    print_lines(
        console,
        f"{found.n_programs} programs that parse, {found.n_clusters} near-duplicate clusters",
        f"{len(clusters)} clusters span several problems, {len(crossing)} of them train and test; "
        f"written to {run / NAME}",
    )
    ordered = sorted(clusters, key=lambda key: (key not in crossing, -len(clusters[key]), key))
    for key in ordered[:_N_CLUSTERS]:
        problems = sorted({f"{row.problem_id} ({row.split or 'no pairs'})" for row in clusters[key]})
        print_lines(console, f"{len(clusters[key])} programs of {', '.join(problems)}")
