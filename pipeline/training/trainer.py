"""TRL's trainers, set up for a method."""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import datasets
import transformers
import trl.trainer.utils
from accelerate import PartialState
from transformers import PrinterCallback

from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.losses import CARRIED, PairTrainer
from pairsmith.pipeline.training.methods import (
    MODEL_ARGUMENTS,
    SIMPO_LOSS,
    Knobs,
    Method,
    knobs,
    least_rows,
    trl_classes,
)
from pairsmith.pipeline.training.saving import lora_config
from pairsmith.pipeline.training.start import Start
from pairsmith.pipeline.training.watch import StepOrder, StepWatch, Watched
from pairsmith.schemas.config.training import TrainingConfig

_LOSS_ARGUMENTS = frozenset({"f_alpha_divergence_coef", "f_divergence_type", "ld_alpha", "use_weighting"})


@dataclass(frozen=True, slots=True)
class Setup:
    """What a trainer is made of."""

    method: Method
    config: TrainingConfig
    start: Start  # model, reference and tokenizer; the model gets the adapter
    train: Any  # rows that all fit `config.max_length`
    seed: int  # decides the adapter's start and the order of the rows
    checkpoints: Path  # folder that checkpoints go to; the newest two are kept
    n_steps: int  # steps in all
    datasets: tuple[str, ...] = ()  # names of the datasets that the rows' column `dataset` numbers


def make_trainer(setup: Setup, watch: StepWatch) -> Any:
    """Return the trainer, ready to run, with a fresh adapter on the model if there is to be one.

    Raises:
        TrainingError: TRL lacks the method or leaves out rows that would be counted as trained on; processes and
            batch size don't fit together.
    """
    method, config, start = setup.method, setup.config, setup.start
    trainer_class, settings_class = trl_classes(method)
    chosen = knobs(method, config)
    carried = tuple(name for name in CARRIED if name in setup.train.column_names)
    smooths = method.name == "dpo" and bool(chosen.label_smoothing)
    by_pair = method.is_dpo and (bool(carried) or smooths or method.name == "focal")
    base = PairTrainer if by_pair else trainer_class
    watched = type(f"Watched{base.__name__}", (Watched, base), {})
    train = setup.train
    if method.rows == "unpaired":
        train = _shuffled_whole(train, config.batch_size, setup.seed)
    if by_pair and (unread := _LOSS_ARGUMENTS & set(config.extra)):
        raise TrainingError(
            f"training.extra: {', '.join(sorted(unread))} belongs to TRL's own loss; pairs with weights, of "
            "several datasets or with smoothed labels, and the methods focal and bonbon, have pairsmith's"
        )
    further = {name: value for name, value in config.extra.items() if name != MODEL_ARGUMENTS}
    arguments = settings_class(**{**_common(setup, chosen), **_own(method, config, chosen, train), **further})
    fresh = config.tuning != "full" and config.adapter is None
    more = {"ref_model": start.reference} if method.has_reference else {}
    with _read_once():
        trainer = watched(
            model=start.model,
            args=arguments,
            train_dataset=train,
            processing_class=start.tokenizer,
            peft_config=lora_config(config) if fresh else None,
            callbacks=[watch, *_trackers(config, setup.checkpoints.parent)],
            **more,
        )
    if method.has_reference and config.precompute_reference:
        trainer.ref_model = None  # TRL keeps one that it was given
    trainer.remove_callback(PrinterCallback)
    n_rows = len(trainer.train_dataset)
    if config.extra.get("packing"):
        if n_rows < config.batch_size:
            raise TrainingError(
                f"packed, the rows fill {n_rows} sequences of training.max_length = {config.max_length} tokens, "
                f"and a step takes training.batch_size = {config.batch_size}; lower one of them"
            )
    elif n_rows != len(train):
        raise TrainingError(f"TRL left out {len(train) - n_rows} of {len(train)} rows")
    if method.rows != "unpaired":  # KTO pairs each row with its neighbour, so its order is fixed beforehand
        trainer.order = StepOrder(n_rows, config.batch_size, setup.seed)
    if isinstance(trainer, PairTrainer):
        trainer.set_up(method, chosen, carried, setup.datasets)
    if config.reference == "base":
        _compare_with_base(trainer.model)
    return trainer


def _compare_with_base(model: Any) -> None:
    """Have the reference be the base: TRL's copy of the first adapter, `ref`, is set to add nothing."""
    added = [value for name, value in model.named_parameters() if ".lora_B.ref." in name]
    if not added:
        raise TrainingError("training.reference = base needs a method that compares with a reference")
    for value in added:
        value.data.zero_()


def _trackers(config: TrainingConfig, out: Path) -> list[Any]:
    """Return callbacks that report each step to TensorBoard (in `out/tensorboard`) or W&B too."""
    from transformers import integrations

    callbacks: list[Any] = []
    for name in config.trackers:
        if find_spec(name) is None:
            raise TrainingError(f"training.trackers: {name} is not installed; pip install {name}")
        if not PartialState().is_main_process:
            continue
        if name == "tensorboard":
            from torch.utils.tensorboard import SummaryWriter

            callbacks.append(integrations.TensorBoardCallback(SummaryWriter(str(out / "tensorboard"))))
        else:
            callbacks += _wandb(out)
    return callbacks


def _wandb(out: Path) -> list[Any]:
    """Return callbacks that make a run of W&B, in `out/wandb`, of one training: a study does several."""
    import wandb
    from transformers import TrainerCallback, integrations

    class Finish(TrainerCallback):  # type: ignore[misc]
        def on_train_end(self, *_: Any, **__: Any) -> None:
            wandb.finish()

    wandb.finish()  # one that an error left open
    wandb.init(dir=str(out))
    return [integrations.WandbCallback(), Finish()]


def _common(setup: Setup, chosen: Knobs) -> dict[str, Any]:
    config, start = setup.config, setup.start
    micro, n_accumulated = split_batch(config, PartialState().num_processes, least_rows(config.method))
    return {
        "output_dir": str(setup.checkpoints),
        "max_length": config.max_length,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": n_accumulated,
        "dataloader_drop_last": True,  # full steps only; a new order each epoch gives every row its turn
        "max_steps": setup.n_steps,
        "learning_rate": chosen.learning_rate,
        "seed": setup.seed,
        "use_cpu": start.device == "cpu",
        "bf16": start.precision == "bfloat16",
        "gradient_checkpointing": config.gradient_checkpointing,
        "dataloader_pin_memory": start.device != "cpu",
        "ddp_find_unused_parameters": False,  # all are used; a search at each step would cost
        "save_steps": config.checkpoint_steps or setup.n_steps,  # see `StepWatch` for those by time
        "save_total_limit": 2,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would log a NaN loss as 0
        "report_to": "none",  # see `_trackers`
        "disable_tqdm": True,
    }


def _own(method: Method, config: TrainingConfig, chosen: Knobs, train: Any) -> dict[str, Any]:
    if method.rows == "sft":
        return {"completion_only_loss": True}
    own: dict[str, Any] = {} if chosen.beta is None else {"beta": chosen.beta}
    if method.rows == "unpaired":
        n_right = sum(train["label"])
        # Both sides weigh the same: lambda_D n_D = lambda_U n_U, Ethayarajh et al. 2024, equation 8.
        weight = (len(train) - n_right) / n_right if 0 < n_right < len(train) else 1.0
        precompute = {"precompute_ref_log_probs": config.precompute_reference}
        return {**own, **precompute, "loss_type": "kto", "desirable_weight": weight}
    if not method.has_reference:
        own["remove_unused_columns"] = False  # TRL sets it, with a warning
    if method.name == "orpo":
        return own
    if not method.has_reference:
        weights = {"cpo_alpha": chosen.sft_weight}
        margin = {"simpo_gamma": chosen.margin} if method.losses == (SIMPO_LOSS,) else {}
        return {**own, **weights, **margin, "loss_type": method.losses[0]}
    own |= {"loss_type": list(method.losses), "precompute_ref_log_probs": config.precompute_reference}
    if len(method.losses) > 1:
        own["loss_weights"] = [1.0, chosen.sft_weight]
    if chosen.label_smoothing is not None:
        own["label_smoothing"] = chosen.label_smoothing
    return own


def split_batch(config: TrainingConfig, n_processes: int, n_least: int = 1) -> tuple[int, int]:
    """Return the rows that a process has in memory at once, and how many such parts make its share of a step."""
    share, rest = divmod(config.batch_size, n_processes)
    if rest or not share:
        raise TrainingError(
            f"training.batch_size = {config.batch_size} can't be split over {n_processes} processes; "
            f"use a multiple of {n_processes}"
        )
    micro = min(config.micro_batch_size or share, share)
    if share % micro:
        raise TrainingError(
            f"a process takes {share} rows per step, no multiple of training.micro_batch_size = {micro}"
        )
    if micro < n_least:
        raise TrainingError(
            f"{config.method} compares the answers that a process has in memory at once: {micro} is too few, set "
            f"training.micro_batch_size = {n_least} or more, and training.batch_size to a multiple of it"
        )
    return micro, share // micro


def _shuffled_whole(rows: Any, batch_size: int, seed: int) -> Any:
    """Return the rows in a random order, the first ones again at the end until steps are whole."""
    order = rows.shuffle(seed=seed, keep_in_memory=True)
    n_missing = -len(rows) % batch_size
    if not n_missing:
        return order
    return order.select([*range(len(rows)), *(number % len(rows) for number in range(n_missing))])


@contextlib.contextmanager
def _read_once() -> Iterator[None]:
    """Have TRL split a reference that only the first process of a machine has read.

    Under FSDP with low memory loading the others hold it on the meta device. TRL 1.16 splits a reference without
    giving them their share, as accelerate does for the model; and each process digests all weights, although
    that of the first is what counts.
    """
    from accelerate.utils.fsdp_utils import fsdp2_prepare_model
    from trl.trainer import dpo_trainer, kto_trainer

    digest = dpo_trainer.hash_module
    patches = {
        "hash_module": lambda model: digest(model) if PartialState().is_main_process else "",
        "prepare_fsdp": lambda model, accelerator: fsdp2_prepare_model(accelerator, model).eval(),
    }
    with contextlib.ExitStack() as stack:
        for module in (dpo_trainer, kto_trainer):
            for name, function in patches.items():
                stack.enter_context(mock.patch.object(module, name, function))
        yield


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' bars and informational lines off the terminal: the command has bars of its own.

    Of warnings two kinds are silenced: transformers 5.23 calls `gradient_checkpointing` deprecated, whose new name
    5.0 lacks, and TRL 1.16 reads the old one at each step; and that a trainer is experimental, which is in the
    summary's warnings.
    """
    level = transformers.logging.get_verbosity()
    had_bars = transformers.logging.is_progress_bar_enabled()
    had_dataset_bars = not datasets.are_progress_bars_disabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", r"`(is_)?gradient_checkpointing(_\w+)?` is deprecated", FutureWarning
            )
            warnings.filterwarnings("ignore", r".*experimental", UserWarning)
            yield
    finally:
        transformers.logging.set_verbosity(level)
        if had_bars:
            transformers.logging.enable_progress_bar()
        if had_dataset_bars:
            datasets.enable_progress_bars()


@contextlib.contextmanager
def scored_answers_only() -> Iterator[None]:
    """Let TRL project only the answers' positions onto the vocabulary on CPUs too, as it does on GPUs.

    TRL 1.16 scores every position where there is no Triton, because on some accelerators shapes must not
    change, and masks the prompt's afterwards: the same numbers. For a 135M model with a vocabulary of 49,152
    and prompts that are two thirds of the tokens this halves the time of a step.
    """
    utils, name = trl.trainer.utils, "_use_triton"
    original = getattr(utils, name, None)
    if original is None:  # another TRL: slower, not wrong
        yield
        return
    setattr(utils, name, lambda device: True)
    try:
        yield
    finally:
        setattr(utils, name, original)
