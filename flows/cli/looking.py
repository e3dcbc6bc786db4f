"""The verbs that begin and look: init, status, inspect, repeats, explain, view."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pairsmith.flows.cli.shared import (
    Overrides,
    RunArgument,
    default_cache,
    keep_pandas_out,
    paged,
    run_here,
    verb,
)
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.config import load_config

Form = Literal["verl", "trl-grpo", "verifiers", "openenv"]


class ThereAlreadyError(PairsmithError):
    """A file that would be overwritten."""


class BrokenFileError(PairsmithError):
    """Files of a run that are missing or changed."""


@verb("init")
def init_command(
    path: Annotated[
        Path, typer.Argument(help="File to write; `-` prints it. A .jsonl file gets one problem of each form.")
    ] = Path("pairsmith.toml"),
    overrides: Overrides = None,
    every: Annotated[bool, typer.Option("--all", help="Write every key with its type and bounds.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a configuration file with the keys that most people set, or with every key.

    A file that ends in `.jsonl` gets one problem of each form that own problems may have, to copy from.

    Examples: `pairsmith init`, `pairsmith init mine.toml --set problems.source=humaneval --set sampling.n=8`,
    `pairsmith init problems.jsonl`
    """
    from pairsmith.pipeline.problems.sources.starter import forms
    from pairsmith.pipeline.reference import commented_toml, short_toml
    from pairsmith.pipeline.run.folder import write_whole

    is_problems = path.suffix == ".jsonl"
    write = commented_toml if every else short_toml
    text = forms() if is_problems else write(load_config(None, overrides or ()))
    if str(path) == "-":
        typer.echo(text, nl=False)
        return
    if path.exists() and not force:
        raise ThereAlreadyError(f"{path}: the file exists; choose another name, or overwrite it with --force")
    write_whole(path, text.encode())
    then = f"--set problems.source=jsonl --set problems.path={path}" if is_problems else str(path)
    reporter().log(f"wrote {path}; check it, then: pairsmith build {then} --dry-run")


@verb("status")
def status_command(
    run: Annotated[
        str | None,
        typer.Argument(
            help="Run folder, address in a store, or TOML file to compare with; default: all in `runs`."
        ),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Show what of a run is done, running and stale, and why.

    Examples: `pairsmith status`, `pairsmith status runs/demo`, `pairsmith status run.toml --set sampling.n=8`
    """
    from pairsmith.flows.cli.status import show_status

    keep_pandas_out()
    show_status(run, overrides or (), default_cache(), reporter().console)


@verb("inspect")
def inspect_command(
    run: RunArgument, pairs: Annotated[int, typer.Option("--pairs", min=0, help="Pairs to show.")] = 1
) -> None:
    """Show a run's stages, scores and some pairs.

    On a terminal, long output opens in a pager; `PAGER=cat` turns that off.

    Example: `pairsmith inspect runs/demo --pairs 3`
    """
    with run_here(run) as folder:
        from pairsmith.pipeline.report.tables import show_run

        with paged(reporter().console):
            show_run(folder, pairs, reporter().console)


@verb("verify")
def verify_command(run: RunArgument) -> None:
    """Check every file of a run's stages, and list those that are missing or changed.

    A build trusts a manifest: of a stage of more than 256 MiB it reads some files, other ones each time.

    Example: `pairsmith verify runs/demo`
    """
    from pairsmith.pipeline.chain.state import broken_files

    with run_here(run) as folder:
        broken = list(broken_files(folder))
    if broken:
        names = ", ".join(str(path.relative_to(folder)) for path in broken)
        raise BrokenFileError(f"{run}: missing or changed: {names}; delete them and build again")
    reporter().log(f"verify      {run}: all files are unchanged")


@verb("repeats")
def repeats_command(
    run: RunArgument,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0.7, max=1.0, help="Jaccard similarity of near-duplicates.")
    ] = 0.85,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
) -> None:
    """Look for near-duplicate programs over all problems of a run, and whether any span train and test.

    Example: `pairsmith repeats runs/demo --threshold 0.9`
    """
    with run_here(run, is_written=True) as folder:
        from pairsmith.pipeline.report.tables import show_repeats

        show_repeats(folder, threshold, workers, reporter().console)


@verb("explain")
def explain_command(
    pair_id: Annotated[str, typer.Argument(help="Id of a pair, or at least its first six digits.")],
    run: Annotated[
        str | None,
        typer.Option("--run", help="Run folder or address in a store; default: search all runs in `runs`."),
    ] = None,
    cases: Annotated[int, typer.Option("--cases", min=0, help="Cases to show.")] = 10,
) -> None:
    """Show the whole history of one pair: prompts, samples, cases, tags, and the other candidates.

    On a terminal, long output opens in a pager; `PAGER=cat` turns that off.

    Example: `pairsmith explain b94f31 --run runs/demo`
    """
    from pairsmith.pipeline.report.terminal import show_history

    with run_here(run or "") as folder, paged(reporter().console):
        show_history(pair_id, folder if run else None, cases, reporter().console)


@verb("view")
def view_command(
    run: RunArgument,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on. On addresses other than loopback, others can read and mark the run.",
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 selects a free one.")] = 8765,
) -> None:
    """Look at the pairs of a run in a browser, and mark good, bad and wrongly labelled ones.

    For a folder of rounds it shows the recommended round, else the last one; give `mine/round-2` for another.

    Example: `pairsmith view runs/demo`
    """
    from pairsmith.pipeline.viewer import serve

    with run_here(run, is_written=True) as folder:
        serve(_shown_round(folder), host, port, reporter().log)


@verb("export")
def export_command(
    run: RunArgument,
    form: Annotated[Form, typer.Option("--form", help="Format of the output.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.")] = Path("export"),
) -> None:
    """Write a run's problems for RL: prompts, and what `pairsmith.rewards` judges by.

    Example: `pairsmith export runs/demo --form trl-grpo --out demo-grpo`
    """
    from pairsmith.pipeline.publishing.rl import export_problems

    with run_here(run) as folder:
        counts = export_problems(_shown_round(folder), form, out)
    reporter().log(f"export      {out}: {', '.join(f'{n} {split}' for split, n in counts.items())}")


def _shown_round(folder: Path) -> Path:
    """Return the run of a folder of rounds that is shown; any other folder unchanged."""
    from pairsmith.pipeline.evaluation.round_config import list_rounds, round_folder
    from pairsmith.pipeline.evaluation.rounds import read_rounds

    rounds = list_rounds(folder)
    if not rounds:
        return folder
    result = read_rounds(folder)
    shown = round_folder(folder, result.recommended) if result is not None and result.recommended else rounds[-1]
    reporter().log(f"round       {shown}; all rounds are in {folder / 'report.html'}")
    return shown
