"""Which programs of a whole run are nearly alike."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repeat:
    """A program that is nearly like one of another problem.

    Attributes:
        cluster: number of the near-duplicate cluster, equal for programs that near edges connect.
        split: of its problem's pairs, train or test; empty where it makes none.
    """

    candidate_id: str
    problem_id: str
    split: str
    cluster: int
