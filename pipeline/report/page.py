"""The page: what was gathered becomes one HTML file that needs nothing else."""

import functools
import math
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pairsmith.pipeline.report import plots, words
from pairsmith.pipeline.report.facts import ProblemOutcome, ReportInput, TrainingFacts
from pairsmith.pipeline.report.gather import gather_run
from pairsmith.pipeline.report.svg import Drawing, draw_svg
from pairsmith.pipeline.report.tables import dataset_rows
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.run.safe_text import visible
from pairsmith.pipeline.training.checks import is_displaced
from pairsmith.schemas.score import Gain


def render_page(facts: ReportInput) -> str:
    """Return the report as HTML: no script, no external resource, the same text for the same facts."""
    scores = plots.score_rows(facts.before, facts.after)
    drawn = {name for name, *_ in scores}
    return render(
        "template",
        _draw_figures(facts),
        facts=facts,
        n_never=sum(problem.n_decided > 0 and not problem.n_passed for problem in facts.problems),
        levels=rate_levels(facts.problems),
        scores=scores,
        gains={gain.measure: gain for gain in facts.gains},
        main_gains=[gain for gain in facts.gains if gain.measure in drawn],
        more_gains=[gain for gain in facts.gains if gain.measure not in drawn],
        verdict=headline_verdict(facts.gains),
        window=plots.smoothing_window(len(facts.training.steps)) if facts.training else 1,
        datasets=dataset_rows(facts.training.steps) if facts.training else [],
        is_sigmoid=facts.training is not None and is_sigmoid(facts.training),
        is_displaced=facts.training is not None and is_displaced(facts.training.steps),
        versions=_versions(facts),
    )


def rate_levels(problems: Iterable[ProblemOutcome]) -> list[tuple[str, int, float]]:
    """Return level, problems and mean pass rate in [0, 1], the easiest first; nothing without levels."""
    rates: dict[str, list[float]] = {}
    for problem in problems:
        if problem.n_decided:
            rates.setdefault(problem.level or "ungraded", []).append(problem.pass_rate)
    if set(rates) <= {"ungraded"}:
        return []
    rows = [(level, len(values), statistics.fmean(values)) for level, values in rates.items()]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def headline_verdict(gains: Iterable[Gain]) -> str:
    """Return one sentence on what training did to pass@1 and to diversity; empty where that was not measured."""
    by_measure = {gain.measure: gain for gain in gains}
    gain, diversity = by_measure.get("pass@1"), by_measure.get("distinct_syntax")
    if gain is None:
        return ""
    cost = "diversity shows no change"
    if diversity is not None and diversity.is_significant:
        cost = words.cost_of(diversity)
    if not gain.is_significant:
        return f"These held-out problems don't show that training changed pass@1; {cost}."
    return f"Training {'raised' if gain.change.value > 0 else 'lowered'} pass@1 on held-out problems; {cost}."


def is_sigmoid(training: TrainingFacts) -> bool:
    """Return whether the loss is DPO's: at ln 2 where policy and reference are equal."""
    return training.summary is None or training.summary.method == "dpo"


def render(template: str, figures: Mapping[str, Drawing | None], **values: Any) -> str:
    """Return a page as HTML: no script, no external resource, the same text for the same values."""
    # Labels are escaped where the figures are drawn.
    drawn = {name: Markup(draw_svg(figure)) for name, figure in figures.items() if figure is not None}
    return _environment().get_template(f"{template}.html.jinja").render(figures=drawn, **values)


@functools.cache
def _environment() -> Environment:
    return make_environment(Path(__file__).parent)


def make_environment(templates: Path) -> Environment:
    """Return what templates of a folder are filled by: all text is escaped, and hidden characters are shown."""
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        words.excerpt, words.breakable, words.with_code, words.spoken, words.counted, words.drop_words,
        words.drop_unit, words.percent, words.decimal, words.maybe, words.signed, words.change, words.significance,
    )  # fmt: skip
    environment.filters |= {function.__name__: function for function in filters} | {"address": quote}
    return environment


def _finalize(value: Any) -> Any:
    """Make hidden characters of every text visible: no expression of a template can forget to."""
    return visible(value[:100_000]) if isinstance(value, str) and not isinstance(value, Markup) else value


def _draw_figures(facts: ReportInput) -> dict[str, Drawing | None]:
    drawings: dict[str, Drawing | None] = {}
    if facts.outcomes:
        drawings["candidates"] = plots.plot_candidate_steps(facts.candidate_steps)
        drawings["causes"] = plots.plot_outcomes(facts.outcomes)
        # As high as the figure beside it, which has fewer lines of text above.
        height = max(2.0, plots.rows_height(len(facts.outcomes)) - 0.4)
        drawings["rates"] = plots.plot_pass_rates(facts.problems, height)
    if facts.pairs and facts.pairs.n:
        height = max(2.8, plots.rows_height(min(len(facts.pairs.tags), plots.N_TAGS)))
        drawings["lengths"] = plots.plot_lengths(facts.pairs.lengths, facts.pairs.medians, height)
        if facts.pairs.tags:
            drawings["tags"] = plots.plot_tags(facts.pairs.tags)
    if facts.training and facts.training.steps:
        equal_loss = math.log(2) if is_sigmoid(facts.training) else None
        drawings |= plots.plot_training(facts.training.steps, equal_loss)
    if facts.before or facts.after:
        drawings["scores"] = plots.plot_scores(facts.before, facts.after)
    return drawings


def _versions(facts: ReportInput) -> Mapping[str, str]:
    """Return all versions that shaped the tables; several of one package where stages differ."""
    found: dict[str, set[str]] = {}
    for stage in facts.stages:
        for package, version in stage.versions.items():
            found.setdefault(package, set()).add(version)
    return {package: ", ".join(sorted(versions)) for package, versions in sorted(found.items())}


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the report of a run folder, and return where it is.

    Args:
        out: file to write; None for `report.html` in the run folder.

    Raises:
        ReportError: if the folder can't be read as a run.
        FolderError: if the file can't be written.
    """
    target = out if out is not None else run / "report.html"
    write_whole(target, render_page(gather_run(run)).encode("utf-8"))
    return target
