"""What a language model said of a pair."""

from dataclasses import dataclass
from typing import Literal

Choice = Literal["chosen", "rejected", "tie", "unknown"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge said of one pair in one dimension of quality.

    Attributes:
        pair_id: the pair; its candidates are `chosen_id` and `rejected_id`.
        judge: name of the model.
        dimension: instruction_following, explanation, complexity_and_efficiency, readability or style.
        forward: chosen, rejected, tie or unknown (no choice in the reply), asked with the chosen answer first.
        swapped: the same with the rejected answer first.
        agreed: what both say; unknown where they differ or one is.
    """

    pair_id: str
    problem_id: str
    chosen_id: str
    rejected_id: str
    judge: str
    dimension: str
    forward: Choice
    swapped: Choice
    agreed: Choice
