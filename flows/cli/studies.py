"""The verb of studies: many starts, methods and datasets, one report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pairsmith.flows.cli.early import NotReadyError
from pairsmith.flows.cli.shared import (
    EXIT_ERROR,
    Cache,
    Debug,
    DryRun,
    app,
    default_cache,
    guard,
    prepare_libraries,
    read_key,
)
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.schemas.config.study import StudyConfig, load_study
from pairsmith.schemas.score import StudyRow


@app.command("study")
def study_command(
    study: Annotated[str, typer.Argument(help="TOML file, or the name of a study that comes with pairsmith.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override, such as `base.sampling.n=8`; may be repeated.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="START=MODEL: the model of a start; may be repeated.")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Folder to write into, or address in a store to keep it in.")
    ] = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Align every start by every method on every dataset, and report who gained and what it cost.

    Example: `pairsmith study reward_free --model pretrained=models/base --model fine-tuned=models/instruct`
    """

    def work() -> None:
        settings = load_study(find_study(study), [*(overrides or ()), *_models(model or ())], run)
        if dry_run:
            _show_plan(settings, cache or default_cache())
            return
        prepare_libraries(debug)
        from pairsmith.flows.studying import study as flow

        rows = flow(settings, cache or default_cache(), read_key)
        show_rows(rows)
        reporter().say(f"report      {settings.run / 'report.html'}")
        if any(row.error for row in rows):
            raise typer.Exit(EXIT_ERROR)

    guard(work, debug)


def find_study(study: str) -> Path:
    """Return the file of a study: a path, or the name of one that comes with pairsmith."""
    from pairsmith.pipeline.run.packaged import packaged_folder

    shipped = packaged_folder("studies", "data/studies") / f"{Path(study).stem}.toml"
    path = Path(study)
    if path.is_file() or (path.suffix == ".toml" and not shipped.is_file()):
        return path
    if shipped.is_file():
        return shipped
    known = ", ".join(sorted(one.stem for one in shipped.parent.glob("*.toml")))
    raise NotReadyError(f"{study}: no such TOML file, and no study that comes with pairsmith: {known}")


def _models(models: Sequence[str]) -> list[str]:
    from pairsmith.schemas.config import ConfigError

    found = []
    for text in models:
        start, equals, model = text.partition("=")
        if not equals:
            raise ConfigError(f"--model {text}: write START=MODEL")
        found.append(f"starts.{start}.sampling.model={model}")
    return found


def _show_plan(settings: StudyConfig, cache: Path) -> None:
    from pairsmith.pipeline.evaluation.study import list_cells

    run = settings.run
    told: tuple[str, ...] = ()
    if settings.store:
        from pairsmith.pipeline.chain.stored import look

        stored = look(settings.store, cache, run)
        run, told = stored.run, (f"kept in {settings.store}", *stored.words)
    table = Table("cell", "model", "method", "done", title=f"plan of {settings.run}")
    for cell in list_cells(settings):
        config = settings.cell(cell.folder(run), cell.start, cell.dataset, cell.method)
        done = (config.run / "evaluation" / "gains.json").is_file()
        sft = " after SFT" if cell.start.sft is not None else ""
        table.add_row(
            cell.name(), f"{config.sampling.model}{sft}", config.training.method, "yes" if done else "no"
        )
    reporter().console.print(table)
    for line in told:
        reporter().say(line)


def show_rows(rows: Sequence[StudyRow]) -> None:
    """Print a table of the cells."""
    from pairsmith.flows.runtime.tables import interval_words

    table = Table("cell", "pairs", "pass@1", "change", "distinct programs", "change", "gate")
    for row in rows:
        cells = []
        for measure in ("pass@1", "distinct_syntax"):
            gain = row.gain(measure)
            mark = " *" if gain is not None and gain.is_significant else ""
            cells += (
                ["–", "–"]
                if gain is None
                else [
                    f"{gain.before.value:.3f} -> {gain.after.value:.3f}",
                    interval_words(gain.change, signed=True) + mark,
                ]
            )
        held = ", ".join(check.name for check in row.refusals)
        name = f"{row.start} / {row.dataset} / {row.method}"
        table.add_row(name, str(row.n_pairs), *cells, row.error or held)
    reporter().console.print(table)
    reporter().say("* significant: the interval of the change leaves out 0, and enough problems changed")
