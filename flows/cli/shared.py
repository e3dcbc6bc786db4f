"""What all verbs share: the application, options, and how an error or a signal becomes an exit code."""

import contextlib
import functools
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

from pairsmith.flows.cli.limits import allow_open_files, need_memory, what_ran_out
from pairsmith.flows.runtime.reporting import reporter, set_console
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.safe_text import shown_text
from pairsmith.schemas.config import ConfigError, RunConfig, load_config


class NotReadyError(PairsmithError):
    """Something that the verb works on is not there."""


def need_pairs(config: RunConfig) -> None:
    """Raise NotReadyError where training has nothing to train on; a run in a store is read after it is fetched."""
    folder = config.run / "dataset"
    if config.training.reads_own_pairs() and not config.store and not folder.is_dir():
        raise NotReadyError(f"{folder}: no such folder of pairs; run `pairsmith build` first")


def need_publishable(config: RunConfig) -> None:
    """Raise NotReadyError where there is nothing to publish, or nowhere."""
    if not config.publish.dataset and not config.publish.model:
        raise NotReadyError("no repository to publish to; set publish.dataset=owner/name")
    if not config.store and not (config.run / "dataset").is_dir():
        raise NotReadyError(f"{config.run}: no dataset; run `pairsmith build` first")


DEBUG = "PAIRSMITH_DEBUG"
"""Variable of the environment that has tracebacks and Prefect's log shown."""
EXIT_ERROR = 1
EXIT_CODES = {
    0: "success, also if there was nothing to do",
    1: "an error, reported in one line with cause and remedy; or a failed check or gate",
    2: "incorrect usage: an unknown command or option, a missing argument",
    128 + signal.SIGINT: "stopped by Ctrl-C; results so far are kept, and the same command resumes",
    128 + signal.SIGPIPE: "the reader of the output closed it",
    128 + signal.SIGTERM: "stopped by SIGTERM; as with Ctrl-C",
}
"""What the command's exit codes mean."""
_PLAIN_WIDTH = 132  # of tables in files and pipes: a row of an evaluation fits
_LONGEST_ERROR = 4000  # characters
PLAN = ("show_plan",)  # of a whole run
_STOPPING = (signal.SIGINT, signal.SIGTERM)


app = typer.Typer(
    add_completion=True, invoke_without_command=True, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)


def show_version(wanted: bool) -> None:
    """Print the version and exit, if requested."""
    if wanted:
        from importlib.metadata import version

        print(f"pairsmith {version('pairsmith')}")
        raise typer.Exit


@app.callback()
def without_verb(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=show_version)
    ] = False,
) -> None:
    """Turn a code model's own samples into preference data that can be trusted, and train on it.

    Without a verb, `pairsmith` shows the next step for the current folder.
    """
    if context.invoked_subcommand is None:
        from pairsmith.flows.cli.status import show_next

        keep_pandas_out()
        guard(lambda: show_next(reporter().console))


def complete_key(incomplete: str) -> Iterator[tuple[str, str]]:
    """Give the keys of the configuration that begin so, each with what it means: for the shell's completion."""
    from pairsmith.pipeline.reference import list_keys

    for key in list_keys():
        if key.path.startswith(incomplete):
            yield f"{key.path}=", key.description


ConfigFile = Annotated[Path | None, typer.Argument(help="TOML file; without one, the default settings.")]
RunArgument = Annotated[
    str, typer.Argument(help="Run folder, its TOML file, or its address in a store, `s3://bucket/mine`.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override, such as `sampling.n=8`; may be repeated.", autocompletion=complete_key),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan without running it.")]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="Folder for converted models; default: ~/.cache/pairsmith.")
]


def verb(name: str, group: typer.Typer = app) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a verb; an error in it becomes one line and an exit code."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def command(**given: Any) -> None:
            guard(lambda: function(**given))

        group.command(name)(command)
        return function

    return register


def run_on_config(
    path: Path | None,
    overrides: list[str] | None,
    dry_run: bool,
    cache: Path | None,
    work: Callable[[RunConfig, Path], None],
    plan: Sequence[str] = PLAN,
    check: Callable[[RunConfig], None] | None = None,
    is_done: Callable[[RunConfig, Path], bool] | None = None,
    base: Path | None = None,
) -> None:
    """Load the configuration and do the work on it, or print its plan (that of a whole run by default).

    Args:
        work: gets the configuration and the cache folder.
        plan: function of `flows.cli.plans` that prints what the work would do, and the parts that it is of.
        check: raises what is known to be wrong before anything is opened; a plan is printed without it.
        is_done: returns whether nothing is left to do, and prints what the work would print; Prefect is then not
            loaded.
        base: TOML file under the configuration.
    """
    settings, folder = load_config(path, overrides or (), base), cache or default_cache()
    if dry_run:
        from pairsmith.flows.cli import plans

        keep_pandas_out()
        name, *parts = plan
        getattr(plans, name)(settings, folder, reporter().console, *([parts] if parts else ()))
        return
    if check is not None:
        check(settings)
    if is_done is not None and is_done(settings, folder):
        return
    need_memory()
    prepare_libraries()
    work(settings, folder)


def guard(work: Callable[[], None]) -> None:
    """Do the work; an error becomes one line and an exit code."""
    console = Console(soft_wrap=True)
    if not console.is_terminal:
        console.width = max(console.width, _PLAIN_WIDTH)
    set_console(console)
    errors = Console(stderr=True, soft_wrap=True)
    came = _raise_on_signals()
    try:
        allow_open_files()
        work()
    except BaseException as error:
        received = came()
        if received or isinstance(error, KeyboardInterrupt):  # libraries make other errors of an interrupt
            for number in _STOPPING:  # the sandboxes are closed; who asks again doesn't wait for a model's batch
                signal.signal(number, signal.SIG_DFL)
            errors.print("stopped; results so far are kept, and the same command resumes", highlight=False)
            raise typer.Exit(128 + (received[0] if received else signal.SIGINT)) from None
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be flushed
            raise typer.Exit(128 + signal.SIGPIPE) from None
        is_ours = isinstance(error, (PairsmithError, ConfigError))  # which names the thing and the remedy itself
        limit = "" if is_ours else what_ran_out(error)
        if _wants_debug() or not (limit or is_ours or isinstance(error, OSError)):
            raise
        faults = str(error).splitlines() if isinstance(error, ConfigError) else [limit or str(error)]
        for fault in faults:
            line = shown_text(" ".join(fault.split()), _LONGEST_ERROR) or type(error).__name__
            errors.print(f"error: {line}", style="red", highlight=False, markup=False)
        raise typer.Exit(EXIT_ERROR) from None


def _raise_on_signals() -> Callable[[], list[int]]:
    """Have Ctrl-C and SIGTERM raise KeyboardInterrupt, so that sandboxes are closed; return how to ask which came.

    Prefect puts a handler of its own over SIGTERM's, and a sandbox that the same signal ended makes another error
    of it: Python itself writes down which signals came.
    """
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    handled: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        handled.append(number)
        raise KeyboardInterrupt

    def came() -> list[int]:
        with contextlib.suppress(BlockingIOError):
            handled.extend(number for number in os.read(reading, 4096) if number in _STOPPING)
        return handled

    for number in _STOPPING:
        signal.signal(number, interrupt)
    return came


def paged(console: Console) -> contextlib.AbstractContextManager[object]:
    """Show what is printed in a pager if it is longer than the terminal; files and pipes get it unchanged."""
    os.environ.setdefault("LESS", "-FRX")  # ends at once where all fits, keeps colours, leaves the text behind
    is_live = console.is_terminal and not console.is_dumb_terminal
    return console.pager(styles=True) if is_live else contextlib.nullcontext()


def keep_pandas_out() -> None:
    """Have pyarrow find no pandas in this process unless something else loads it; saves half a second.

    It looks once, at its first array, to know lists from Series.
    """
    import pyarrow as pa

    if "pandas" in sys.modules:
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        with contextlib.suppress(ImportError, AttributeError):
            pa.array([0])
    finally:
        del sys.modules["pandas"]


def prepare_libraries() -> None:
    """Keep the terminal to our own lines, and signals to this process."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if _wants_debug():
        os.environ["PREFECT_LOGGING_LEVEL"] = "INFO"
    else:
        logging.disable(logging.ERROR)  # Prefect's among them; our own errors are one line, and say more
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
    from pairsmith.flows.runtime.servers import take_over  # imports Prefect, after the level of its log is known

    take_over()


def _wants_debug() -> bool:
    return bool(os.environ.get(DEBUG))


def default_cache() -> Path:
    """Return the folder of what this user's runs share."""
    return Path.home() / ".cache" / "pairsmith"


@contextlib.contextmanager
def run_here(run: str, is_written: bool = False) -> Iterator[Path]:
    """Give the folder of a run on this machine; one that is named by its address in a store is fetched.

    Args:
        is_written: what is written into it, such as marks, is put there; else the store is only read.

    Raises:
        PairsmithError: no such folder, nothing is at the address, or it can't be reached.
    """
    keep_pandas_out()
    if "://" not in run:
        folder = load_config(Path(run)).run if run.endswith(".toml") and Path(run).is_file() else Path(run)
        if not folder.is_dir():
            raise NotReadyError(f"{folder}: no such run folder; give one that `pairsmith build` wrote")
        yield folder
        return
    from pairsmith.pipeline.chain.tools import is_read, look, nothing_at, open_stored

    if is_written:
        with open_stored(run, default_cache()) as mirror:
            yield mirror.run
        return
    stored = look(run, default_cache(), only=is_read)
    if stored.is_empty:
        raise nothing_at(run)
    yield stored.run


def read_key(variable: str) -> str | None:
    """Return the key that a variable holds. Flows get this function, not the key: Prefect records parameters."""
    return os.environ.get(variable)
