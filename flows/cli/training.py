"""The verbs around training: train, merge."""

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.flows.cli.shared import (
    Cache,
    ConfigFile,
    DryRun,
    Overrides,
    RunArgument,
    default_cache,
    need_pairs,
    prepare_libraries,
    run_here,
    run_on_config,
    verb,
)
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.packaged import packaged_folder
from pairsmith.schemas.config import ConfigError, RunConfig


class NothingToMergeError(PairsmithError):
    """A run without an adapter."""


@verb("train")
def train_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    preset: Annotated[
        str, typer.Option("--preset", help="Published settings for what the file leaves open: `zephyr-7b-dpo`.")
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
    """Return the file of a preset; None for no name.

    Raises:
        ConfigError: there is none of this name.
    """
    if not name:
        return None
    folder = packaged_folder("presets", "data/presets")
    known = sorted(file.stem for file in folder.glob("*.toml"))
    if name not in known:
        raise ConfigError(f"--preset {name}: there are {', '.join(known)}")
    return folder / f"{name}.toml"


@verb("merge")
def merge_command(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder of the model that is written.")],
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
            raise NothingToMergeError(f"{folder / 'training'}: no adapter; run `pairsmith train` first")
        if base is None:
            base = Path(start_model(settings, cache or default_cache()).source)
        merge_adapter(base, adapter, out, keeps_type=True)
    reporter().log(f"model       {out}")


def print_report(settings: RunConfig) -> None:
    """Print where the run's report is, if there is one."""
    if (settings.run / "report.html").is_file():
        reporter().log(f"report      {settings.run / 'report.html'}")
