"""The page of a synthesis: what became of seeds and problems, and how honest the labels' probabilities are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from pairsmith.pipeline.report.calibration import draw_calibration
from pairsmith.pipeline.report.page import page_environment
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.synthesis import Calibration
from pairsmith.schemas.manifest import Manifest
from pairsmith.schemas.problem_card import ProblemCard

N_SHOWN = 40
STEPS = ("seeds", "concepts", "instructions", "responses", "tests", "weak")


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table of steps: rows in and out, and what led to nothing, by reason."""

    name: str
    n_in: int
    n_out: int
    dropped: tuple[tuple[str, int], ...]


def write_synthesis_report(
    path: Path,
    name: str,
    steps: Mapping[str, Manifest],
    agreements: Manifest,
    standings: Manifest,
    cards: Sequence[ProblemCard],
    calibration: Calibration,
) -> None:
    """Write the page.

    Args:
        path: the file.
        name: of the run.
        steps: manifests of what was asked in each step, those of the seeds among them.
        agreements, standings: manifests of what agreement made of problems and of responses.
        cards: of all problems.
        calibration: with which labels were made.

    Raises:
        FolderError: if the file can't be written.
    """
    rows = [
        Step(step, found.n_in, found.n_out, tuple(sorted(found.dropped.items(), key=lambda pair: -pair[1])))
        for step in STEPS
        if (found := steps.get(step)) is not None
    ]
    text = (
        page_environment()
        .get_template("synthesis.html.jinja")
        .render(
            name=name,
            steps=rows,
            tests=sorted(agreements.counts.items()),
            labels=sorted(standings.counts.items()),
            n_kept=sum(not card.reason for card in cards),
            n_problems=len(cards),
            reasons=Counter(card.reason for card in cards if card.reason).most_common(),
            cards=sorted(cards, key=lambda card: (bool(card.reason), -card.posterior, card.problem_id))[:N_SHOWN],
            calibration=calibration,
            figure=Markup(draw_calibration(calibration.bins)),  # made by us, of numbers alone
        )
    )
    write_whole(path, text.encode("utf-8"))
