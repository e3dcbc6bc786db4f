"""One row of the preference dataset, and marks of users."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message, as TRL's conversational format has it."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a completion, in characters: the first one, and the one behind the last.

    Line ends count as one character, as in `pipeline.extraction.clean_text`.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Repair:
    """What a candidate mends.

    Attributes:
        candidate_id: the repair.
        repaired_from: the program that the model drew first, and that the repair mends.
        step: from 1; later steps mend what earlier ones wrote.
    """

    candidate_id: str
    problem_id: str
    repaired_from: str
    step: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A preference: `chosen` is better than `rejected` by what `policy` measures; by default it is right.

    `prompt`, `chosen` and `rejected` are TRL's explicit conversational format. No other column has a name
    that TRL gives a meaning to (images, tools, messages, completion, chat_template_kwargs, ref_*_logps).

    Attributes:
        pair_id: 32 hex digits over both candidates' ids and the policy.
        split: train or test, by a hash of the problem: it never changes as the dataset grows.
        policy: rule that made the pair (see `pipeline.pairing.policies`).
        policy_value: the policy's own measure: gap of the shares of cases (partial_credit, best_of_n), token
            distance in [0, 1] (nearest_wrong), log-probability of the rejected one (likeliest_wrong), tags better
            and mean gain in dimensions of quality (cleaner); None for passed_over_failed and repaired.
        chosen_template: prompt template under which the chosen one was drawn: `repair` for a repair, whose pair
            has the prompt of the program that it mends; likewise `rejected_template`.
        repair_step: step of the repair that is chosen, from 1; 0 where none is.
        chosen_spans: parts of the chosen answer that the rejected one does not have, by a token diff, for the
            method `focal`; filled for the policies repaired and nearest_wrong. Likewise `rejected_spans`.
        n_compared: draws that both were picked from, for best_of_n; None elsewhere.
        weight: of its loss, over 0: under 1 where length or style predict the pair and `pairs.leakage` is `weigh`;
            with `pairs.rarity` by how rare the chosen approach is, with the mean 1 in each split.
        chosen_code: extracted code of the chosen candidate; likewise `rejected_code`.
        rejected_cause: why the rejected one failed (see `schemas.verdict.Cause`); empty if it passed.
        rejected_detail: exception type or other detail of the failure.
        chosen_share: share of the cases that the chosen one passed, in (0, 1]; likewise `rejected_share`.
        n_cases: cases that the chosen one was judged on.
        pass_rate: share of this problem's decided candidates that passed, in [0, 1].
        chosen_tags: style tags of the chosen program, separated by spaces; likewise `rejected_tags`.
        chosen_n_lines: lines of code; likewise `rejected_n_lines`.
        chosen_n_tokens: tokens of code, comments left out; likewise `rejected_n_tokens`.
        chosen_logprob: mean log-probability of the chosen completion; None where unknown; likewise rejected.
        chosen_model: model that drew it; likewise `rejected_model`.
        chosen_standing: result of its crosscheck (see `schemas.verdict.CrosscheckResult`); empty
            without one; likewise `rejected_standing`.
    """

    pair_id: str
    problem_id: str
    split: str
    policy: str
    policy_value: float | None
    n_compared: int | None
    weight: float
    source: str
    level: str
    topic: str
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    chosen_id: str
    rejected_id: str
    chosen_code: str
    rejected_code: str
    rejected_cause: str
    rejected_detail: str
    chosen_share: float
    rejected_share: float
    n_cases: int
    pass_rate: float
    chosen_tags: str
    rejected_tags: str
    chosen_n_lines: int
    rejected_n_lines: int
    chosen_n_tokens: int
    rejected_n_tokens: int
    chosen_logprob: float | None
    rejected_logprob: float | None
    chosen_model: str
    rejected_model: str
    chosen_standing: str
    rejected_standing: str
    chosen_template: str = ""
    rejected_template: str = ""
    repair_step: int = 0
    chosen_spans: tuple[Span, ...] = ()
    rejected_spans: tuple[Span, ...] = ()


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
        chosen_id: candidates of the pair, which do not change between builds; likewise `rejected_id`.
        pair_id: the marked pair.
        side: of a wrong label: `chosen` where the chosen one is wrong, `rejected` where the rejected one is right;
            empty where unknown. That candidate is then part of no pair at all.
    """

    chosen_id: str
    rejected_id: str
    pair_id: str
    problem_id: str
    mark: MarkKind
    side: str = ""
