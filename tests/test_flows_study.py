"""A whole study through the command, on made-up samples and a model of 2 layers; and what it refuses."""

import json
import os
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pairsmith.flows.cli.training import find_study
from pairsmith.pipeline.evaluation.study import list_cells
from pairsmith.pipeline.run import packaged_folder
from pairsmith.pipeline.run.stores import RemoteFolder
from pairsmith.pipeline.sampling import SampleStore
from pairsmith.schemas.config.study import load_study
from tests.cli_kit import assert_one_line, call_pairsmith, command_of, environment, run_pairsmith, write_samples
from tests.stores_kit import new_address
from tests.training_kit import build_tiny_model

STUDY = """
run = "{folder}/study"
[base]
problems.ids = {ids}
sampling = {{ model = "{folder}/tiny", backend = "files", samples = "{folder}/s.jsonl", max_tokens = 8 }}
sandbox.backend = "bubblewrap"
execution.n_runs = 1
crosscheck = {{ n_inputs = 4, n_mutants = 0 }}
training = {{ max_steps = 2, batch_size = 2, max_length = 256, device = "cpu", lora_rank = 2 }}
# What is drawn for scoring is rubbish, by a model of random weights.
scoring = {{ n = 2, k = [1], n_bootstrap = 100, greedy = false }}
[[starts]]
name = "tiny"
[[methods]]
name = "dpo"
[[methods]]
name = "short"
training.max_length = 16
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("trl")
    folder = tmp_path_factory.mktemp("study")
    build_tiny_model(folder / "tiny")
    write_samples(folder).rename(folder / "s.jsonl")
    rows = [json.loads(line) for line in (folder / "s.jsonl").read_text().splitlines()]
    ids = list(dict.fromkeys(row["task_id"] for row in rows))[:6]
    (folder / "study.toml").write_text(STUDY.format(folder=folder, ids=json.dumps(ids)))
    return folder


@pytest.mark.usefixtures("prefect_here")
def test_a_study_runs_its_cells_tells_those_that_fail_and_goes_on(study: Path, home: Path) -> None:
    """No pair fits into 16 tokens: the second method has nothing to train on, which costs the first nothing."""
    done = call_pairsmith("study", study / "study.toml", home=home)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "error in tiny / own / short: " in done.stdout
    dpo = study / "study" / "cells" / "tiny" / "own" / "dpo"
    for name in ("evaluation/gains.json", "evaluation/before/score.json", "gate.json", "report.html"):
        assert (dpo / name).is_file(), name
    shared = study / "study" / "shared" / "tiny" / "own"
    for name in ("executions", "evaluation/before/candidates"):
        (ours,), (theirs,) = (list((run / name).glob("*.parquet")) for run in (dpo, shared))
        assert ours.stat().st_ino == theirs.stat().st_ino, f"{name} was made twice"
    page = (study / "study" / "report.html").read_text()
    assert "1 of 2 cells done" in page
    assert "tiny / own / short failed:" in page
    adapter = dpo / "training" / "adapter" / "adapter_model.safetensors"
    before = adapter.stat()
    again = call_pairsmith("study", study / "study.toml", "--set", 'methods=[{name="dpo"}]', home=home)
    assert again.returncode == 0, again.stdout + again.stderr
    assert adapter.stat().st_mtime_ns == before.st_mtime_ns, "a done cell was trained again"


@pytest.mark.nightly
def test_a_study_killed_on_one_disk_goes_on_from_another(
    study: Path, s3: dict[str, str], home: Path, tmp_path: Path
) -> None:
    """Killed when its first cell is trained: what is in the store by then is not made again elsewhere."""
    address, one = new_address("s3", tmp_path), '--set=methods=[{name="dpo"},{name="kto",training={method="kto"}}]'
    command: list[str | Path] = ["study", study / "study.toml", one, f"--set=store={address}", "--run"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command_of(*command, tmp_path / "one"),
        env=environment(home), stdout=quiet, stderr=quiet, start_new_session=True,
    ) as process:  # fmt: skip
        remote, deadline = RemoteFolder(address), time.monotonic() + 240
        while "cells/tiny/own/dpo/training/summary.json" not in remote.list():
            assert process.poll() is None, "the study ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
    made = {name: version for name, version in remote.list().items() if is_costly(name)}
    assert any(name.startswith("shared/tiny/own/evaluation/before/candidates/") for name in made)
    assert not any("gains.json" in name for name in remote.list("cells"))

    other = tmp_path / "other"
    done = run_pairsmith(*command, other, home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    after = remote.list()
    assert {name: after.get(name) for name in made} == made, "what was done was done again"
    for method in ("dpo", "kto"):
        assert f"cells/tiny/own/{method}/evaluation/gains.json" in after
    assert "report.html" in after
    assert not {Path(name).name for name in after} & {"samples.sqlite", "progress.json"}
    with closing(SampleStore(other / "samples.sqlite")) as store:
        shard = pq.read_table(other / "shared/tiny/own/evaluation/before/candidates/part-00000.parquet")
        assert set(shard["candidate_id"].to_pylist()) <= set(store.find(shard["candidate_id"].to_pylist()))
    told = run_pairsmith(*command, tmp_path / "third", "--dry-run", home=home)
    assert told.stdout.count(" yes ") == 2, told.stdout
    assert not (tmp_path / "third").exists()


def is_costly(name: str) -> bool:
    """Return whether a file of a study is one that takes a model or a sandbox to make."""
    return name.endswith("summary.json") or ("/candidates/part-" in name or "/executions/part-" in name)


def test_the_shipped_study_is_found_by_its_name_and_takes_models(home: Path) -> None:
    done = call_pairsmith(
        "study", "reward_free", "--set", "starts.pretrained.sampling.model=models/mine", "--dry-run", home=home
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "models/mine" in done.stdout
    assert done.stdout.count("bonbon") >= 2


def test_every_shipped_study_loads() -> None:
    names = sorted(path.stem for path in packaged_folder("studies", "data/studies").glob("*.toml"))
    assert names == ["narrowing", "reward_free"]
    for name in names:
        assert len(list_cells(load_study(find_study(name)))) >= 4


def test_bad_input_is_one_line(home: Path) -> None:
    assert_one_line(call_pairsmith("study", "nothing_such", home=home), "nothing_such", "neither a TOML file")
    assert_one_line(
        call_pairsmith("study", "reward_free", "--set", "starts.other.sampling.model=x", home=home),
        "pretrained, fine-tuned",
    )


def test_a_start_by_sft_is_a_model_of_its_own_that_is_made_once(study: Path, prefect_here: None) -> None:
    """It trains on references, in a folder where no stage is ever run."""
    from pairsmith.flows.studying import make_start

    sft = '[{name = "tuned", sft = {max_steps = 2, learning_rate = 1e-2}}]'
    settings = load_study(study / "study.toml", [f"starts={sft}"], study / "by-sft")
    (start,) = settings.starts
    made = Path(make_start(settings, start, study / "cache"))
    weights = made / "model.safetensors"
    assert weights.read_bytes() != (study / "tiny" / "model.safetensors").read_bytes()
    before = weights.stat().st_mtime_ns
    assert Path(make_start(settings, start, study / "cache")) == made
    assert weights.stat().st_mtime_ns == before
