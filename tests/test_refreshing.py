"""Refreshes of one run as its problems grow: what is redone, recorded and published."""

import fcntl
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import huggingface_hub
import huggingface_hub.constants
import polars as pl
import pytest

from pairsmith.flows.publishing import refresh
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.publishing.versions import VersionError, check_splits, list_versions, read_changelog
from pairsmith.pipeline.run.lock import RunLockedError, locked
from pairsmith.pipeline.sampling.protocol import SamplingError
from pairsmith.schemas.config import load_config
from pairsmith.schemas.dataset import DatasetVersion
from tests.cli_kit import call_pairsmith
from tests.hub_double import TOKEN, Hub, serve_hub
from tests.refresh_kit import write_problems
from tests.training_kit import build_tiny_model

# huggingface_hub uploads in a way that httpx calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@dataclass
class History:
    """What was seen of a run refreshed four times: at first, unchanged, with a problem more, with a test more."""

    config: Path
    hub: Hub
    versions: list[tuple[DatasetVersion, bool]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    n_sent: list[int] = field(default_factory=list)
    executed: list[dict[str, float]] = field(
        default_factory=list
    )  # candidate to when its execution ran, as measured
    shards: list[dict[str, int]] = field(default_factory=list)  # path of a shard to when it was written

    @property
    def run(self) -> Path:
        return self.config.parent / "run"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with serve_hub() as hub, pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)

        class ApiHere(huggingface_hub.HfApi):
            def __init__(self) -> None:
                super().__init__(endpoint=hub.url, token=TOKEN)

        patch.setattr(huggingface_hub, "HfApi", ApiHere)
        yield hub


@pytest.fixture(scope="module")
def history(prefect_here: None, hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("refresh")
    history = History(write_problems(folder, 8), hub)
    for change in (None, None, (9, None), (9, 1)):
        if change is not None:
            write_problems(folder, change[0], harder=change[1])
        began = time.monotonic()
        history.versions.append(refresh(load_config(history.config), folder / "cache"))
        history.seconds.append(time.monotonic() - began)
        history.n_sent.append(len(hub.take_sent()))
        rows = stage_folder(history.run, "executions").read_all()
        history.executed.append({row.candidate_id: row.wall_s for row in rows})
        shards = {path.relative_to(history.run).as_posix(): path for path in history.run.glob("*/part-*.parquet")}
        history.shards.append({name: path.stat().st_mtime_ns for name, path in shards.items()})
    return history


def test_each_change_is_a_version_and_nothing_new_is_none(history: History) -> None:
    assert [(version.name, is_new) for version, is_new in history.versions] == [
        ("v1", True), ("v1", False), ("v2", True), ("v3", True),
    ]  # fmt: skip
    assert [version.name for version in list_versions(history.run)] == ["v1", "v2", "v3"]


def test_nothing_new_makes_nothing_and_sends_nothing(history: History) -> None:
    assert history.shards[0] == history.shards[1]
    assert history.n_sent[0] > 5
    assert history.n_sent[1] == 0
    assert history.seconds[1] < 20


def test_a_new_problem_is_the_only_one_that_is_redone(history: History) -> None:
    before, after = history.shards[1], history.shards[2]
    new = {name for name in after if name not in before}
    assert {name.split("/")[1] for name in new} == {"part-00004.parquet"}
    rewritten = {name.split("/")[0] for name in before if before[name] != after[name]}
    assert "problems" not in rewritten  # candidates are written anew: they name the file's digest as revision
    ran = {key for key, wall_s in history.executed[2].items() if history.executed[1].get(key) != wall_s}
    problems = {
        row.problem_id for row in stage_folder(history.run, "candidates").read_all() if row.candidate_id in ran
    }
    assert problems == {"own/8"}


def test_a_problem_whose_tests_changed_is_the_only_one_that_runs_again(history: History) -> None:
    ran = {key for key, wall_s in history.executed[3].items() if history.executed[2].get(key) != wall_s}
    rows = stage_folder(history.run, "candidates").read_all()
    assert {row.problem_id for row in rows if row.candidate_id in ran} == {"own/1"}
    assert set(history.executed[2]) == set(history.executed[3]), "a candidate keeps its identity"


def test_the_changelog_says_what_came_and_why(history: History) -> None:
    text = read_changelog(history.run)
    assert text.index("## v3") < text.index("## v2") < text.index("## v1")
    third, second, first = text.split("## v")[1:]
    assert "New problems" in second
    assert "own/8" in second
    assert "v1 had " in second
    assert "Problems whose pairs changed" not in second
    assert "Pass rate, mean over problems: 0.400 before, 0.400 now." in second
    assert "Problems that changed\n\n- own/1" in third
    assert " had " not in first


def test_no_problem_changes_its_split(history: History) -> None:
    splits = [version.splits for version, _ in history.versions]
    for before, after in itertools.pairwise(splits):
        assert before.items() <= after.items()
    with pytest.raises(VersionError, match=r"own/\d was in the .* split .*test_share"):
        check_splits(splits[-1], splits[-1], 1.0)


def test_every_version_is_a_tag_with_its_changelog(history: History) -> None:
    repo = history.hub.repo("tester/grown")
    assert list(repo.tags) == ["v1", "v2", "v3"]
    newest = repo.files(repo.tags["v3"])
    assert newest["CHANGELOG.md"].data.decode() == read_changelog(history.run)
    path = next((history.run / "dataset" / "data").glob("train-*.parquet"))
    assert newest[f"data/{path.name}"].data == path.read_bytes()


def test_a_refreshed_dataset_has_the_rows_of_a_fresh_one(
    history: History, prefect_here: None, tmp_path: Path
) -> None:
    path = write_problems(tmp_path, 9, harder=1)
    refresh(load_config(path, ["publish.dataset=''"]), tmp_path / "cache")
    for folder in ("data", "unpaired", "sft", "candidates"):
        for split in ("train", "test"):
            files = f"{folder}/{split}-*.parquet"
            if list((history.run / "dataset").glob(files)):
                fresh, grown = (
                    pl.read_parquet(run / "dataset" / files) for run in (tmp_path / "run", history.run)
                )
                assert fresh.equals(grown), files


def test_a_second_refresh_waits_or_ends(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        with pytest.raises(RunLockedError, match="another pairsmith"), locked(tmp_path, wait_s=1.0):
            pass
        assert time.monotonic() - began >= 1.0
    with locked(tmp_path):
        pass


@pytest.mark.slow
def test_the_lock_of_a_dead_holder_is_gone(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from pairsmith.pipeline.run.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(600)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(RunLockedError), locked(tmp_path):
        pass
    holder.kill()  # as kill -9
    holder.wait()
    holder.stdout.close()
    with locked(tmp_path, wait_s=5.0):
        pass


@pytest.mark.model
def test_a_version_is_published_only_with_the_scores_of_its_training(
    prefect_here: None, hub: Hub, tmp_path: Path
) -> None:
    """An evaluation that failed once must not leave a version that the next refresh publishes unscored."""
    path, model = write_problems(tmp_path, 8, published=False), build_tiny_model(tmp_path / "tiny")
    overrides = [
        "publish.dataset=tester/scored", "publish.model=tester/adapter", "refresh.retrain=true",
        f"training.start={model}", "training.max_steps=2", "training.batch_size=2", "training.max_length=256",
        "training.device=cpu", "scoring.n=2", "scoring.k=[1, 2]",
    ]  # fmt: skip
    too_long = load_config(path, [*overrides, "sampling.max_tokens=500"])  # for the tiny model's context
    for _ in range(2):
        with pytest.raises(SamplingError, match="too_long"):
            refresh(too_long, tmp_path / "cache")
    assert ("dataset", "tester/scored") not in hub.repos
    settings = load_config(path, [*overrides, "sampling.max_tokens=24"])
    version, is_new = refresh(settings, tmp_path / "cache")
    assert (version.name, is_new) == ("v1", False)
    assert hub.repo("tester/scored").tags == {"v1": hub.repo("tester/scored").head}
    adapter = hub.repo("tester/adapter", "model")
    assert adapter.private
    assert {"README.md", "adapter_config.json", "adapter_model.safetensors"} <= adapter.files(adapter.head).keys()
    hub.take_sent()
    summary = (settings.run / "training" / "summary.json").stat().st_mtime_ns
    refresh(settings, tmp_path / "cache")
    assert hub.take_sent() == []
    assert (settings.run / "training" / "summary.json").stat().st_mtime_ns == summary


@pytest.mark.usefixtures("prefect_here")
def test_the_command_refreshes(home: Path, tmp_path: Path) -> None:
    config = write_problems(tmp_path, 3)
    done = call_pairsmith("refresh", config, "--set", "publish.dataset=''", home=home)
    assert done.returncode == 0, done.stderr
    assert "## v1" in done.stdout
