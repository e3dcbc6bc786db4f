"""The verb that begins: writes a configuration with every key explained."""

from pathlib import Path
from typing import Annotated

import typer

from pairsmith.flows.cli.shared import Debug, Overrides, app, guard
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.config import load_config


class ThereAlreadyError(PairsmithError):
    """A file that would be overwritten."""


@app.command("init")
def init_command(
    path: Annotated[
        Path, typer.Argument(help="File to write; `-` prints it. A .jsonl gets a problem of each form.")
    ] = Path("pairsmith.toml"),
    overrides: Overrides = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    debug: Debug = False,
) -> None:
    """Write a configuration file with every key, its default, its type and what it means.

    A file that ends in `.jsonl` gets one problem of each form that own problems may have, to copy from.

    Examples: `pairsmith init`, `pairsmith init mine.toml --set problems.source=humaneval --set sampling.n=8`,
    `pairsmith init problems.jsonl`
    """

    def work() -> None:
        from pairsmith.pipeline.problems.sources.starter import forms
        from pairsmith.pipeline.reference import commented_toml
        from pairsmith.pipeline.run.folder import write_whole

        is_problems = path.suffix == ".jsonl"
        text = forms() if is_problems else commented_toml(load_config(None, overrides or ()))
        if str(path) == "-":
            typer.echo(text, nl=False)
            return
        if path.exists() and not force:
            raise ThereAlreadyError(f"{path}: there already; give another name, or --force to overwrite it")
        write_whole(path, text.encode())
        then = f"--set problems.source=jsonl --set problems.path={path}" if is_problems else str(path)
        reporter().say(f"wrote {path}; look through it, then: pairsmith build {then} --dry-run")

    guard(work, debug)
