"""The verbs of what runs need around them: the sandbox, vLLM, the store of samples, the server of schedules."""

import contextlib
import os
import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.flows.cli.shared import (
    EXIT_ERROR,
    Cache,
    ConfigFile,
    Overrides,
    app,
    default_cache,
    run_on_config,
    verb,
)
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.config import ExecutionConfig, RunConfig, SandboxConfig

if TYPE_CHECKING:
    from pairsmith.pipeline.sandbox.contract import Engine

sandbox_app = typer.Typer(no_args_is_help=True, help="Build and check the sandbox that programs run in.")
app.add_typer(sandbox_app, name="sandbox")


@verb("build", sandbox_app)
def sandbox_build_command(
    base_image: Annotated[str, typer.Option("--base-image", help="Any image with a python3.")] = (
        "python:3.11-slim"
    ),
    tag: Annotated[str, typer.Option("--tag", help="Name of the image.")] = "pairsmith-sandbox:latest",
    languages: Annotated[
        str, typer.Option("--languages", help="Toolchains to install, such as `java,cpp`, or `all`; Debian bases.")
    ] = "",
    packages: Annotated[
        str,
        typer.Option(
            "--packages",
            help="Fetch these packages instead of building toolchains: `numpy,npm:lodash,crate:rand`.",
        ),
    ] = "",
) -> None:
    """Build the Docker image of the sandbox, or fetch the packages that programs may import.

    Example: `pairsmith sandbox build --languages java,cpp`
    """
    if packages:
        fetch_packages([name.strip() for name in packages.split(",") if name.strip()], tag)
        return
    from pairsmith.pipeline.languages.table import packages_of
    from pairsmith.pipeline.sandbox.docker_engine import build_image

    names = [name.strip() for name in languages.split(",") if name.strip()]
    reporter().log(f"{tag}: {build_image(base_image, tag, packages_of(names))}")


def fetch_packages(packages: list[str], image: str) -> None:
    """Prepare packages for the available sandboxes, and print their locations."""
    from pairsmith.pipeline.sandbox import SandboxError, bubblewrap, docker_engine
    from pairsmith.pipeline.sandbox.packages import lock_of

    made, reasons = None, []
    try:
        made = bubblewrap.add_packages(packages)
        reporter().log(f"bubblewrap: {made}")
    except SandboxError as error:
        reasons.append(f"unavailable: bubblewrap: {error}")
    try:
        docker_engine.connect().close()
        tag, made = docker_engine.add_packages(image, packages)
        reporter().log(f"docker: {tag}")
    except SandboxError as error:
        reasons.append(f"unavailable: docker: {error}")
    for line in reasons:
        reporter().log(line)
    if made is None:
        raise SandboxError("no sandbox is available to prepare packages for")
    for line in lock_of(made):
        reporter().log(line)


@verb("check", sandbox_app)
def sandbox_check_command(
    image: Annotated[str, typer.Option("--image", help="Docker image to check.")] = "pairsmith-sandbox:latest",
    parallel: Annotated[int, typer.Option("--parallel", min=1, help="Programs that run at the same time.")] = 4,
    answers: Annotated[bool, typer.Option("--answers", help="Judge answers with known labels instead.")] = False,
) -> None:
    """Try the attack corpus on this machine's sandboxes and show what held; a few minutes.

    Example: `pairsmith sandbox check --answers`
    """
    check = check_answers if answers else check_sandboxes
    if not check(image, parallel):
        raise typer.Exit(EXIT_ERROR)


def check_sandboxes(image: str, n_parallel: int) -> bool:
    """Try every attack on every engine that can be used here; print a table; return whether all held."""
    from rich.progress import Progress

    from pairsmith.pipeline.execution.audit import (
        LIMITS,
        attacks_folder,
        describe,
        load_attacks,
        table_rows,
        try_attacks,
    )
    from pairsmith.pipeline.languages.toolchains import describe_languages
    from pairsmith.pipeline.report.tables import print_table
    from pairsmith.pipeline.sandbox.packages import describe_packages

    log, console = reporter().log, reporter().console
    attacks = load_attacks(attacks_folder())
    engines = _engines(LIMITS.model_copy(update={"image": image}))
    tried = []
    for engine in engines:
        log(describe(engine))
        log(f"{engine.name}: {describe_languages(engine, LIMITS)}")
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(engine.name, total=len(attacks))
            tried.append(
                try_attacks(attacks, engine, n_parallel=n_parallel, on_done=lambda _: progress.advance(task))  # noqa: B023
            )
    for line in describe_packages() or ["packages: none; `pairsmith sandbox build --packages numpy` adds numpy"]:
        log(line)
    print_table(
        console, ("attack", "what it tries", *(engine.name for engine in engines)), table_rows(attacks, tried)
    )
    n_held = sum(trial.held for trials in tried for trial in trials)
    n_tried = sum(map(len, tried))
    log(f"{n_held} of {n_tried} held")
    return bool(engines) and n_held == n_tried


def _engines(limits: SandboxConfig) -> "list[Engine]":
    """Return the engines that can be used here; log why others can't."""
    from pairsmith.pipeline.execution.audit import make_engines

    engines, reasons = make_engines(limits, f"check-{os.getpid()}")
    for reason in reasons:
        reporter().log(f"not checked: {reason}")
    return engines


def check_answers(image: str, n_parallel: int) -> bool:
    """Judge the corpus of answers on every engine that can be used here; return whether no label was wrong."""
    from pairsmith.pipeline.execution.answers import judge_answers, load_answers, table_of
    from pairsmith.pipeline.execution.audit import LIMITS
    from pairsmith.pipeline.report.tables import print_table
    from pairsmith.pipeline.sandbox import SandboxPool

    answers = load_answers()
    limits = LIMITS.model_copy(update={"image": image, "workers": n_parallel})
    engines = _engines(limits)
    n_wrong = 0
    for engine in engines:
        pool = SandboxPool(engine, limits, ExecutionConfig())
        try:
            rows = table_of(answers, judge_answers(answers, pool))
        finally:
            pool.close()
            engine.close()
        header = ("answers", "rows", "right", "undecided", "wrong")
        print_table(reporter().console, header, rows, title=engine.name)
        n_wrong += sum(counts[-1] for _, *counts in rows)
    return bool(engines) and n_wrong == 0


vllm_app = typer.Typer(no_args_is_help=True, help="Install vLLM for the servers that runs start.")
app.add_typer(vllm_app, name="vllm")


class Device(StrEnum):
    """What vLLM is installed for."""

    CPU = "cpu"
    GPU = "gpu"


@verb("install", vllm_app)
def vllm_install_command(
    device: Annotated[
        Device | None, typer.Option("--device", help="Build of vLLM; default: `gpu` if `nvidia-smi` exists.")
    ] = None,
    cache: Cache = None,
) -> None:
    """Make the environment that vLLM servers run in, below the cache; minutes, several GB on a GPU.

    Example: `pairsmith vllm install --device cpu`
    """
    from pairsmith.pipeline.sampling.vllm_server import install

    on_cpu = device is Device.CPU if device else shutil.which("nvidia-smi") is None
    folder = (cache or default_cache()) / "vllm"
    install(folder, on_cpu, reporter().log)
    reporter().log(f"vLLM for {'CPU' if on_cpu else 'GPU'} in {folder}")


store_app = typer.Typer(no_args_is_help=True, help="Check and repair the store of drawn samples.")
app.add_typer(store_app, name="store")
StoreFile = Annotated[
    Path | None, typer.Argument(help="The store, such as runs/mine/samples.sqlite; default: the shared store.")
]


@verb("check", store_app)
def store_check_command(path: StoreFile = None, cache: Cache = None) -> None:
    """Read every sample of the store; exit with 1 where one, or the file, is damaged.

    Example: `pairsmith store check runs/mine/samples.sqlite`
    """
    from pairsmith.pipeline.sampling.store import SampleStore

    file = path or (cache or default_cache()) / "samples.sqlite"
    if not file.is_file():
        raise PairsmithError(f"{file}: no such sample store")
    with contextlib.closing(SampleStore(file)) as store:
        state = store.check()
    damaged = f", {state.n_damaged:,} damaged rows, which runs sample again" if state.n_damaged else ""
    reporter().log(f"{file}: {state.n_rows:,} samples{damaged}")
    if state.fault:
        raise PairsmithError(f"{file}: {state.fault}; `pairsmith store repair` keeps the readable samples")
    if state.n_damaged:
        raise typer.Exit(EXIT_ERROR)


@verb("repair", store_app)
def store_repair_command(path: StoreFile = None, cache: Cache = None) -> None:
    """Make the store anew of the samples that can be read; the old file stays beside it. No run may use it now.

    Example: `pairsmith store repair runs/mine/samples.sqlite`
    """
    from pairsmith.pipeline.sampling.store import repair

    file = path or (cache or default_cache()) / "samples.sqlite"
    n_kept, n_dropped, old = repair(file)
    reporter().log(f"{file}: {n_kept:,} samples kept, {n_dropped:,} damaged rows left out; the old file is {old}")


@verb("serve")
def serve_command(config: ConfigFile = None, overrides: Overrides = None) -> None:
    """Serve all flows to Prefect, with the times of `schedule`, until it is stopped.

    Without PREFECT_API_URL, it uses the Prefect server at port 4200 of this machine, or starts one there.

    Example: `pairsmith serve run.toml --set "schedule.refresh='0 3 * * *'"`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from pairsmith.flows.deployed import serve_all
        from pairsmith.flows.runtime.servers import local_server

        if config is None:
            raise PairsmithError("pairsmith serve needs a TOML file, which its runs read when they start")
        with contextlib.ExitStack() as stack:
            url = PREFECT_API_URL.value() or stack.enter_context(local_server())
            stack.enter_context(temporary_settings({PREFECT_API_URL: url}))
            reporter().log(f"serve       at {url}; Ctrl-C ends it")
            serve_all(settings, config, overrides or ())
            raise KeyboardInterrupt  # Prefect keeps the one that ended it to itself

    run_on_config(config, overrides, False, None, work)
