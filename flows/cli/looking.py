"""The verbs that look at a run and change nothing: status, inspect, repeats."""

from typing import Annotated

import typer

from pairsmith.flows.cli.shared import Debug, Overrides, RunArgument, app, default_cache, guard, run_here
from pairsmith.flows.runtime.reporting import reporter


@app.command("status")
def status_command(
    run: Annotated[
        str | None,
        typer.Argument(
            help="Run folder or address in a store, or TOML file to judge it by; without one all of `runs`."
        ),
    ] = None,
    overrides: Overrides = None,
    debug: Debug = False,
) -> None:
    """Show what of a run is done, running and stale, and why.

    Examples: `pairsmith status`, `pairsmith status runs/demo`, `pairsmith status run.toml --set sampling.n=8`
    """

    def work() -> None:
        from pairsmith.flows.cli.status import show_status

        show_status(run, overrides or (), default_cache(), reporter().console)

    guard(work, debug)


@app.command("inspect")
def inspect_command(
    run: RunArgument,
    pairs: Annotated[int, typer.Option("--pairs", min=0, help="Pairs to show.")] = 1,
    debug: Debug = False,
) -> None:
    """Show what a run holds: its stages, scores and some pairs.

    Example: `pairsmith inspect runs/demo --pairs 3`
    """

    def work() -> None:
        with run_here(run) as folder:
            from pairsmith.flows.inspecting import show_run

            show_run(folder, pairs, reporter().console)

    guard(work, debug)


@app.command("repeats")
def repeats_command(
    run: RunArgument,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0.1, max=1.0, help="Jaccard similarity of near-duplicates.")
    ] = 0.85,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
    debug: Debug = False,
) -> None:
    """Look for near-duplicate programs over all problems of a run, and whether any span train and test.

    Example: `pairsmith repeats runs/demo --threshold 0.9`
    """

    def work() -> None:
        with run_here(run, is_written=True) as folder:
            from pairsmith.pipeline.report.terminal import show_repeats

            show_repeats(folder, threshold, workers, reporter().console)

    guard(work, debug)


@app.command("explain")
def explain_command(
    pair_id: Annotated[str, typer.Argument(help="Id of a pair, or at least its first six digits.")],
    run: Annotated[
        str | None,
        typer.Option("--run", help="Run folder or address in a store; without it all of `runs` are searched."),
    ] = None,
    cases: Annotated[int, typer.Option("--cases", min=0, help="Cases to show.")] = 10,
    debug: Debug = False,
) -> None:
    """Show the whole history of one pair: prompts, samples, cases, tags, why it was chosen and why not another.

    Example: `pairsmith explain b94f31 --run runs/demo`
    """

    def work() -> None:
        from pairsmith.pipeline.report.terminal import show_history

        with run_here(run or "") as folder:
            show_history(pair_id, folder if run else None, cases, reporter().console)

    guard(work, debug)


@app.command("view")
def view_command(
    run: RunArgument,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others than loopback are no secret.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8765,
    debug: Debug = False,
) -> None:
    """Look at the pairs of a run in a browser, and mark good, bad and wrongly labelled ones.

    Example: `pairsmith view runs/demo`
    """

    def work() -> None:
        from pairsmith.pipeline.viewer import serve

        with run_here(run, is_written=True) as folder:
            serve(folder, host, port, reporter().say)

    guard(work, debug)
