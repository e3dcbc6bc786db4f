"""Marks that people set on pairs."""

from dataclasses import dataclass
from enum import StrEnum


class MarkKind(StrEnum):
    """The three marks of the viewer."""

    GOOD = "good"
    """The pair is as it should be."""
    BAD = "bad"
    """The labels may be right, but nothing should be learnt from this pair."""
    WRONG_LABEL = "wrong_label"
    """The label of one of the two is wrong."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark; the next build honours it (see `pipeline.pairing.drops.Drop`).

    Attributes:
        chosen_id: candidates of the pair, which stay the same from build to build; likewise `rejected_id`.
        pair_id: the pair that was looked at.
        side: of a wrong label: `chosen` where the chosen one is wrong, `rejected` where the rejected one is right;
            empty where unknown. That candidate is then part of no pair at all.
    """

    chosen_id: str
    rejected_id: str
    pair_id: str
    problem_id: str
    mark: MarkKind
    side: str = ""
