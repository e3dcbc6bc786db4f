"""The configuration of training: method, start, how it is trained, and on how many processes."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pairsmith.schemas.config.section import Section, Share

MethodName = Literal[
    "sft", "dpo", "ipo", "hinge", "robust", "exo_pair", "nca_pair", "bco_pair", "sppo_hard", "aot", "apo_zero",
    "apo_down", "discopop", "sigmoid_norm", "rpo", "kto", "orpo", "cpo", "simpo", "bonbon",
]  # fmt: skip
GONE = {"bco": "BCOTrainer", "nash_md": "NashMDTrainer", "xpo": "XPOTrainer"}
"""Methods that TRL had up to 1.13, as experimental ones, and has no more (its wheels were looked through)."""


class LaunchConfig(Section):
    """On how many processes training runs; `accelerate launch` starts them."""

    config: str = Field(
        "",
        description="ddp, fsdp, zero2, zero3 (files in data/accelerate), or a YAML file of accelerate; empty: one "
        "process, this one.",
    )
    processes: int | None = Field(
        None, ge=1, description="Processes on all machines together; none: as in the file."
    )
    machines: int = Field(1, ge=1, description="Machines that train together.")
    machine_rank: int = Field(
        0, ge=0, description="Rank of this machine; machine 0 holds the run's lock, its log and its checkpoints."
    )
    address: str = Field("", description="Address of machine 0, where there are several.")
    port: int = Field(29500, ge=1, le=65535, description="Port at which the processes meet.")


class TrainingConfig(Section):
    """How the model is aligned. What is None is taken from the method's row in `pipeline.training.methods`."""

    method: MethodName = Field("dpo", description="See docs/training.md for the table.")
    start: str = Field("", description="Model folder or Hub name to start from; empty takes sampling.model.")
    revision: str = Field("", description="Revision of a start on the Hub; empty: the default branch.")
    adapter: Path | None = Field(None, description="Folder of a LoRA adapter of the start, to go on from.")
    chat_template: Path | None = Field(
        None, description="Jinja file; none: the start's own, or a plain one where it has none (a base model)."
    )
    dataset: str = Field("", description="Folder or Hub name of a dataset; empty takes the run's own.")
    dataset_revision: str = Field("", description="Revision of a dataset on the Hub.")
    sft_steps: int = Field(
        0,
        ge=0,
        description="Steps of SFT on the correct answers before the method; the resulting model is the reference.",
    )
    sft_learning_rate: float | None = Field(
        None, gt=0.0, description="Learning rate of these steps; none takes that of the method `sft`."
    )
    tuning: Literal["lora", "full", "qlora"] = Field("lora", description="qlora: 4 bits, needs bitsandbytes.")
    lora_rank: int = Field(16, ge=1, description="Rank of the adapter.")
    lora_alpha: int = Field(32, ge=1, description="Scale of the adapter, over its rank.")
    beta: float | None = Field(None, gt=0.0, description="Strength of the regularisation towards the reference.")
    learning_rate: float | None = Field(
        None, gt=0.0, description="None: the method's; ten times as much with an adapter."
    )
    label_smoothing: float | None = Field(
        None,
        ge=0.0,
        lt=0.5,
        description="dpo (cDPO), robust: share of wrong labels; exo_pair: smoothing of the target.",
    )
    sft_weight: float | None = Field(
        None, ge=0.0, description="Weight of the chosen answers' likelihood: rpo, cpo; bonbon's alpha, at most 1."
    )
    margin: float | None = Field(None, ge=0.0, description="simpo's gamma, the target reward margin.")
    warmup_share: Share = Field(0.0, description="Share of the steps with learning rate warmup.")
    schedule: Literal["linear", "cosine", "constant"] = Field("linear", description="Of the learning rate.")
    batch_size: int = Field(4, ge=1, description="Pairs (answers for sft and kto) per step, over all processes.")
    micro_batch_size: int | None = Field(
        None, ge=1, description="Pairs in a process's memory at once; none: all of its share of a step."
    )
    epochs: float = Field(1.0, gt=0.0, description="Passes over the pairs.")
    max_steps: int | None = Field(None, ge=1, description="Steps, instead of epochs.")
    max_length: int = Field(512, ge=16, description="Tokens of prompt and answer together.")
    gradient_checkpointing: bool = Field(False, description="Less memory, about a fifth slower.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 on GPUs that have it, else float32."
    )
    precompute_reference: bool = Field(
        False,
        description="Compute the reference's log-probabilities first, cached by content; saves memory.",
    )
    checkpoint_steps: int | None = Field(
        None, ge=1, description="Steps between checkpoints; none: 5 with an adapter, 50 without."
    )
    eval_steps: int = Field(0, ge=0, description="Steps between evaluations on held-out pairs; 0: none.")
    patience: int = Field(
        0,
        ge=0,
        description="Early stopping after so many evaluations without a better reward accuracy; 0 disables it.",
    )
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = Field(
        (), description="Trackers that every step is reported to as well."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")
    launch: LaunchConfig = LaunchConfig()

    @field_validator("method", mode="before")
    @classmethod
    def _is_not_gone(cls, method: Any) -> Any:
        if isinstance(method, str) and method.lower().replace("-", "_") in GONE:
            trainer = GONE[method.lower().replace("-", "_")]
            raise ValueError(f"TRL has no {trainer} since 1.14; trl 1.13 is the last version that has it")
        return method

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainingConfig":
        if self.patience and not self.eval_steps:
            raise ValueError("patience counts evaluations; set eval_steps too")
        if self.sft_steps and self.method in ("sft", "bonbon"):
            why = "is SFT already" if self.method == "sft" else "needs pairs drawn from the model after SFT"
            raise ValueError(f"sft_steps is for the other methods: {self.method} {why}")
        if self.micro_batch_size is not None and self.batch_size % self.micro_batch_size:
            raise ValueError(f"batch_size {self.batch_size} is no multiple of micro_batch_size")
        return self
