"""Why a problem, a candidate or a possible pair came to nothing."""

import ast
import inspect
import itertools
from enum import StrEnum
from typing import Literal

from pairsmith.pipeline.run.errors import PairsmithError


class PairingError(PairsmithError):
    """The tables given don't belong together."""


class NarrowedError(PairsmithError):
    """Selection kept fewer right approaches than the configuration asks for."""


class Drop(StrEnum):
    """The closed list of reasons. What one count counts is told by `unit`."""

    NO_DECIDED = "no_decided"
    """Problem: no candidate of it has a label."""
    ALL_PASSED = "all_passed"
    """Problem: every decided candidate passed, so there is nothing to reject."""
    ALL_FAILED = "all_failed"
    """Problem: every decided candidate failed, so there is nothing to choose."""
    ONE_SIDE_LEFT = "one_side_left"
    """Problem: after the guards no policy had both something to choose and something to reject."""
    NEAR_TEST_PROBLEM = "near_test_problem"
    """Problem: of the train split, and a near-duplicate of a held-out one."""
    WEAK_PROBLEM = "weak_problem"
    """Problem: candidates that pass its tests disagree, and such problems are not wanted."""

    UNKNOWN_PROBLEM = "unknown_problem"
    """Candidate: its problem is not in the table of problems."""
    INCOMPLETE = "incomplete"
    """Candidate: its program, verdict or syntax is missing, or it passed without a program."""
    UNDECIDED = "undecided"
    """Candidate: nobody knows whether it is right."""
    FLAKY = "flaky"
    """Candidate: it gave one answer in one run and another in the next."""
    DOUBTFUL = "doubtful"
    """Candidate: it passes the tests, but not what more inputs ask; or nobody agrees on these."""
    CONTAMINATED = "contaminated"
    """Candidate: its problem or its program is one of a benchmark that must not be trained on."""
    HELD_OUT = "held_out"
    """Candidate: of the train split, and token for token a right program of a held-out problem."""
    LABEL_CONFLICT = "label_conflict"
    """Candidate: the same program, up to names, passed as one candidate and failed as another."""
    TIE = "tie"
    """Candidate: it failed although it passed every case; its label rests on something else."""
    DUPLICATE = "duplicate"
    """Candidate: the same program, up to names, as another one; near-duplicates are none."""
    EMPTY_ANSWER = "empty_answer"
    """Candidate: its answer holds no text."""

    MARKED_LABEL = "marked_label"
    """Candidate: a person marked its label as wrong."""

    SAME_FINGERPRINT = "same_fingerprint"
    """Pair: both programs are the same up to formatting, or up to names."""
    SAME_TEXT = "same_text"
    """Pair: both answers read the same."""
    DIFFERENT_PROMPT = "different_prompt"
    """Pair: the two were asked in other words, or answer in another form."""
    MARKED_BAD = "marked_bad"
    """Pair: a person marked it as bad."""
    MARKED_WRONG = "marked_wrong"
    """Pair: a person marked one of its labels as wrong, without saying which."""
    LENGTH_GAP = "length_gap"
    """Pair: one answer is too many times longer than the other."""
    NOT_PREFERRED = "not_preferred"
    """Pair: its policy sees no difference, or too small a one, between the two."""
    BEYOND_REACH = "beyond_reach"
    """Pair: its policy considers only so many candidates a side, and one of the two comes after these."""
    PAIR_TAKEN = "pair_taken"
    """Pair: another policy has made a pair of these two, in this order or the other."""
    OVER_POLICY_CAP = "over_policy_cap"
    """Pair: the problem has as many pairs of this policy as it may have."""
    OVER_APPROACH_CAP = "over_approach_cap"
    """Pair: as many pairs of the problem choose this approach as may."""
    OVER_CANDIDATE_CAP = "over_candidate_cap"
    """Pair: one of the two is part of as many pairs as it may be."""
    OVER_PROBLEM_CAP = "over_problem_cap"
    """Pair: the problem has as many pairs as it may have."""
    OVER_TRIVIAL_SHARE = "over_trivial_share"
    """Pair: too many rejected answers of the split have no runnable code."""
    OVER_DIFFICULTY_SHARE = "over_difficulty_share"
    """Pair: too many pairs of the split come from problems of this pass rate."""
    LENGTH_TELLS = "length_tells"
    """Pair: its lengths tell chosen from rejected as those of too many others do."""
    STYLE_TELLS = "style_tells"
    """Pair: its style tells chosen from rejected as that of too many others does."""

    @property
    def unit(self) -> Literal["problem", "candidate", "pair"]:
        """Return what a count of this reason counts."""
        if self in _OF_PROBLEMS:
            return "problem"
        return "candidate" if self in _OF_CANDIDATES else "pair"


_OF_PROBLEMS = frozenset(
    {
        Drop.NO_DECIDED,
        Drop.ALL_PASSED,
        Drop.ALL_FAILED,
        Drop.ONE_SIDE_LEFT,
        Drop.NEAR_TEST_PROBLEM,
        Drop.WEAK_PROBLEM,
    }
)
_OF_CANDIDATES = frozenset(
    {
        Drop.UNKNOWN_PROBLEM,
        Drop.INCOMPLETE,
        Drop.UNDECIDED,
        Drop.FLAKY,
        Drop.DOUBTFUL,
        Drop.CONTAMINATED,
        Drop.HELD_OUT,
        Drop.LABEL_CONFLICT,
        Drop.TIE,
        Drop.DUPLICATE,
        Drop.EMPTY_ANSWER,
        Drop.MARKED_LABEL,
    }
)


def _read_words() -> dict[Drop, str]:
    """Return the sentence behind each reason: the strings that stand below the members."""
    source = ast.parse(inspect.getsource(Drop)).body[0]
    assert isinstance(source, ast.ClassDef)
    words: dict[Drop, str] = {}
    for member, text in itertools.pairwise(source.body):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            name = ast.unparse(member.targets[0])
            words[Drop[name]] = " ".join(str(text.value.value).partition(": ")[2].split()).rstrip(".")
    return words


DROP_WORDS = _read_words()
"""Reason to its meaning, in words for people."""
