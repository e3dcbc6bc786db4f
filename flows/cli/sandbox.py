"""The verbs of the sandbox: build its image, check what it holds."""

from typing import Annotated

import typer

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
    debug: Debug = False,
) -> None:
    """Try the attack corpus on this machine's sandboxes and show what held; a few minutes.

    Example: `pairsmith sandbox check`
    """

    def work() -> None:
        from pairsmith.flows.checking import check_sandboxes

        if not check_sandboxes(image, parallel, reporter().console):
            raise typer.Exit(EXIT_ERROR)

    guard(work, debug)
