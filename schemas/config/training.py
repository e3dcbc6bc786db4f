"""The configuration of training: method, start, how it is trained, and on how many processes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pairsmith.schemas.config.section import Section, require_json

MethodName = Literal[
    "sft", "dpo", "ipo", "hinge", "apo_zero", "apo_down", "sigmoid_norm", "rpo", "focal", "kto", "orpo",
    "cpo", "simpo", "bonbon",
]  # fmt: skip

_DECIDED = {
    "beta": "beta", "bf16": "precision", "desirable_weight": "", "disable_tqdm": "", "eval_steps": "",
    "eval_strategy": "", "fp16": "precision", "gradient_accumulation_steps": "micro_batch_size",
    "gradient_checkpointing": "gradient_checkpointing", "label_smoothing": "label_smoothing",
    "learning_rate": "learning_rate", "logging_steps": "", "loss_type": "method", "loss_weights": "sft_weight",
    "max_length": "max_length", "max_steps": "max_steps", "metric_for_best_model": "",
    "num_train_epochs": "epochs", "output_dir": "", "per_device_eval_batch_size": "batch_size",
    "per_device_train_batch_size": "batch_size", "precompute_ref_log_probs": "precompute_reference",
    "push_to_hub": "", "remove_unused_columns": "", "report_to": "trackers", "resume_from_checkpoint": "",
    "save_only_model": "", "save_steps": "checkpoint_steps", "save_strategy": "checkpoint_steps",
    "save_total_limit": "", "seed": "", "simpo_gamma": "margin", "use_cpu": "device",
}  # fmt: skip
"""TRL's arguments that other settings decide, to the name of the setting; empty where pairsmith decides."""


def check_extra(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return further arguments of a trainer.

    Raises:
        ValueError: if another setting decides one, or a value is not JSON.
    """
    for name in extra:
        if (setting := _DECIDED.get(name)) is not None:
            raise ValueError(
                f"{name} has a setting of its own; set training.{setting}"
                if setting
                else f"{name} is fixed by pairsmith"
            )
    further = extra.get("model_init_kwargs", {})
    if not isinstance(further, Mapping) or {"dtype", "torch_dtype", "quantization_config"} & set(further):
        raise ValueError(
            "model_init_kwargs is a table, without the number type; training.precision and tuning decide it"
        )
    return require_json(extra)


class LaunchConfig(Section):
    """Processes of training, started by `accelerate launch`."""

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
    address: str = Field("", description="Address of machine 0, for several machines.")
    port: int = Field(29500, ge=1, le=65535, description="Port at which the processes meet.")


class MixedDatasetConfig(Section):
    """One of several training datasets; without `path` and `hub`, the run's own pairs."""

    name: str = Field(
        "", description="Name in the log and in the rows; empty: that of the folder, file or repository."
    )
    path: str = Field("", description="Folder, or a file of JSON, JSONL or Parquet.")
    hub: str = Field("", description="Repository on the Hub, such as `me/preferences`.")
    revision: str = Field("", description="Its commit, tag or branch.")
    config: str = Field("", description="Configuration of a dataset that has several.")
    split: str = Field("train", min_length=1, description="Split that is taken.")
    share: float | None = Field(None, gt=0.0, le=1.0, description="Share of all rows that are trained on.")
    rows: int | None = Field(None, ge=1, description="Rows at most, picked by the seed.")
    columns: dict[Literal["prompt", "chosen", "rejected"], str] = Field(
        {}, description='Our columns by the dataset\'s own names: `{ prompt = "question" }`.'
    )

    @model_validator(mode="after")
    def _is_one_dataset(self) -> "MixedDatasetConfig":
        if self.path and self.hub:
            raise ValueError("give path or hub, not both")
        if self.share is not None and self.rows is not None:
            raise ValueError("give share or rows, not both")
        return self

    def title(self) -> str:
        """Return the name of the dataset."""
        return self.name or (Path(self.path).stem if self.path else self.hub or "own")


class TrainingConfig(Section):
    """Settings of training. Unset keys have the method's defaults in `pipeline.training.methods`."""

    method: MethodName = Field("dpo", description="See docs/training.md for the table.")
    start: str = Field("", description="Model folder or Hub name to start from; empty: sampling.model.")
    revision: str = Field("", description="Revision of a start on the Hub; empty: the default branch.")
    adapter: Path | None = Field(None, description="Folder of a LoRA adapter of the start, to go on from.")
    reference: Literal["start", "base"] = Field(
        "start", description="Reference of the loss: the start of training, or the model under `adapter`."
    )
    chat_template: Path | None = Field(
        None, description="Jinja file; none: the start's own, or a plain one where it has none (a base model)."
    )
    dataset: str = Field("", description="Folder or Hub name of a dataset; empty: the run's own.")
    dataset_revision: str = Field("", description="Revision of a dataset on the Hub.")
    datasets: tuple[MixedDatasetConfig, ...] = Field(
        (), description="Several datasets in one training, see docs/training.md; empty trains on `dataset` alone."
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
        description="dpo (cDPO), focal: assumed share of wrong labels.",
    )
    sft_weight: float | None = Field(
        None, ge=0.0, description="Weight of the chosen answers' likelihood: rpo, cpo; bonbon's alpha, at most 1."
    )
    margin: float | None = Field(None, ge=0.0, description="simpo's gamma, the target reward margin.")
    batch_size: int = Field(4, ge=1, description="Pairs (answers for sft and kto) per step, over all processes.")
    micro_batch_size: int | None = Field(
        None, ge=1, description="Pairs in a process's memory at once; none: all of its share of a step."
    )
    epochs: float = Field(1.0, gt=0.0, description="Passes over the pairs.")
    max_steps: int | None = Field(None, ge=1, description="Steps, instead of epochs.")
    max_length: int = Field(512, ge=16, description="Tokens of prompt and answer together.")
    gradient_checkpointing: bool = Field(False, description="Less memory, about a fifth slower.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 on GPUs that support it, else float32."
    )
    precompute_reference: bool = Field(
        False, description="Compute the reference's log-probabilities before the first step; saves memory."
    )
    checkpoint_steps: int | None = Field(
        None, ge=1, description="Steps between checkpoints; none: by time, see `checkpoint_minutes`."
    )
    checkpoint_minutes: float | None = Field(
        None, gt=0.0, description="Minutes between checkpoints; none: 1 with an adapter, 15 without."
    )
    extra: Annotated[dict[str, Any], AfterValidator(check_extra)] = Field(
        {},
        description="Further arguments of TRL's configuration class of the method: `lr_scheduler_type`, "
        "`warmup_steps` (below 1: a share of the steps), `optim`, `weight_decay`, `max_grad_norm`, "
        "`dataloader_num_workers`, `packing` (sft), `model_init_kwargs` (`attn_implementation`).",
    )
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = Field(
        (), description="Additional trackers for every step."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU if available.")
    launch: LaunchConfig = LaunchConfig()

    def reads_own_pairs(self) -> bool:
        """Return whether the run's own pairs are among the rows that are trained on."""
        is_own = [not dataset.path and not dataset.hub for dataset in self.datasets]
        return any(is_own) if is_own else not self.dataset

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainingConfig":
        if self.method == "focal" and self.precompute_reference:
            raise ValueError("focal counts some tokens of an answer; precompute_reference knows whole answers")
        names = [dataset.title() for dataset in self.datasets]
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"datasets: {name!r} comes twice; give each a name of its own")
        if self.datasets and self.dataset:
            raise ValueError("give dataset or datasets, not both")
        if sum(dataset.share or 0.0 for dataset in self.datasets) > 1.0 + 1e-9:
            raise ValueError("datasets: the shares sum to more than 1")
        if self.reference == "base" and (
            self.adapter is None or self.tuning == "full" or self.precompute_reference
        ):
            raise ValueError("reference = base needs an adapter to go on from, and no precompute_reference")
        if self.micro_batch_size is not None and self.batch_size % self.micro_batch_size:
            raise ValueError(f"batch_size {self.batch_size} is no multiple of micro_batch_size")
        return self
