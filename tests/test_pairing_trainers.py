"""The dataset folder goes into TRL's trainers untouched: two steps of each."""

import os
import re
import subprocess
import sys
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


def test_the_snippet_of_the_page_trains_the_embedded_model(folder: Path, model: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    embedded = tmp_path / ".cache" / "pairsmith" / "smollm2-135m-instruct-0123456789abcdef"
    embedded.parent.mkdir(parents=True)
    embedded.symlink_to(model)
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    (tmp_path / "runs" / "demo" / "dataset").symlink_to(folder)
    variables = {**os.environ, "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", snippet], cwd=tmp_path, env=variables, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "'train_runtime'" in done.stdout
