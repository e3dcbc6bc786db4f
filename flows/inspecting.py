"""What a run holds, on a terminal: `pairsmith inspect`."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from pairsmith.flows.runtime.tables import HEADER, score_words, stage_rows
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.safe_text import shown_text, visible
from pairsmith.pipeline.syntax.repeats import NAME, find_repeats
from pairsmith.schemas.pair import Pair

_N_SHOWN = 10  # clusters


class NoRunError(PairsmithError):
    """A folder is not a run."""


def show_run(run: Path, n_pairs: int, console: Console) -> None:
    """Print the stages' counts, the scores and the first pairs.

    Candidates' text is hostile: control characters are shown, never sent to the terminal.

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
        _show_pair(pair, console)


def show_repeats(run: Path, threshold: float, workers: int, console: Console) -> None:
    """Print how many programs are nearly alike over all problems, and which problems share some.

    Raises:
        PairsmithError: if the run has no programs.
    """
    found = find_repeats(run, threshold, workers)
    clusters, crossing = found.clusters(), found.crossing()
    lines = [
        f"{found.n_programs} programs that parse, {found.n_clusters} near-duplicate clusters",
        f"{len(clusters)} clusters span several problems, {len(crossing)} of them train and test; "
        f"written to {run / NAME}",
    ]
    ordered = sorted(clusters, key=lambda key: (key not in crossing, -len(clusters[key]), key))
    for key in ordered[:_N_SHOWN]:
        problems = sorted({f"{row.problem_id} ({row.split or 'no pairs'})" for row in clusters[key]})
        lines.append(f"{len(clusters[key])} programs of {', '.join(problems)}")
    for line in lines:
        console.print(visible(line), markup=False, highlight=False)


def _show_pair(pair: Pair, console: Console) -> None:
    lines = [
        f"pair {pair.pair_id} ({pair.split}) on {pair.problem_id}",
        "-- prompt",
        *(message.content for message in pair.prompt),
        f"-- chosen, passes {pair.n_cases} of {pair.n_cases} cases",
        *(message.content for message in pair.chosen),
        f"-- rejected, passes {pair.rejected_share:.0%}: {pair.rejected_cause} {pair.rejected_detail}".rstrip(),
        *(message.content for message in pair.rejected),
    ]
    for line in lines:
        console.print(shown_text(line), markup=False, highlight=False)
