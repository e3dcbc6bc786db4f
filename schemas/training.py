"""What a training run did."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One optimiser step, as logged.

    Attributes:
        loss: mean loss of the step's pairs.
        reward_margin: mean of beta times (log-ratio of chosen - log-ratio of rejected).
        reward_accuracy: share of pairs with a positive margin, in [0, 1].
        chosen_logprob: mean summed log-probability of the chosen answers under the policy; likewise rejected.
        wall_s: seconds that the step took.
    """

    step: int
    loss: float
    reward_margin: float
    reward_accuracy: float
    chosen_logprob: float
    rejected_logprob: float
    learning_rate: float
    wall_s: float = field(metadata={"measured": True})


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """What came out of training.

    Attributes:
        method: `dpo`.
        model: the start.
        n_pairs: pairs trained on.
        n_too_long: pairs left out because prompt and answer exceed `max_length` tokens; counted, never silent.
        first_loss: loss of the first step; ln 2 where policy and reference start equal.
        steps: the log, in order.
    """

    method: str
    model: str
    n_pairs: int
    n_too_long: int
    first_loss: float
    steps: tuple[TrainingStep, ...]
