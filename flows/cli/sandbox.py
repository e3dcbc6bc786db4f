"""The verbs of the sandbox: build its image, check what it holds."""

import os
from typing import Annotated

import typer
from rich.console import Console

from pairsmith.flows.cli.shared import EXIT_ERROR, Debug, app, guard
from pairsmith.flows.runtime.reporting import reporter

sandbox_app = typer.Typer(no_args_is_help=True, help="Build and check the sandbox that programs run in.")
app.add_typer(sandbox_app, name="sandbox")


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
        from pairsmith.pipeline.languages.table import packages_of
        from pairsmith.pipeline.sandbox.image import build_image

        names = [name.strip() for name in languages.split(",") if name.strip()]
        reporter().say(f"{tag}: {build_image(base_image, tag, packages_of(names))}")

    guard(work, debug)


@sandbox_app.command("check")
def sandbox_check_command(
    image: Annotated[str, typer.Option("--image", help="Docker image to check.")] = "pairsmith-sandbox:latest",
    parallel: Annotated[int, typer.Option("--parallel", min=1, help="Programs tried at the same time.")] = 4,
    answers: Annotated[bool, typer.Option("--answers", help="Judge answers with known labels instead.")] = False,
    debug: Debug = False,
) -> None:
    """Try the attack corpus on this machine's sandboxes and show what held; a few minutes.

    Example: `pairsmith sandbox check --answers`
    """

    def work() -> None:
        check = check_answers if answers else check_sandboxes
        if not check(image, parallel, reporter().console):
            raise typer.Exit(EXIT_ERROR)

    guard(work, debug)


def check_sandboxes(image: str, n_parallel: int, console: Console) -> bool:
    """Try every attack on every engine that can be used here; print a table; return whether all held.

    Raises:
        SandboxError: if no corpus is there, or a sandbox stays broken.
    """
    from rich.progress import Progress
    from rich.table import Table

    from pairsmith.pipeline.execution.audit import (
        LIMITS,
        attacks_folder,
        describe,
        load_attacks,
        make_engines,
        table_rows,
        try_attacks,
    )
    from pairsmith.pipeline.languages.toolchains import describe_languages

    attacks = load_attacks(attacks_folder())
    engines, reasons = make_engines(LIMITS.model_copy(update={"image": image}), f"check-{os.getpid()}")
    for reason in reasons:
        console.print(f"not checked: {reason}", highlight=False, markup=False)
    tried = []
    for engine in engines:
        console.print(describe(engine), highlight=False, markup=False)
        console.print(f"{engine.name}: {describe_languages(engine, LIMITS)}", highlight=False, markup=False)
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(engine.name, total=len(attacks))
            tried.append(
                try_attacks(attacks, engine, n_parallel=n_parallel, on_done=lambda _: progress.advance(task))  # noqa: B023
            )
    table = Table("attack", "what it tries", *(engine.name for engine in engines))
    for row in table_rows(attacks, tried):
        table.add_row(*row)
    console.print(table, markup=False)
    n_held = sum(trial.held for trials in tried for trial in trials)
    n_tried = sum(map(len, tried))
    console.print(f"{n_held} of {n_tried} held", highlight=False)
    return bool(engines) and n_held == n_tried


def check_answers(image: str, n_parallel: int, console: Console) -> bool:
    """Judge the corpus of answers on every engine that can be used here; return whether no label was wrong.

    Raises:
        SandboxError: if a sandbox stays broken.
        LanguageError: if a toolchain is missing in a sandbox.
    """
    from rich.table import Table

    from pairsmith.pipeline.execution.answers import judge_answers, load_answers, table_of
    from pairsmith.pipeline.execution.audit import LIMITS, make_engines
    from pairsmith.pipeline.sandbox import SandboxPool
    from pairsmith.schemas.config import ExecutionConfig

    answers = load_answers()
    limits = LIMITS.model_copy(update={"image": image, "workers": n_parallel})
    engines, reasons = make_engines(limits, f"answers-{os.getpid()}")
    for reason in reasons:
        console.print(f"not checked: {reason}", highlight=False, markup=False)
    n_wrong = 0
    for engine in engines:
        pool = SandboxPool(engine, limits, ExecutionConfig())
        try:
            rows = table_of(answers, judge_answers(answers, pool))
        finally:
            pool.close()
            engine.close()
        table = Table("answers", "rows", "right", "undecided", "wrong", title=engine.name)
        for kind, *counts in rows:
            table.add_row(kind, *map(str, counts))
            n_wrong += counts[-1]
        console.print(table, markup=False)
    return bool(engines) and n_wrong == 0
