import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.training.checks import (
    TrainingError,
    check_finite,
    check_first_step,
    check_model_folder,
    check_n_rows,
    check_row_files,
)
from pairsmith.pipeline.training.reading import COLUMNS
from tests.training_kit import STEP, make_pair, write_columns, write_pairs

LN_2 = math.log(2)
PAIRS = COLUMNS["pairs"]
MESSAGES = pa.array(
    [[{"role": "user", "content": "a"}]],
    pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
)


def test_a_training_error_is_told_in_one_line() -> None:
    assert issubclass(TrainingError, PairsmithError)


@pytest.mark.parametrize(
    ("loss", "dtype"), [(LN_2, "float32"), (LN_2 - 9e-4, "float32"), (LN_2 + 1.9e-2, "bfloat16")]
)
def test_a_first_loss_of_ln_2_is_accepted(loss: float, dtype: str) -> None:
    check_first_step(replace(STEP, loss=loss), LN_2, 0.1, dtype)


@pytest.mark.parametrize(
    ("loss", "dtype"),
    [
        (LN_2 + 1.1e-3, "float32"),
        (LN_2 - 1.1e-3, "float32"),
        (LN_2 + 2.1e-2, "bfloat16"),
        (0.0, "float32"),
        (math.nan, "float32"),
        (math.inf, "bfloat16"),
    ],
)
def test_another_first_loss_is_refused_with_its_cause(loss: float, dtype: str) -> None:
    with pytest.raises(TrainingError, match="reference is not the start"):
        check_first_step(replace(STEP, loss=loss), LN_2, 0.1, dtype)


@pytest.mark.parametrize(
    ("reward", "precision", "is_far"),
    [(0.0, "float32", False), (0.0019, "float32", False), (-0.0021, "float32", True), (0.0021, "bfloat16", False),
     (0.041, "bfloat16", True), (math.nan, "float32", True)],
)  # fmt: skip
def test_a_first_log_ratio_that_is_not_0_is_refused(reward: float, precision: str, is_far: bool) -> None:
    step = replace(STEP, loss=LN_2, chosen_reward=reward, rejected_reward=0.0)
    if not is_far:
        check_first_step(step, LN_2, 0.1, precision)
        return
    with pytest.raises(
        TrainingError, match=r"first log-ratio of the chosen answers .* reference is not the start"
    ):
        check_first_step(step, LN_2, 0.1, precision)


@pytest.mark.parametrize(
    ("loss", "norm", "named"),
    [(math.nan, 1.0, "loss is nan"), (math.inf, 1.0, "loss is inf"), (0.5, math.nan, "gradient norm is nan")],
)
def test_a_step_that_is_not_finite_is_refused(loss: float, norm: float, named: str) -> None:
    check_finite(7, 0.5, 1.0)
    with pytest.raises(TrainingError, match=f"step 7: the {named}; lower training.learning_rate"):
        check_finite(7, loss, norm)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "no config.json"),
        (["adapter_config.json"], "an adapter, not a model"),
        (["config.json"], "without weights"),
    ],
)
def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path, files: list[str], message: str) -> None:
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(TrainingError, match=message):
        check_model_folder(tmp_path)


def test_a_missing_model_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nowhere: no such model folder"):
        check_model_folder(tmp_path / "nowhere")


def test_a_folder_with_configuration_and_weights_is_a_model(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).touch()
    check_model_folder(tmp_path)


def test_pairs_as_they_are_written_are_accepted(tmp_path: Path) -> None:
    check_row_files([write_pairs(tmp_path / "pairs.parquet", [make_pair(0)])], PAIRS)


@pytest.mark.parametrize("missing", ["prompt", "chosen", "rejected"])
def test_a_missing_column_is_named(tmp_path: Path, missing: str) -> None:
    columns = {name: MESSAGES for name in ("prompt", "chosen", "rejected") if name != missing}
    file = write_columns(tmp_path / "pairs.parquet", columns)
    with pytest.raises(TrainingError, match=f"no column '{missing}'; the columns are "):
        check_row_files([file], PAIRS)


@pytest.mark.parametrize(
    "column",
    [pa.array(["text"]), pa.array([["text"]]), pa.array([[{"role": "user", "text": "a"}]])],
    ids=["text", "list of texts", "message without content"],
)
def test_a_column_without_messages_is_refused(tmp_path: Path, column: pa.Array) -> None:
    file = write_columns(tmp_path / "pairs.parquet", {"prompt": MESSAGES, "chosen": column, "rejected": MESSAGES})
    with pytest.raises(TrainingError, match=r"column 'chosen' is .* list of messages"):
        check_row_files([file], PAIRS)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(TrainingError, match="no pair files"):
        check_row_files([], PAIRS)
    with pytest.raises(TrainingError, match=r"absent\.parquet: no such pair file"):
        check_row_files([tmp_path / "absent.parquet"], PAIRS)
    with pytest.raises(TrainingError, match=r"broken\.parquet: not a Parquet file"):
        check_row_files([tmp_path / "broken.parquet"], PAIRS)


def test_too_few_pairs_are_refused_with_the_remedy() -> None:
    check_n_rows(4, 9, batch_size=4, max_length=512, unit="pairs")
    with pytest.raises(TrainingError, match=r"3 pairs of the train split.*\(sampling\.n\)"):
        check_n_rows(3, 0, batch_size=4, max_length=512, unit="pairs")
    with pytest.raises(TrainingError, match=r"9 are too long.*raise training\.max_length"):
        check_n_rows(0, 9, batch_size=4, max_length=512, unit="pairs")
