import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.evaluation.gate import check_gate, write_gate
from pairsmith.pipeline.evaluation.score import scores_to_json
from pairsmith.pipeline.evaluation.study import (
    cell_config,
    link_shared,
    list_cells,
    note_error,
    read_row,
    shared_config,
)
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.reading import write_references
from pairsmith.schemas.config import GateConfig
from pairsmith.schemas.config.study import StudyConfig
from tests.pairing_records import problem
from tests.report_run import gains_between, make_score, write_evaluation

STUDY = {
    "starts": [{"name": "a"}, {"name": "b", "sampling": {"model": "m"}}],
    "methods": [{"name": "dpo"}, {"name": "best"}],
}


def make_study(tmp_path: Path) -> StudyConfig:
    return StudyConfig.model_validate({**STUDY, "run": tmp_path})


def finish(run: Path, stage: str, names: tuple[str, ...] = ("part-00000.parquet",)) -> None:
    folder = stage_folder(run, stage)
    for name in names:
        folder.write_shard(name, "key", Shard([problem(f"p/{name}")], 1))
    folder.finish(names, "print", {})


def test_cells_come_start_by_start(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    cells = list_cells(study)
    assert [cell.name() for cell in cells] == [
        "a / own / dpo", "a / own / best", "b / own / dpo", "b / own / best",
    ]  # fmt: skip
    assert cell_config(study, cells[3], "made").run == tmp_path / "cells" / "b" / "own" / "best"
    shared = shared_config(study, cells[3].start, cells[3].dataset, "made")
    assert (shared.run, shared.sampling.model) == (tmp_path / "shared" / "b" / "own", "made")


def test_what_is_shared_is_linked_and_holds_in_the_cell(tmp_path: Path) -> None:
    shared, cell = tmp_path / "shared", tmp_path / "cell"
    for chain in (shared, shared / "evaluation" / "before", shared / "evaluation" / "sets" / "mbpp"):
        finish(chain, "problems")
    finish(shared / "evaluation" / "after", "problems")  # of nobody else
    (shared / "verdicts").mkdir()
    (shared / "verdicts" / "part-00000.parquet").write_bytes(b"not done")
    link_shared(shared, cell)
    for place in ("", "evaluation/before", "evaluation/sets/mbpp"):
        ours, theirs = (run / place / "problems" / "part-00000.parquet" for run in (cell, shared))
        assert ours.stat().st_ino == theirs.stat().st_ino
        assert stage_folder(cell / place, "problems").holds("print")
    assert not (cell / "evaluation" / "after").exists()
    assert not (cell / "verdicts").exists()


def test_what_a_cell_has_done_itself_stays(tmp_path: Path) -> None:
    shared, cell = tmp_path / "shared", tmp_path / "cell"
    finish(shared, "problems")
    finish(cell, "problems", ("part-00000.parquet", "part-00001.parquet"))
    link_shared(shared, cell)
    manifest = stage_folder(cell, "problems").manifest()
    assert manifest is not None
    assert len(manifest.files) == 2
    assert (cell / "problems" / "part-00000.parquet").stat().st_nlink == 1


def test_a_change_in_a_cell_does_not_reach_what_is_shared(tmp_path: Path) -> None:
    shared, cell = tmp_path / "shared", tmp_path / "cell"
    finish(shared, "problems")
    link_shared(shared, cell)
    stage_folder(cell, "problems").write_shard("part-00000.parquet", "other", Shard([], 0))
    assert stage_folder(shared, "problems").holds("print")


def write_done(run: Path) -> None:
    summary = {
        "method": "dpo", "model": "m", "n_pairs": 5, "n_too_long": 0, "first_loss": 0.69, "steps": [],
    }  # fmt: skip
    (run / "training").mkdir(parents=True)
    (run / "training" / "summary.json").write_text(json.dumps(summary))
    write_evaluation(run)
    gains = tuple(gains_between(make_score("before", 0.0), make_score("after", 0.12)))
    (run / "evaluation" / "slices.json").write_text(scores_to_json(()))
    write_gate(run, check_gate(gains, {}, {}, GateConfig(max_diversity_fall=0.0, evidence="estimate")))


def test_a_row_tells_what_is_there(tmp_path: Path) -> None:
    cell = list_cells(make_study(tmp_path))[0]
    assert read_row(tmp_path, cell).gains == ()
    note_error(cell.folder(tmp_path), "out of memory")
    assert read_row(tmp_path, cell).error == "out of memory"
    note_error(cell.folder(tmp_path), "")
    write_done(cell.folder(tmp_path))
    row = read_row(tmp_path, cell)
    assert (row.n_pairs, row.error, row.folder) == (5, "", "cells/a/own/dpo")
    assert row.gain("pass@1") is not None
    assert row.gain("nothing") is None


def test_references_of_train_problems_become_rows_for_sft(tmp_path: Path) -> None:
    problems = [problem(f"p/{place}", reference=f"def f(x):\n    return {place}") for place in range(10)]
    problems.append(problem("p/none"))
    n_rows, n_without = write_references(problems, 0.5, tmp_path)
    rows = pq.read_table(tmp_path / "sft" / "train-00000.parquet").to_pylist()
    train = [one.problem_id for one in problems[:10] if split_of(one.problem_id, 0.5) == "train"]
    assert [row["problem_id"] for row in rows] == train
    assert 0 < n_rows == len(train) < 10
    assert n_without == (split_of("p/none", 0.5) == "train")
    assert rows[0]["completion"][0]["content"].startswith("```python\ndef f(x):")
    assert "Write f" in rows[0]["prompt"][0]["content"]
    with pytest.raises(TrainingError, match="there are none"):
        write_references([problem("p/none")], 0.0, tmp_path)
