"""What a training run did."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One optimiser step, as logged. What the method does not have is None: SFT has no rewards, ORPO no reference.

    Attributes:
        loss: mean loss of the step's pairs.
        reward_margin: mean of beta times (log-ratio of chosen - log-ratio of rejected).
        reward_accuracy: share of pairs with a positive margin, in [0, 1].
        chosen_logprob: mean summed log-probability of the chosen answers under the policy, in nats (ORPO, SimPO:
            mean a token); likewise rejected.
        wall_s: seconds that the step took.
        gradient_norm: before clipping.
        chosen_reward: mean of beta times the log-ratio of the chosen answers; below 0 they became less likely than
            they were; likewise rejected.
        datasets: loss and reward accuracy by dataset, of those that the step has rows of; empty with one dataset.
    """

    step: int
    loss: float
    reward_margin: float | None
    reward_accuracy: float | None
    chosen_logprob: float | None
    rejected_logprob: float | None
    learning_rate: float
    wall_s: float = field(metadata={"measured": True})
    gradient_norm: float | None = None
    chosen_reward: float | None = None
    rejected_reward: float | None = None
    datasets: tuple["DatasetStep", ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class DatasetStep:
    """A step's rows of one dataset: their mean loss, and the share of them with a positive margin."""

    name: str
    loss: float
    reward_accuracy: float


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """What came out of training.

    Attributes:
        method: see `pipeline.training.methods`.
        model: the start.
        n_pairs: rows trained on: pairs, or answers for SFT and KTO.
        n_too_long: rows left out because prompt and answer exceed `max_length` tokens; counted, never silent.
        first_loss: loss of the first step; ln 2 for DPO, where policy and reference start equal.
        steps: the log, in order.
        warnings: what a reader should know, one line each.
    """

    method: str
    model: str
    n_pairs: int
    n_too_long: int
    first_loss: float
    steps: tuple[TrainingStep, ...]
    warnings: tuple[str, ...] = ()
