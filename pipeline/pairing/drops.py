"""Why a problem, a candidate or a possible pair was dropped."""

from enum import StrEnum
from typing import Literal

from pairsmith.pipeline.run.errors import PairsmithError

Unit = Literal["problem", "candidate", "pair"]


class PairingError(PairsmithError):
    """The tables given don't belong together."""


class NarrowedError(PairsmithError):
    """Selection kept fewer right approaches than the configuration asks for."""


class Drop(StrEnum):
    """The closed list of reasons.

    Attributes:
        unit: what a count of this reason counts.
        words: what the reason means, for people.
    """

    unit: Unit
    words: str

    def __new__(cls, value: str, unit: Unit = "pair", words: str = "") -> "Drop":
        """Return a member that equals its value."""
        member = str.__new__(cls, value)
        member._value_, member.unit, member.words = value, unit, words
        return member

    NO_DECIDED = "no_decided", "problem", "no candidate of it has a label"
    ALL_PASSED = "all_passed", "problem", "every decided candidate passed, so there is nothing to reject"
    ALL_FAILED = "all_failed", "problem", "every decided candidate failed, so there is nothing to choose"
    ONE_SIDE_LEFT = "one_side_left", "problem", "the guards left no policy a candidate to choose and one to reject"
    NEAR_TEST_PROBLEM = "near_test_problem", "problem", "a near-duplicate of a held-out one"
    WEAK_PROBLEM = "weak_problem", "problem", "candidates that pass its tests disagree on further inputs"

    UNKNOWN_PROBLEM = "unknown_problem", "candidate", "its problem is not in the table of problems"
    INCOMPLETE = "incomplete", "candidate", "its program, verdict or syntax is missing"
    UNDECIDED = "undecided", "candidate", "it has no label"
    FLAKY = "flaky", "candidate", "it gave one answer in one run and another in the next"
    DOUBTFUL = "doubtful", "candidate", "it passes the tests, but not on further inputs"
    CONTAMINATED = "contaminated", "candidate", "its problem or program is part of a benchmark"
    HELD_OUT = "held_out", "candidate", "token for token a right program of a held-out problem"
    LABEL_CONFLICT = "label_conflict", "candidate", "the same program, up to names, passed once and failed once"
    TIE = "tie", "candidate", "it failed although it passed every case; its label rests on something else"
    DUPLICATE = "duplicate", "candidate", "the same program, up to names, as another one"
    EMPTY_ANSWER = "empty_answer", "candidate", "its answer holds no text"
    MARKED_LABEL = "marked_label", "candidate", "a person marked its label as wrong"

    SAME_FINGERPRINT = "same_fingerprint", "pair", "both programs are the same up to formatting or names"
    SAME_TEXT = "same_text", "pair", "both answers read the same"
    DIFFERENT_PROMPT = "different_prompt", "pair", "the two have different prompts, or answers of different form"
    MARKED_BAD = "marked_bad", "pair", "a person marked it as bad"
    MARKED_WRONG = "marked_wrong", "pair", "a person marked one of its labels as wrong, without saying which"
    LENGTH_GAP = "length_gap", "pair", "one answer is too many times longer than the other"
    NOT_PREFERRED = "not_preferred", "pair", "its policy sees no difference between the two, or too small a one"
    BEYOND_REACH = "beyond_reach", "pair", "one of the two comes after the candidates that its policy considers"
    PAIR_TAKEN = "pair_taken", "pair", "another policy has made a pair of these two, in this order or the other"
    OVER_POLICY_CAP = "over_policy_cap", "pair", "the problem has as many pairs of this policy as it may have"
    OVER_APPROACH_CAP = "over_approach_cap", "pair", "as many pairs of the problem choose this approach as may"
    OVER_CANDIDATE_CAP = "over_candidate_cap", "pair", "one of the two is part of as many pairs as it may be"
    OVER_PROBLEM_CAP = "over_problem_cap", "pair", "the problem has as many pairs as it may have"
    OVER_TRIVIAL_SHARE = "over_trivial_share", "pair", "too many rejected answers have no runnable code"
    OVER_DIFFICULTY_SHARE = "over_difficulty_share", "pair", "too many pairs of the split have this pass rate"
    LENGTH_TELLS = "length_tells", "pair", "its lengths tell chosen from rejected as those of too many others do"
    STYLE_TELLS = "style_tells", "pair", "its style tells chosen from rejected as that of too many others does"
