"""The verbs that train: train, merge, studies, rounds of one model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pairsmith.flows.cli.shared import (
    EXIT_ERROR,
    Cache,
    ConfigFile,
    DryRun,
    NotReadyError,
    Overrides,
    RunArgument,
    default_cache,
    need_pairs,
    prepare_libraries,
    read_key,
    run_here,
    run_on_config,
    verb,
)
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.run import packaged_folder
from pairsmith.schemas.config import ConfigError, RunConfig
from pairsmith.schemas.config.study import StudyConfig, load_study
from pairsmith.schemas.score import RoundsResult, StudyRow


@verb("train")
def train_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    preset: Annotated[
        str,
        typer.Option(
            "--preset", help="Published settings for keys that the file does not set, such as `zephyr-7b-dpo`."
        ),
    ] = "",
    dry_run: DryRun = False,
    cache: Cache = None,
) -> None:
    """Train a LoRA adapter, or the whole model, on the pairs of a run.

    Examples: `pairsmith train run.toml --set training.max_steps=60`,
    `pairsmith train run.toml --preset zephyr-7b-dpo`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.build import train

        train(settings, folder)
        kind = "model" if settings.training.tuning == "full" else "adapter"
        reporter().log(f"{kind:<11} {settings.run / 'training' / kind}")
        print_report(settings)

    plan = ("show_parts", "training")
    run_on_config(config, overrides, dry_run, cache, work, plan, need_pairs, base=_preset_file(preset))


def _preset_file(name: str) -> Path | None:
    """Return the file of a preset; None for no name."""
    if not name:
        return None
    folder = packaged_folder("presets", "data/presets")
    known = sorted(file.stem for file in folder.glob("*.toml"))
    if name not in known:
        raise ConfigError(f"--preset {name}: unknown; known are {', '.join(known)}")
    return folder / f"{name}.toml"


@verb("merge")
def merge_command(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder to write the model to.")],
    cache: Cache = None,
) -> None:
    """Add the adapter that a run trained to its base: a whole model, in the base's number type.

    The sum is made in float32 and rounded once.

    Example: `pairsmith merge runs/demo --out models/demo`
    """
    prepare_libraries()
    from pairsmith.flows.build import start_model
    from pairsmith.pipeline.chain.state import read_config
    from pairsmith.pipeline.training.run import merge_adapter, result_of

    with run_here(run) as folder:
        settings = read_config(folder)
        base, adapter = result_of(folder / "training")
        if settings is None or adapter is None:
            raise NotReadyError(f"{folder / 'training'}: no adapter; run `pairsmith train` first")
        if base is None:
            base = Path(start_model(settings, cache or default_cache()).source)
        merge_adapter(base, adapter, out, keeps_type=True)
    reporter().log(f"model       {out}")


def print_report(settings: RunConfig) -> None:
    """Print where the run's report is, if there is one."""
    if (settings.run / "report.html").is_file():
        reporter().log(f"report      {settings.run / 'report.html'}")


@verb("study")
def study_command(
    study: Annotated[str, typer.Argument(help="TOML file, or the name of an included study.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override, such as `base.sampling.n=8`; may be repeated.")
    ] = None,
    run: Annotated[str | None, typer.Option("--run", help="Folder to write into, or address in a store.")] = None,
    dry_run: DryRun = False,
    cache: Cache = None,
) -> None:
    """Align every start by every method on every dataset, and report gains and costs.

    Example: `pairsmith study narrowing --set starts.start.sampling.model=models/instruct`
    """
    settings = load_study(find_study(study), overrides or (), run)
    if dry_run:
        _show_plan(settings, cache or default_cache())
        return
    prepare_libraries()
    from pairsmith.flows.studying import study as flow

    rows = flow(settings, cache or default_cache(), read_key)
    show_rows(rows)
    reporter().log(f"report      {settings.run / 'report.html'}")
    if any(row.error for row in rows):
        raise typer.Exit(EXIT_ERROR)


def find_study(study: str) -> Path:
    """Return the file of a study: a path, or the name of one that comes with pairsmith."""
    shipped = packaged_folder("studies", "data/studies") / f"{Path(study).stem}.toml"
    path = Path(study)
    if path.is_file() or (path.suffix == ".toml" and not shipped.is_file()):
        return path
    if shipped.is_file():
        return shipped
    known = ", ".join(sorted(path.stem for path in shipped.parent.glob("*.toml")))
    raise NotReadyError(f"{study}: neither a TOML file nor an included study: {known}")


def _show_plan(settings: StudyConfig, cache: Path) -> None:
    from pairsmith.pipeline.evaluation.study import list_cells
    from pairsmith.pipeline.report.tables import print_table

    run = settings.run
    notes: tuple[str, ...] = ()
    if settings.store:
        from pairsmith.pipeline.chain.tools import look

        stored = look(settings.store, cache, run)
        run, notes = stored.run, (f"kept in {settings.store}", *stored.words)
    rows = []
    for cell in list_cells(settings):
        config = settings.cell(cell.folder(run), cell.start, cell.dataset, cell.method)
        done = (config.run / "evaluation" / "gains.json").is_file()
        sft = " after SFT" if cell.start.sft is not None else ""
        model = f"{config.sampling.model}{sft}"
        rows.append((cell.name(), model, config.training.method, "yes" if done else "no"))
    print_table(reporter().console, ("cell", "model", "method", "done"), rows, f"plan of {settings.run}")
    for line in notes:
        reporter().log(line)


def show_rows(rows: Sequence[StudyRow]) -> None:
    """Print a table of the cells."""
    from pairsmith.pipeline.report.tables import interval_words, print_table

    shown = []
    for row in rows:
        cells = []
        for gain in map(row.gain, ("pass@1", "distinct_syntax")):
            if gain is None:
                cells += ["–", "–"]
                continue
            mark = " *" if gain.is_significant else ""
            cells.append(f"{gain.before.value:.3f} -> {gain.after.value:.3f}")
            cells.append(interval_words(gain.change, signed=True) + mark)
        held = ", ".join(check.name for check in row.refusals)
        name = f"{row.start} / {row.dataset} / {row.method}"
        shown.append((name, row.n_pairs, *cells, row.error or held))
    header = ("cell", "pairs", "pass@1", "change", "distinct programs", "change", "gate")
    print_table(reporter().console, header, shown)
    reporter().log("* significant: the interval of the change excludes 0, and enough problems changed")


@verb("rounds")
def rounds_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    n: Annotated[
        int | None, typer.Option("--rounds", min=1, help="Maximum number of rounds, short for rounds.n.")
    ] = None,
    dry_run: DryRun = False,
    cache: Cache = None,
) -> None:
    """Align in rounds: sample from the model of the last round, pair, train, evaluate, and stop without a gain.

    Example: `pairsmith rounds run.toml --rounds 4 --set rounds.replay=0.2`
    """
    given = [*(overrides or ()), *([f"rounds.n={n}"] if n is not None else [])]

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.studying import rounds as flow

        show_rounds(flow(settings, folder, read_key), reporter().console)
        reporter().log(f"report      {settings.run / 'report.html'}")

    run_on_config(config, given, dry_run, cache, work, ("show_rounds_plan",))


def show_rounds(result: RoundsResult, console: Console) -> None:
    """Print a table of the rounds, and which one to keep."""
    from pairsmith.pipeline.evaluation.rounds import pass_gain
    from pairsmith.pipeline.report.study import conclude
    from pairsmith.pipeline.report.tables import interval_words, print_table

    rows = []
    for row in result.rows:
        gain = pass_gain(row.gains)
        mark = " *" if gain is not None and gain.is_significant else ""
        change = interval_words(gain.change, signed=True) + mark if gain is not None else "–"
        number = f"{row.number}{' (keep)' if row.number == result.recommended else ''}"
        held = ", ".join(check.name for check in row.refusals)
        value = f"{gain.measure} {gain.after.value:.3f}" if gain is not None else "–"
        pairs = sum(row.pairs.values())
        rows.append((number, row.n_problems, pairs, value, change, len(row.lost), held, row.stop))
    print_table(console, ("round", "problems", "pairs", "pass@k", "change", "gone", "gate", "then"), rows)
    for sentence in conclude(result):
        reporter().log(sentence)
