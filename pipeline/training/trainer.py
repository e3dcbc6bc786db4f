"""TRL's DPO trainer, set up, and what is watched at each of its steps."""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import transformers
import trl.trainer.utils
from transformers import PrinterCallback, TrainerCallback
from trl import DPOConfig, DPOTrainer

from pipeline.training.checks import TrainingError, check_finite, check_first_loss
from pipeline.training.lora import lora_config
from pipeline.training.progress import WHOLE
from pipeline.training.start import Start
from schemas.config import TrainingConfig
from schemas.training import TrainingStep


class PairTrainer(DPOTrainer):  # type: ignore[misc] # TRL carries no types
    """TRL's `DPOTrainer`, unchanged but for its usage report to the Hub and its model cards."""

    def _send_telemetry(self) -> None:
        """Send nothing: no run reports on its user."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write none: checkpoints are not for publishing."""


class StepWatch(TrainerCallback):  # type: ignore[misc] # transformers carries no types
    """Checks each step, hands it on as a record, and marks whole checkpoints.

    The trainer logs a step before it saves one, so a step that fails its checks is never saved.

    Args:
        dtype: number type of the model, which sets how exact the first loss must be.
        report: is given each step that passed its checks.
    """

    def __init__(self, dtype: str, report: Callable[[TrainingStep], None]) -> None:
        """Keep what the checks and the record need."""
        self._dtype, self._report = dtype, report
        self._began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Take the time."""
        self._began = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        """Check and report the step that was just done.

        Raises:
            TrainingError: the first loss is not ln 2; a loss or gradient is not finite.
        """
        if "loss" not in logs:  # the trainer's closing line of totals
            return
        check_finite(state.global_step, logs["loss"], logs["grad_norm"])
        if state.global_step == 1:
            check_first_loss(logs["loss"], self._dtype)
        step = TrainingStep(
            step=state.global_step,
            loss=logs["loss"],
            reward_margin=logs["rewards/margins"],
            reward_accuracy=logs["rewards/accuracies"],
            chosen_logprob=logs["logps/chosen"],
            rejected_logprob=logs["logps/rejected"],
            learning_rate=logs["learning_rate"],
            wall_s=time.perf_counter() - self._began,
        )
        self._report(step)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint as whole: a killed run never goes on from a torn one."""
        (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()


def make_trainer(
    start: Start,
    pairs: Any,
    config: TrainingConfig,
    seed: int,
    checkpoints: Path,
    checkpoint_steps: int,
    watch: StepWatch,
) -> PairTrainer:
    """Return the trainer, ready to run, with a fresh adapter on the model.

    Args:
        start: model and tokenizer; the model gets the adapter.
        pairs: `datasets.Dataset` of which every pair fits `config.max_length`.
        config: hyperparameters.
        seed: decides the adapter's start and the order of the pairs.
        checkpoints: folder that checkpoints go to; the newest two are kept, the last step's among them.
        checkpoint_steps: steps between checkpoints.
        watch: is told of each step.

    Raises:
        TrainingError: TRL leaves out pairs that would be counted as trained on.
    """
    arguments = DPOConfig(
        output_dir=str(checkpoints),
        loss_type=["sigmoid"],
        beta=config.beta,
        max_length=config.max_length,
        per_device_train_batch_size=config.batch_size,
        dataloader_drop_last=True,  # full steps only; a new order each epoch gives every pair its turn
        max_steps=config.max_steps,
        learning_rate=config.learning_rate,
        lr_scheduler_type="linear",
        seed=seed,
        use_cpu=start.device == "cpu",
        bf16=start.dtype == "bfloat16",
        gradient_checkpointing=False,
        dataloader_pin_memory=start.device != "cpu",
        save_steps=checkpoint_steps,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it would log a NaN loss as 0
        report_to="none",
        disable_tqdm=True,
    )
    trainer = PairTrainer(
        model=start.model,
        args=arguments,
        train_dataset=pairs,
        processing_class=start.tokenizer,
        peft_config=lora_config(config),
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    if len(trainer.train_dataset) != len(pairs):
        raise TrainingError(f"TRL left out {len(pairs) - len(trainer.train_dataset)} of {len(pairs)} pairs")
    return trainer


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' bars and informational lines off the terminal: the command has bars of its own.

    Of warnings only one is silenced: transformers 5.23 calls `gradient_checkpointing` deprecated, whose new name
    5.0 lacks, and TRL 1.16 reads the old one at each step.
    """
    level = transformers.logging.get_verbosity()
    had_bars = transformers.logging.is_progress_bar_enabled()
    had_dataset_bars = not datasets.are_progress_bars_disabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`(is_)?gradient_checkpointing` is deprecated", FutureWarning)
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
