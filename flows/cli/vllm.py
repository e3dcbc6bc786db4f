"""The verb that installs vLLM for the servers that runs start."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pairsmith.flows.cli.shared import Cache, Debug, app, default_cache, guard
from pairsmith.flows.runtime.reporting import reporter

vllm_app = typer.Typer(no_args_is_help=True, help="Install vLLM for the servers that runs start.")
app.add_typer(vllm_app, name="vllm")


class Device(StrEnum):
    """What vLLM is installed for."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


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
        from pairsmith.pipeline.sampling.vllm_server import default_environment, install

        folder = environment or default_environment(cache or default_cache())
        made = install(folder, device.value, reporter().say, pip_option or ())
        reporter().say(f"vLLM {made.version} for {'CPU' if made.on_cpu else 'GPU'} in {folder}")
        if environment is not None:
            reporter().say(f'set sampling.vllm.environment = "{folder}"')

    guard(work, debug)
