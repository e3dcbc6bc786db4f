"""A study's cells: their folders, what they share, and what came of them.

```
study/samples.sqlite             all draws of all cells: a draw is made once
study/starts/START/              the model, where SFT makes it
study/shared/START/DATASET/      a run up to its pairs, with the start's evaluation
study/cells/START/DATASET/METHOD/   a whole run: what is shared is linked in, then pairs, training, evaluation
study/references/                log-probabilities of starts, by content
```
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.evaluation.gate import read_gate
from pairsmith.pipeline.evaluation.score import gains_from_json, score_from_json, slices_from_json
from pairsmith.pipeline.run.folder import MANIFEST
from pairsmith.pipeline.training.progress import load_summary
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.study import Start, StudyConfig, Variant
from pairsmith.schemas.score import StudyRow

_ERROR = "error.txt"


@dataclass(frozen=True, slots=True)
class StudyCell:
    """One start with one method on one dataset."""

    start: Start
    dataset: Variant
    method: Variant

    def folder(self, study: Path) -> Path:
        """Return the run folder of the cell."""
        return study / "cells" / self.start.name / self.dataset.name / self.method.name

    def has_pairs(self) -> bool:
        """Return whether the dataset exists already, so that no samples are needed for pairs."""
        return bool(self.dataset.sections().get("training", {}).get("dataset"))

    def name(self) -> str:
        """Return the cell's name for a person."""
        return f"{self.start.name} / {self.dataset.name} / {self.method.name}"


def list_cells(study: StudyConfig) -> list[StudyCell]:
    """Return the cells, start by start: what they share is made once and then used."""
    return [
        StudyCell(start, dataset, method)
        for start in study.starts
        for dataset in study.datasets
        for method in study.methods
    ]


def shared_config(study: StudyConfig, start: Start, dataset: Variant, model: str) -> RunConfig:
    """Return the configuration of what the methods of one start and dataset share."""
    run = study.run / "shared" / start.name / dataset.name
    return _from_model(study.cell(run, start, dataset), model)


def cell_config(study: StudyConfig, cell: StudyCell, model: str) -> RunConfig:
    """Return the configuration of a cell's run."""
    config = study.cell(cell.folder(study.run), cell.start, cell.dataset, cell.method)
    return _from_model(config, model)


def _from_model(config: RunConfig, model: str) -> RunConfig:
    return config.model_copy(update={"sampling": config.sampling.model_copy(update={"model": model})})


def link_shared(shared: Path, run: Path) -> None:
    """Link into a cell what it shares with others: stages up to the pairs, and the start's evaluation.

    Files are never changed in place, so links are safe. What the cell has done itself stays: the keys of its
    shards decide whether they hold.
    """
    for folder in _folders(shared):
        target = run / folder.relative_to(shared)
        if (target / MANIFEST).exists():
            continue
        target.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
        for name in [*names, MANIFEST]:  # the manifest last: it says that the rest is whole
            (target / name).unlink(missing_ok=True)
            os.link(folder / name, target / name)


def _folders(shared: Path) -> Iterator[Path]:
    """Yield the folders of finished stages: of the run, and of each set that its start was scored on."""
    evaluation = shared / "evaluation"
    chains = [shared, evaluation, evaluation / "before", *sorted(evaluation.glob("sets/*"))]
    chains += sorted(evaluation.glob("sets/*/before"))
    for chain in chains:
        for stage in table.shard_stages():
            if (chain / stage.name / MANIFEST).is_file():
                yield chain / stage.name


def note_error(run: Path, reason: str) -> None:
    """Keep why a cell failed; the reason is empty if it did not."""
    path = run / _ERROR
    if reason:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reason, encoding="utf-8")
    else:
        path.unlink(missing_ok=True)


def read_row(study: Path, cell: StudyCell) -> StudyRow:
    """Return what came of a cell so far."""
    run = cell.folder(study)
    evaluation = run / "evaluation"
    error = run / _ERROR
    summary = load_summary(run / "training")
    gains = evaluation / "gains.json"
    is_done = summary is not None and gains.is_file()
    gate = read_gate(run) if is_done else None
    before, after = (evaluation / name / "score.json" for name in ("before", "after"))
    return StudyRow(
        start=cell.start.name,
        dataset=cell.dataset.name,
        method=cell.method.name,
        folder=run.relative_to(study).as_posix(),
        before=score_from_json(before.read_text(encoding="utf-8")) if before.is_file() else None,
        after=score_from_json(after.read_text(encoding="utf-8")) if is_done and after.is_file() else None,
        gains=gains_from_json(gains.read_text(encoding="utf-8")) if is_done else (),
        slices=slices_from_json((evaluation / "slices.json").read_text(encoding="utf-8")) if is_done else (),
        n_pairs=summary.n_pairs if summary is not None else 0,
        n_steps=len(summary.steps) if summary is not None else 0,
        refusals=gate.refusals() if gate is not None else (),
        error=error.read_text(encoding="utf-8") if error.is_file() else "",
    )
