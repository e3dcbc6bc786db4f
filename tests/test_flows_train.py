"""The flow `train` on several machines: one of them holds the run folder."""

import shutil
from pathlib import Path

import pytest

from pairsmith.flows import build as training
from pairsmith.pipeline.run.lock import RunLockedError, locked
from pairsmith.pipeline.sampling.models import ResolvedModel
from pairsmith.schemas.config import load_config
from pairsmith.schemas.training import TrainingStep, TrainingSummary
from tests.cli_kit import assert_one_line, call_pairsmith


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    step = TrainingStep(1, 0.69, 0.0, 0.5, -1.0, -1.0, 1e-5, 0.1)
    summary = TrainingSummary("dpo", "tiny", 1, 0, 0.69, (step,))
    monkeypatch.setattr("pairsmith.pipeline.training.run.train", lambda *_, **__: summary)
    monkeypatch.setattr(
        training, "start_model", lambda config, cache: ResolvedModel(str(tmp_path), "tiny", "", None, None)
    )
    return tmp_path / "run"


def test_another_machine_of_one_training_needs_no_lock_and_writes_nothing(run: Path, tmp_path: Path) -> None:
    config = load_config(None, [f"run={run}", "training.launch.machines=2", "training.launch.machine_rank=1"])
    with locked(run):
        summary = training.train.fn(config, tmp_path)
        assert [path.name for path in run.iterdir()] == [".lock"]
    assert summary.method == "dpo"


def test_the_first_machine_holds_the_lock(run: Path, tmp_path: Path) -> None:
    config = load_config(None, [f"run={run}", "training.launch.machines=2"])
    with locked(run), pytest.raises(RunLockedError):
        training.train.fn(config, tmp_path)


def test_pairs_of_other_settings_are_named_in_one_line(
    run: Path, built: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(built, run)
    monkeypatch.setattr(training, "finish", lambda config: None)
    said: list[str] = []
    monkeypatch.setattr("pairsmith.flows.runtime.reporting.Reporter.log", lambda self, text: said.append(text))
    for overrides, words in (
        ([], None),
        (["training.max_steps=1"], None),
        (["pairs.max_per_problem=3"], "(pairs.max_per_problem: 8 -> 3)"),
        (["sampling.temperature=0.7", "pairs.max_per_problem=3"], "(sampling.temperature: 0.8 -> 0.7 and 1 more)"),
        (["pairs.max_per_problem=3", f"training.dataset={tmp_path}"], None),
    ):
        said.clear()
        training.train.fn(load_config(config, [f"run={run}", *overrides]), tmp_path)
        warned = [line for line in said if line.startswith("warning")]
        assert len(warned) == (words is not None), overrides
        assert words is None or words in warned[0]


@pytest.mark.slow  # loads Prefect, which starts a process
def test_merge_names_what_a_run_lacks(tmp_path: Path) -> None:
    done = call_pairsmith("merge", tmp_path, "--out", tmp_path / "model", home=tmp_path)
    assert_one_line(done, "no adapter; run `pairsmith train` first")


def test_a_preset_lies_under_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('run = "r"\n[training]\nbatch_size = 64\n')
    given: list[str | Path] = ["train", tmp_path / "run.toml", "--dry-run", "--preset"]
    assert "sigmoid_norm" in call_pairsmith(*given, "tulu-3-8b-dpo", home=tmp_path).stdout
    assert_one_line(
        call_pairsmith(*given, "tulu", home=tmp_path), "--preset tulu: unknown; known are full-8x80gb,"
    )
