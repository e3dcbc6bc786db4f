"""What must hold before, during and after training; every breach is a `TrainingError`."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.training import TrainingStep

LN_2 = math.log(2.0)
# A fresh adapter adds exactly zero, so policy and reference agree to the last bit where both take the same
# kernels. The room is for kernels that differ: 1e-3 is 0.02 nats of gap at beta 0.1, 2e-2 is 0.4 nats (bf16
# keeps 8 bits, and a log-probability is a sum over some hundred tokens).
FIRST_LOSS_TOLERANCE = {"float32": 1e-3, "bfloat16": 2e-2}
LOG_RATIO_TOLERANCE = {"float32": 0.02, "bfloat16": 0.4}  # the same, in nats


DISPLACED = (
    "chosen and rejected answers both became less likely (likelihood displacement); a smaller learning rate, "
    "fewer steps, a larger beta or the method rpo may help"
)
_MIN_STEPS = 3  # in a fifth of the run, for a standard error to mean something


class TrainingError(PairsmithError):
    """Training can't start or can't go on."""


def check_model_folder(folder: Path) -> None:
    """Raise unless the folder holds a model to start from.

    Raises:
        TrainingError: no such folder, an adapter's folder, no `config.json`, no weights.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder}: no such model folder; give one with config.json and weights")
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise TrainingError(f"{folder}: an adapter, not a model; merge it into its base first")
        raise TrainingError(f"{folder}: not a model folder, it has no config.json")
    if not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        raise TrainingError(f"{folder}: a model folder without weights (*.safetensors); was copying interrupted?")


def check_row_files(files: Sequence[Path], columns: Sequence[str]) -> None:
    """Raise unless every file is Parquet with these columns: `label` true or false, the others lists of messages.

    Raises:
        TrainingError: no files, a file that is missing or no Parquet, a missing column, plain text where chat
            messages belong (TRL would train on it without the model's chat template), columns that differ from
            file to file (`datasets` would fill the gaps with nulls).
    """
    if not files:
        raise TrainingError("no pair files; run `pairsmith build` first")
    schemas = [_read_schema(file) for file in files]
    for file, schema in zip(files, schemas, strict=True):
        for name in columns:
            if name not in schema.names:
                raise TrainingError(
                    f"{file}: no column {name!r}; the columns are {', '.join(schema.names)}; rename those of a "
                    "Hub dataset first"
                )
            kind = schema.field(name).type
            if name == "label":
                if not pa.types.is_boolean(kind):
                    raise TrainingError(f"{file}: column 'label' is {kind}; it must be true or false")
            elif not _holds_messages(kind):
                raise TrainingError(
                    f"{file}: column {name!r} is {kind}; it must be a list of messages with role and content"
                )
        if not schema.equals(schemas[0]):
            raise TrainingError(f"{file}: its columns differ from those of {files[0].name}; train on one kind")


def check_n_rows(n_rows: int, n_too_long: int, batch_size: int, max_length: int, unit: str) -> None:
    """Raise if there are fewer rows than one step takes.

    Args:
        n_rows: rows that fit; `n_too_long` more do not.
        batch_size: rows per step; `max_length` tokens of each at most.
        unit: what a row is, in the plural.
    """
    if n_rows >= batch_size:
        return
    if n_too_long:
        raise TrainingError(
            f"{n_rows} {unit} fit into training.max_length = {max_length} tokens, {n_too_long} are too long, "
            f"and a step takes {batch_size}; raise training.max_length"
        )
    raise TrainingError(
        f"{n_rows} {unit} of the train split, but a step takes {batch_size}; draw more candidates "
        "(sampling.n), take more or easier problems, or lower training.batch_size"
    )


def check_first_step(step: TrainingStep, expected_loss: float | None, beta: float, precision: str) -> None:
    """Raise unless the first step shows that policy and reference are equal, as they are before any update.

    Args:
        step: the first step; its loss was taken before the update.
        expected_loss: what the loss is at equality, such as ln 2; None where it depends on more than the gap.
        beta: of the loss: a reward is beta times a log-ratio.
        precision: float32 or bfloat16; sets the tolerance.

    Raises:
        TrainingError: the policy does not start at the reference.

    Source: Rafailov et al. 2023, arXiv:2305.18290, equation 7, with both log-ratios zero: -log sigmoid(0) = ln 2.
    """
    tolerance = FIRST_LOSS_TOLERANCE[precision]
    causes = (
        "the reference is not the start; was the model folder changed, is dropout on, or does the "
        "adapter not start at zero?"
    )
    if expected_loss is not None:
        room = tolerance * max(1.0, abs(expected_loss))
        if not abs(step.loss - expected_loss) <= room:  # written so that NaN is refused too
            name = "ln 2 = " if expected_loss == LN_2 else ""
            raise TrainingError(
                f"first loss {step.loss:.6f} is not {name}{expected_loss:.6f} within {room:g} ({precision}): "
                f"{causes}"
            )
    for side, reward in (("chosen", step.chosen_reward), ("rejected", step.rejected_reward)):
        if reward is not None and not abs(reward) <= beta * LOG_RATIO_TOLERANCE[precision]:
            raise TrainingError(
                f"the first log-ratio of the {side} answers is {reward / beta:.4f} nats, not 0 ({precision}): "
                f"{causes}"
            )


def check_finite(step: int, loss: float, gradient_norm: float) -> None:
    """Raise if the loss or the gradient's norm is NaN or infinite."""
    for name, value in (("loss", loss), ("gradient norm", gradient_norm)):
        if not math.isfinite(value):
            raise TrainingError(f"step {step}: the {name} is {value}; lower training.learning_rate")


def check_best_of_n(pairs: Any, start: str) -> None:
    """Raise unless each pair is the best and the worst of n draws from the model that training starts from.

    Args:
        pairs: `datasets.Dataset`, with the columns of `schemas.pair.Pair`.
        start: name of the start, as the sampler has it.
    """
    if not len(pairs):
        return
    remedy = '; build them with pairs.policies = [{name = "best_of_n"}]'
    for name in ("policy", "n_compared", "chosen_model", "rejected_model"):
        if name not in pairs.column_names:
            raise TrainingError(
                f"bonbon needs the best and the worst of n draws, but the pairs have no column {name!r}{remedy}"
            )
    others = sorted(set(pairs["policy"]) - {"best_of_n"})
    if others:
        raise TrainingError(
            f"bonbon needs the best and the worst of n draws, but there are pairs of {', '.join(others)}{remedy}"
        )
    if not all(n is not None and n >= 2 for n in pairs["n_compared"]):
        raise TrainingError(f"bonbon needs n of each pair, but some have none in n_compared{remedy}")
    models = sorted(set(pairs["chosen_model"]) | set(pairs["rejected_model"]))
    if models != [start]:
        raise TrainingError(
            f"bonbon needs draws of the model that it starts from, {start}; these pairs were drawn from "
            f"{', '.join(models)}: sample from {start}, or start from what was sampled"
        )


def is_displaced(steps: Sequence[TrainingStep]) -> bool:
    """Return whether chosen and rejected answers both became less likely, by the last fifth of the steps.

    Both log-ratios to the reference are below 0 there, beyond twice their standard error. A method without a
    reference has none.

    Source: likelihood displacement, Razin et al. 2024, arXiv:2410.08847.
    """
    last = steps[-(len(steps) // 5) :] if len(steps) >= 5 * _MIN_STEPS else ()
    return bool(last) and all(_is_below_0(last, name) for name in ("chosen_reward", "rejected_reward"))


def _is_below_0(steps: Sequence[TrainingStep], name: str) -> bool:
    values = [value for step in steps if (value := getattr(step, name)) is not None and math.isfinite(value)]
    if len(values) < _MIN_STEPS:
        return False
    error = statistics.stdev(values) / math.sqrt(len(values))
    return bool(statistics.fmean(values) < -2 * error)


def _read_schema(file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except FileNotFoundError:
        raise TrainingError(f"{file}: no such pair file; run `pairsmith build` first") from None
    except (OSError, pa.ArrowInvalid):
        raise TrainingError(f"{file}: not a Parquet file; run `pairsmith build` again") from None


def _holds_messages(kind: pa.DataType) -> bool:
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    item = kind.value_type
    return pa.types.is_struct(item) and {"role", "content"} <= {item.field(i).name for i in range(item.num_fields)}
