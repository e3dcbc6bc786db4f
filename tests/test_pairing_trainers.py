"""The dataset folder goes into TRL's trainers untouched: two steps of each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.pairing.export import write_dataset
from pairsmith.pipeline.pairing.pairs import make_pairs
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.verdict import Label
from tests.pairing_records import judged, problem, tables_of

trl = pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    problems = [problem(f"p/{index}", prompt=f"Task {index}: {index * 3} of {index} things") for index in range(6)]
    rows = []
    for one in problems:
        key = one.problem_id
        rows += [judged(f"{key}+{n}", problem_id=key) for n in range(2)]
        rows += [judged(f"{key}-{n}", Label.FAILED, problem_id=key) for n in range(2)]
    tables = tables_of(problems, rows)
    made = make_pairs(tables, PairsConfig(test_share=0.0), 0)
    return write_dataset(made, tmp_path_factory.mktemp("data") / "dataset", "f")


@pytest.mark.parametrize(
    ("name", "trainer", "arguments"),
    [
        ("pairs", lambda: trl.DPOTrainer, lambda: trl.DPOConfig),
        ("unpaired", lambda: trl.KTOTrainer, lambda: trl.KTOConfig),
        ("sft", lambda: trl.SFTTrainer, lambda: trl.SFTConfig),
    ],
)
@pytest.mark.filterwarnings("ignore")  # those of the libraries: what is asked here is whether they take the rows
def test_two_steps_of_trl(
    name: str,
    trainer: Callable[[], Any],
    arguments: Callable[[], Any],
    folder: Path,
    model: Path,
    tmp_path: Path,
) -> None:
    rows = datasets.load_dataset(str(folder), name, split="train", cache_dir=str(tmp_path / "cache"))
    settings = arguments()(
        output_dir=str(tmp_path / "out"),
        max_steps=2,
        per_device_train_batch_size=2,
        max_length=200,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        gradient_checkpointing=False,
        bf16=False,
        disable_tqdm=True,
    )
    run = trainer()(model=str(model), args=settings, train_dataset=rows)
    done = run.train()
    assert done.global_step == 2
    assert done.training_loss > 0.0
    assert len(run.train_dataset) == rows.num_rows
