"""One row of the preference dataset."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message, as TRL's conversational format has it."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A preference: `chosen` solves the problem, `rejected` does not.

    `prompt`, `chosen` and `rejected` are TRL's explicit conversational format. No other column has a name
    that TRL gives a meaning to (images, tools, messages, completion, chat_template_kwargs, ref_*_logps).

    Attributes:
        pair_id: 32 hex digits over both candidates' ids and the policy.
        split: train or test, by a hash of the problem: it never changes as the dataset grows.
        policy: rule that made the pair: `passed_over_failed`.
        chosen_code: extracted code of the chosen candidate; likewise `rejected_code`.
        rejected_cause: why the rejected one failed (see `schemas.verdict.Cause`).
        rejected_detail: exception type or other detail of the failure.
        rejected_share: share of the cases that the rejected one passed, in [0, 1).
        n_cases: cases that the chosen one passed, all of them.
        pass_rate: share of this problem's decided candidates that passed, in (0, 1).
        chosen_tags: style tags of the chosen program, separated by spaces; likewise `rejected_tags`.
        chosen_n_lines: lines of code; likewise `rejected_n_lines`.
        chosen_logprob: mean log-probability of the chosen completion; None where unknown; likewise rejected.
        chosen_model: model that drew it; likewise `rejected_model`.
    """

    pair_id: str
    problem_id: str
    split: str
    policy: str
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
    rejected_share: float
    n_cases: int
    pass_rate: float
    chosen_tags: str
    rejected_tags: str
    chosen_n_lines: int
    rejected_n_lines: int
    chosen_logprob: float | None
    rejected_logprob: float | None
    chosen_model: str
    rejected_model: str
