import json
import string
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.training import progress
from pairsmith.schemas.training import TrainingStep, TrainingSummary
from tests.training_kit import CONFIG, STEP

pytest.importorskip("trl", reason="training needs pairsmith[train]")

STEPS = [replace(STEP, step=number, loss=0.7 - number / 100) for number in range(1, 7)]
SUMMARY = TrainingSummary("dpo", "tiny", 40, 2, STEPS[0].loss, tuple(STEPS))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def _checkpoint(out: Path, step: int, whole: bool = True) -> Path:
    folder = out / progress.CHECKPOINTS / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    if whole:
        (folder / progress.WHOLE).touch()
    return folder


def _log(out: Path, steps: list[TrainingStep]) -> None:
    for step in steps:
        progress.append(out, step)


@given(st.lists(st.tuples(*[FLOATS] * 7), max_size=5))
def test_the_log_gives_back_the_steps(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, ...]]
) -> None:
    out = tmp_path_factory.mktemp("log")
    steps = [TrainingStep(number, *row) for number, row in enumerate(rows, start=1)]
    _log(out, steps)
    assert progress.read_log(out) == steps


@pytest.mark.parametrize("tail", ['{"step": 3, "lo', "[]\n", "{}\n", '{"step": 3}\n'])
def test_a_torn_line_ends_the_log(tmp_path: Path, tail: str) -> None:
    _log(tmp_path, STEPS[:2])
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write(tail)
    assert progress.read_log(tmp_path) == STEPS[:2]


def test_a_step_out_of_order_ends_the_log(tmp_path: Path) -> None:
    _log(tmp_path, [STEPS[0], STEPS[2]])
    assert progress.read_log(tmp_path) == STEPS[:1]


def test_a_run_goes_on_from_its_newest_whole_checkpoint(tmp_path: Path) -> None:
    _log(tmp_path, STEPS[:5])
    _checkpoint(tmp_path, 2)
    newest_whole = _checkpoint(tmp_path, 4)
    _checkpoint(tmp_path, 5, whole=False)
    _checkpoint(tmp_path, 10)  # further than the log
    assert progress.go_on_from(tmp_path) == STEPS[:4]
    assert progress.newest_checkpoint(tmp_path) == newest_whole
    assert progress.read_log(tmp_path) == STEPS[:4]


def test_a_run_without_a_whole_checkpoint_starts_from_scratch(tmp_path: Path) -> None:
    _log(tmp_path, STEPS[:2])
    _checkpoint(tmp_path, 2, whole=False)
    assert progress.go_on_from(tmp_path) == []
    assert progress.read_log(tmp_path) == []


def test_the_summary_marks_the_run_as_done(tmp_path: Path) -> None:
    _checkpoint(tmp_path, 5)
    assert progress.load_summary(tmp_path) is None
    progress.close_run(tmp_path, SUMMARY)
    assert progress.load_summary(tmp_path) == SUMMARY
    assert sorted(path.name for path in tmp_path.iterdir()) == ["summary.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"steps": [{}]}', '{"method": "dpo"}'])
def test_a_broken_summary_is_no_summary(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    assert progress.load_summary(tmp_path) is None


def test_a_run_is_finished_for_its_own_inputs_only(tmp_path: Path) -> None:
    progress.open_run(tmp_path, "inputs a")
    progress.close_run(tmp_path, SUMMARY)
    assert progress.finished(tmp_path, "inputs a") is None  # no adapter
    (tmp_path / "adapter").mkdir()
    assert progress.finished(tmp_path, "inputs a") == SUMMARY
    assert progress.finished(tmp_path, "inputs b") is None


def test_other_inputs_clear_the_run_but_its_adapter(tmp_path: Path) -> None:
    progress.open_run(tmp_path, "inputs a")
    _log(tmp_path, STEPS)
    _checkpoint(tmp_path, 5)
    (tmp_path / "adapter").mkdir()
    progress.open_run(tmp_path, "inputs a")
    assert progress.go_on_from(tmp_path) == STEPS[:5]
    progress.open_run(tmp_path, "inputs b")
    assert progress.go_on_from(tmp_path) == []
    assert (tmp_path / "adapter").is_dir()


CHANGES: dict[str, Callable[[Path], dict[str, object]]] = {
    "pairs": lambda folder: {"files": [_file(folder / "other.parquet", "other pairs")]},
    "order of the files": lambda folder: {"files": [folder / "b.parquet", folder / "a.parquet"]},
    "weights": lambda folder: {"model": _file(folder / "model2" / "model.safetensors", "w2").parent},
    "file name in the model": lambda folder: {"model": _file(folder / "model3" / "other.bin", "w").parent},
    "configuration": lambda folder: {"config": CONFIG.model_copy(update={"beta": 0.2})},
    "seed": lambda folder: {"seed": 1},
    "name": lambda folder: {"name": "another"},
}


def _file(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("change", CHANGES)
def test_the_digest_tells_inputs_apart(tmp_path: Path, change: str) -> None:
    inputs: dict[str, object] = {
        "files": [_file(tmp_path / "a.parquet", "a"), _file(tmp_path / "b.parquet", "b")],
        "model": _file(tmp_path / "model" / "model.safetensors", "w").parent,
        "config": CONFIG,
        "seed": 0,
        "name": "tiny",
    }
    digest = progress.inputs_digest(**inputs)  # type: ignore[arg-type]
    assert progress.inputs_digest(**inputs) == digest  # type: ignore[arg-type]
    assert len(digest) == 16
    assert set(digest) <= set(string.hexdigits)
    assert progress.inputs_digest(**{**inputs, **CHANGES[change](tmp_path)}) != digest  # type: ignore[arg-type]


def test_the_log_is_json_without_nan(tmp_path: Path) -> None:
    _log(tmp_path, STEPS[:1])
    assert json.loads((tmp_path / "log.jsonl").read_text())["step"] == 1
    with pytest.raises(ValueError, match="not JSON compliant"):
        progress.append(tmp_path, replace(STEP, loss=float("nan")))
