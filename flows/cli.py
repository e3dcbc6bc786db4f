"""The command `pairsmith`: one verb a flow. Errors are one line; exit codes are in the README."""

import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from flows.reporting import reporter, set_console
from pipeline.errors import PairsmithError
from schemas.config import ConfigError, RunConfig, load_config

EXIT_ERROR = 1  # a signal gives 128 and its number: 130 for Ctrl-C, 143 for SIGTERM
_PLAIN_WIDTH = 110  # of tables in files and pipes
app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Turn a code model's own samples into preference data that can be trusted, and train on it.",
)
sandbox_app = typer.Typer(no_args_is_help=True, help="Build and check the sandbox that programs run in.")
app.add_typer(sandbox_app, name="sandbox")
vllm_app = typer.Typer(no_args_is_help=True, help="Install vLLM for the servers that runs start.")
app.add_typer(vllm_app, name="vllm")


class Device(StrEnum):
    """What vLLM is installed for."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


ConfigFile = Annotated[Path | None, typer.Argument(help="TOML file; without one the defaults hold.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override, such as `sampling.n=8`; may be repeated.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and do nothing.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and Prefect's log.")]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="Folder for converted models; ~/.cache/pairsmith by default.")
]


@app.command("build")
def build_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    pairs: Annotated[
        str | None, typer.Option("--pairs", help="Draw in waves until so many pairs: 5000, 5k.")
    ] = None,
    budget_tokens: Annotated[
        str | None, typer.Option("--budget-tokens", help="Tokens to draw at most, such as 20M.")
    ] = None,
    budget_gpu_hours: Annotated[float | None, typer.Option("--budget-gpu-hours", help="Hours of devices.")] = None,
    budget_money: Annotated[float | None, typer.Option("--budget-money", help="By `prices` of the file.")] = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Sample, execute, judge, parse and pair: makes the preference dataset.

    Example: `pairsmith build run.toml --set sampling.n=8 --pairs 5k --budget-tokens 20M`
    """
    given = {
        "adaptive.pairs": pairs and json.dumps(pairs),
        "budget.tokens": budget_tokens and json.dumps(budget_tokens),
        "budget.gpu_hours": budget_gpu_hours,
        "budget.money": budget_money,
    }
    overrides = [*(overrides or ()), *(f"{key}={value}" for key, value in given.items() if value is not None)]

    def work(settings: RunConfig, folder: Path) -> None:
        from flows.flows import build

        build(settings, folder, read_key)
        _print_stages(settings)
        _print_report(settings)

    _run(config, overrides, dry_run, cache, debug, work)


@app.command("train")
def train_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Train a LoRA adapter on the pairs of a run.

    Example: `pairsmith train run.toml --set training.max_steps=60`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from flows.flows import train

        train(settings, folder)
        reporter().say(f"adapter     {settings.run / 'training' / 'adapter'}")
        _print_report(settings)

    _run(config, overrides, dry_run, cache, debug, work)


@app.command("evaluate")
def evaluate_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Score the start and the adapter on held-out problems.

    Example: `pairsmith evaluate run.toml --set scoring.n=16`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from flows.flows import evaluate

        evaluate(settings, folder, read_key)
        _print_gains(settings)
        _print_report(settings)

    _run(config, overrides, dry_run, cache, debug, work)


@app.command("demo")
def demo_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Build, train and evaluate on starter problems with the embedded model; about ten minutes on two cores.

    Example: `pairsmith demo --set run=runs/mine`
    """
    from pipeline.problems.starter import starter_folder

    path = config if config is not None else starter_folder().parent / "demo.toml"

    def work(settings: RunConfig, folder: Path) -> None:
        from flows.flows import demo

        demo(settings, folder, read_key)
        _print_stages(settings)
        _print_gains(settings)
        _print_report(settings)

    _run(path, overrides, dry_run, cache, debug, work)


@app.command("inspect")
def inspect_command(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    pairs: Annotated[int, typer.Option("--pairs", min=0, help="Pairs to show.")] = 1,
    debug: Debug = False,
) -> None:
    """Show what a run holds: its stages, scores and some pairs.

    Example: `pairsmith inspect runs/demo --pairs 3`
    """

    def work() -> None:
        from flows.inspecting import show_run

        show_run(run, pairs, reporter().console)

    _guard(work, debug)


@sandbox_app.command("build")
def sandbox_build_command(
    base_image: Annotated[str, typer.Option("--base-image", help="Any image that has a python3.")] = (
        "python:3.11-slim"
    ),
    tag: Annotated[str, typer.Option("--tag", help="Name of the image.")] = "pairsmith-sandbox:latest",
    languages: Annotated[
        str,
        typer.Option("--languages", help="Toolchains to install, such as `java,cpp`, or `all`; Debian bases."),
    ] = "",
    debug: Debug = False,
) -> None:
    """Build the Docker image of the sandbox.

    Example: `pairsmith sandbox build --languages java,cpp`
    """

    def work() -> None:
        from pipeline.languages.table import packages_of
        from pipeline.sandbox.image import build_image

        names = [name.strip() for name in languages.split(",") if name.strip()]
        reporter().say(f"{tag}: {build_image(base_image, tag, packages_of(names))}")

    _guard(work, debug)


@sandbox_app.command("check")
def sandbox_check_command(
    image: Annotated[str, typer.Option("--image", help="Docker image to check.")] = "pairsmith-sandbox:latest",
    parallel: Annotated[int, typer.Option("--parallel", min=1, help="Programs tried at the same time.")] = 4,
    debug: Debug = False,
) -> None:
    """Try the attack corpus on this machine's sandboxes and show what held; a few minutes.

    Example: `pairsmith sandbox check`
    """

    def work() -> None:
        from flows.checking import check_sandboxes

        if not check_sandboxes(image, parallel, reporter().console):
            raise typer.Exit(EXIT_ERROR)

    _guard(work, debug)


@vllm_app.command("install")
def vllm_install_command(
    device: Annotated[Device, typer.Option("--device", help="Build of vLLM; auto looks for a GPU.")] = Device.AUTO,
    environment: Annotated[
        Path | None, typer.Option("--environment", help="Where; by default beside the converted models.")
    ] = None,
    pip_option: Annotated[
        list[str] | None, typer.Option("--pip-option", help="Passed to pip, such as an index; may be repeated.")
    ] = None,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Make the environment that vLLM servers run in; minutes.

    Example: `pairsmith vllm install --device cpu`
    """

    def work() -> None:
        from pipeline.sampling.vllm_environment import default_environment, install

        folder = environment or default_environment(cache or default_cache())
        made = install(folder, device.value, reporter().say, pip_option or ())
        reporter().say(f"vLLM {made.version} for {'CPU' if made.on_cpu else 'GPU'} in {folder}")
        if environment is not None:
            reporter().say(f'set sampling.vllm.environment = "{folder}"')

    _guard(work, debug)


def main() -> None:
    """Run the command line."""
    app()


def _run(
    path: Path | None,
    overrides: list[str] | None,
    dry_run: bool,
    cache: Path | None,
    debug: bool,
    work: Callable[[RunConfig, Path], None],
) -> None:
    def guarded() -> None:
        settings = load_config(path, overrides or ())
        if dry_run:
            from flows.planning import show_plan

            show_plan(settings, cache or default_cache(), reporter().console)
            return
        _quiet_libraries(debug)
        work(settings, cache or default_cache())

    _guard(guarded, debug)


def _guard(work: Callable[[], None], debug: bool) -> None:
    """Do the work; an error becomes one line and an exit code."""
    console = Console(soft_wrap=True)
    if not console.is_terminal:
        console.width = max(console.width, _PLAIN_WIDTH)
    set_console(console)
    errors = Console(stderr=True, soft_wrap=True)
    received = _raise_on_signals()
    try:
        work()
    except BaseException as error:
        if received or isinstance(error, KeyboardInterrupt):  # libraries make other errors of an interrupt
            errors.print("stopped; what is written is kept: the same command goes on from there", highlight=False)
            raise typer.Exit(128 + (received[0] if received else signal.SIGINT)) from None
        if debug or not isinstance(error, (PairsmithError, ConfigError, OSError)):
            raise
        errors.print(f"error: {_one_line(error)}", style="red", highlight=False, markup=False)
        raise typer.Exit(EXIT_ERROR) from None


def _raise_on_signals() -> list[int]:
    """Have Ctrl-C and SIGTERM raise KeyboardInterrupt, so that sandboxes are closed; return the list they join."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    return received


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _quiet_libraries(debug: bool) -> None:
    """Keep the terminal to our own lines."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if debug:
        os.environ["PREFECT_LOGGING_LEVEL"] = "INFO"
        return
    logging.disable(logging.ERROR)  # Prefect's among them; our own errors are one line, and say more
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def default_cache() -> Path:
    """Return the folder of what this user's runs share."""
    return Path.home() / ".cache" / "pairsmith"


def read_key(variable: str) -> str | None:
    """Return the key that a variable holds. Flows get this function, not the key: Prefect records parameters."""
    return os.environ.get(variable)


def _print_stages(settings: RunConfig) -> None:
    from flows.chain import STAGES
    from flows.tables import HEADER, stage_rows

    _print_table(HEADER, stage_rows(settings.run, STAGES))


def _print_gains(settings: RunConfig) -> None:
    from flows.tables import gain_rows
    from pipeline.scoring import gains_from_json

    path = settings.run / "evaluation" / "gains.json"
    if path.is_file():
        header = ("held-out problems", "before", "after", "change", "")
        _print_table(header, gain_rows(gains_from_json(path.read_text(encoding="utf-8"))))


def _print_report(settings: RunConfig) -> None:
    reporter().say(f"report      {settings.run / 'report.html'}")


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    reporter().console.print(table)


if __name__ == "__main__":
    main()
