"""Shows what the sandboxes of this machine hold against."""

import os

from rich.console import Console
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


def check_sandboxes(image: str, n_parallel: int, console: Console) -> bool:
    """Try every attack on every engine that can be used here; print a table; return whether all held.

    Raises:
        SandboxError: if no corpus is there, or a sandbox stays broken.
    """
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
