"""What a study found: one row a cell."""

from dataclasses import dataclass

from pairsmith.schemas.gate import GateCheck
from pairsmith.schemas.score import Gain, Score, SliceGain


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One cell of a study: a start, aligned by a method on a dataset.

    Attributes:
        folder: of the cell, from the study's.
        before: score of the start on the held-out problems; None where it was not scored.
        after: of the aligned model.
        gains: what changed, by measure.
        slices: likewise on parts of the problems.
        n_pairs: rows that were trained on.
        n_steps: optimiser steps.
        refusals: checks of the gate that did not hold.
        error: why the cell is not done; empty where it is.
    """

    start: str
    dataset: str
    method: str
    folder: str
    before: Score | None = None
    after: Score | None = None
    gains: tuple[Gain, ...] = ()
    slices: tuple[SliceGain, ...] = ()
    n_pairs: int = 0
    n_steps: int = 0
    refusals: tuple[GateCheck, ...] = ()
    error: str = ""

    def gain(self, measure: str) -> Gain | None:
        """Return what changed by one measure; None where it was not measured."""
        return next((gain for gain in self.gains if gain.measure == measure), None)
