"""What a run holds, on a terminal: `pairsmith inspect`."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from pairsmith.flows.runtime.tables import HEADER, score_words, stage_rows
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.report.terminal import show_pair
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.pair import Pair


class NoRunError(PairsmithError):
    """A folder is not a run."""


def show_run(run: Path, n_pairs: int, console: Console) -> None:
    """Print the stages' counts, the scores and the first pairs.

    Raises:
        NoRunError: if no stage of the folder is done.
    """
    rows = stage_rows(run)
    if not rows:
        raise NoRunError(f"{run}: no finished stage in there; name a folder that `pairsmith build` wrote")
    table = Table(*HEADER)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for path in sorted(run.glob("evaluation/*/score.json"), reverse=True):  # before, after
        console.print(score_words(path), markup=False, highlight=False)
    pairs: list[Pair] = stage_folder(run, "pairs").read_all() if n_pairs else []
    for pair in pairs[:n_pairs]:
        show_pair(pair, console)
