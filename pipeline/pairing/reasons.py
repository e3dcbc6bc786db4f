"""Why a problem, a candidate or a possible pair came to nothing."""

from enum import StrEnum
from typing import Literal

from pipeline.errors import PairsmithError


class PairingError(PairsmithError):
    """The tables given don't belong together."""


class Drop(StrEnum):
    """The closed list of reasons. What one count counts is told by `unit`."""

    NO_DECIDED = "no_decided"
    """Problem: no candidate of it has a label."""
    ALL_PASSED = "all_passed"
    """Problem: every decided candidate passed, so there is nothing to reject."""
    ALL_FAILED = "all_failed"
    """Problem: every decided candidate failed, so there is nothing to choose."""
    ONE_SIDE_LEFT = "one_side_left"
    """Problem: after the guards only passed or only failed candidates were left, or none."""

    UNKNOWN_PROBLEM = "unknown_problem"
    """Candidate: its problem is not in the table of problems."""
    INCOMPLETE = "incomplete"
    """Candidate: its program, verdict or syntax is missing, or it passed without a program."""
    UNDECIDED = "undecided"
    """Candidate: nobody knows whether it is right."""
    LABEL_CONFLICT = "label_conflict"
    """Candidate: the same program, up to names, passed as one candidate and failed as another."""
    TIE = "tie"
    """Candidate: it failed although it passed every case; its label rests on something else."""
    DUPLICATE = "duplicate"
    """Candidate: the same program, up to names, as another one; near-duplicates are none."""
    EMPTY_ANSWER = "empty_answer"
    """Candidate: its answer holds no text."""

    SAME_FINGERPRINT = "same_fingerprint"
    """Pair: both programs are the same up to formatting, or up to names."""
    SAME_TEXT = "same_text"
    """Pair: both answers read the same."""
    DIFFERENT_PROMPT = "different_prompt"
    """Pair: the two were asked in other words, or answer in another form."""
    OVER_CANDIDATE_CAP = "over_candidate_cap"
    """Pair: one of the two is part of as many pairs as it may be."""
    OVER_PROBLEM_CAP = "over_problem_cap"
    """Pair: the problem has as many pairs as it may have."""
    OVER_TRIVIAL_SHARE = "over_trivial_share"
    """Pair: too many rejected answers of the split have no runnable code."""

    @property
    def unit(self) -> Literal["problem", "candidate", "pair"]:
        """Return what a count of this reason counts."""
        if self in _OF_PROBLEMS:
            return "problem"
        return "candidate" if self in _OF_CANDIDATES else "pair"


_OF_PROBLEMS = frozenset({Drop.NO_DECIDED, Drop.ALL_PASSED, Drop.ALL_FAILED, Drop.ONE_SIDE_LEFT})
_OF_CANDIDATES = frozenset(
    {
        Drop.UNKNOWN_PROBLEM,
        Drop.INCOMPLETE,
        Drop.UNDECIDED,
        Drop.LABEL_CONFLICT,
        Drop.TIE,
        Drop.DUPLICATE,
        Drop.EMPTY_ANSWER,
    }
)
