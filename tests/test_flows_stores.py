"""Runs that are kept in a store: killed in the middle, they go on from an empty disk; on one machine at a time."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pairsmith.flows.build import build
from pairsmith.flows.runtime import cluster
from pairsmith.flows.runtime.cluster import Drawer, judge_shard
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.pairing.export import CONFIGS
from pairsmith.pipeline.run.digests import file_digest
from pairsmith.pipeline.run.lock import RunLockedError, locked
from pairsmith.pipeline.run.stores import RemoteFolder, mirrored
from pairsmith.schemas.config import ConfigError, load_config, validate_run
from tests.cli_kit import call_pairsmith, command_of, environment
from tests.refresh_kit import write_problems
from tests.stores_kit import KINDS, new_address

# Whole runs in one kind of store by day; what a store must do is tested on each kind in tests/test_stores_*.
OF_ONE_KIND = pytest.mark.parametrize(
    "address",
    [pytest.param(kind, marks=pytest.mark.nightly) if kind != "s3" else kind for kind in KINDS],
    indirect=True,
)
MADE = ("candidates", "programs", "executions", "verdicts", "syntax", "standings")


def shards_in(address: str, stages: tuple[str, ...] = MADE) -> dict[str, tuple[str, int]]:
    """Return the shards that the store has, with what tells one version from another."""
    there = RemoteFolder(address).list()
    return {name: one for name, one in there.items() if name.startswith(stages) and name.endswith(".parquet")}


def results(run: Path) -> dict[str, str]:
    paths = [*(run / "pairs").glob("*.parquet"), *(run / "dataset").rglob("*.parquet")]
    return {path.relative_to(run).as_posix(): file_digest(path) for path in sorted(paths)}


@contextlib.contextmanager
def killed(command: list[str], home: Path, address: str, n_shards: int) -> Iterator[None]:
    """Run a command until so many shards of executions are in the store; then SIGKILL it and all below."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, env=environment(home), stdout=quiet, stderr=quiet, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 240
        while len(shards_in(address, ("executions",))) < n_shards:
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "no shards came"
            time.sleep(0.2)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.nightly
@pytest.mark.usefixtures("prefect_here")
def test_a_killed_run_goes_on_from_an_empty_disk(s3: dict[str, str], home: Path, tmp_path: Path) -> None:
    config, address = write_problems(tmp_path, 16, published=False, slow_s=0.05), new_address("s3", tmp_path)
    first = command_of("build", config, "--set", f"store={address}")
    with (
        killed(first, home, address, 3),
        pytest.raises(RunLockedError, match=r"process \d+ of .* is using it"),
        locked(tmp_path / "third", store=address),  # from another machine meanwhile
    ):
        pytest.fail("two wrote at the same time")
    made = shards_in(address)
    assert len(shards_in(address, ("executions",))) < 8, "killed too late to show anything"
    assert not any(name.endswith("manifest.json") for name in RemoteFolder(address).list("executions"))

    other = tmp_path / "other"
    again = call_pairsmith("build", config, "--set", f"run={other}", "--set", f"store={address}", home=home)
    assert again.returncode == 0, again.stderr
    there = shards_in(address)
    assert {name: there[name] for name in made} == made, "what was done was done again"

    build(load_config(config, [f"run={tmp_path / 'alone'}"]), tmp_path / "cache")
    assert results(other) == results(tmp_path / "alone")
    assert {name.partition("/")[0] for name in results(other)} == {"pairs", "dataset"}
    assert {path.parent.name for path in (other / "dataset").rglob("*.parquet")} <= {
        folder for folder, _ in CONFIGS.values()
    }


@OF_ONE_KIND
@pytest.mark.usefixtures("prefect_here")
def test_all_is_there_on_another_machine(address: str, tmp_path: Path) -> None:
    settings = load_config(write_problems(tmp_path, 4, published=False), [f"store='{address}'"])
    build(settings, tmp_path / "cache")
    before = RemoteFolder(address).list()
    other = settings.model_copy(update={"run": tmp_path / "other"})
    build(other, tmp_path / "cache")
    after = RemoteFolder(address).list()
    assert results(other.run) == results(settings.run)
    assert {name: one for name, one in after.items() if name.endswith((".parquet", "manifest.json"))} == {
        name: one for name, one in before.items() if name.endswith((".parquet", "manifest.json"))
    }
    assert {"report.html", "config.toml"} <= set(after)


@OF_ONE_KIND
@pytest.mark.usefixtures("prefect_here")
def test_nodes_find_shards_through_the_store(address: str, tmp_path: Path) -> None:
    """Each task as if on another machine, whose folder is its own."""
    alone = load_config(write_problems(tmp_path, 4, published=False))
    build(alone, tmp_path / "cache")
    mine = alone.model_copy(update={"run": tmp_path / "head", "store": address})
    problems, names = stage_folder(alone.run, "problems"), stage_folder(alone.run, "problems").shard_names()
    try:
        with mirrored(mine.run, address) as mirror:
            (mine.run / "problems").mkdir()
            for name in names:
                (mine.run / "problems" / name).write_bytes((problems.path / name).read_bytes())
            mirror.push()
            for name in names:
                assert [*Drawer(mine.run, mine, tmp_path).draw([name])] == [name]
                cluster._close_tools()  # the next task is of another process
                assert not (mine.run / "candidates" / name).exists()
                judge_shard(mine.run, name, mine, tmp_path)
                mirror.pull_files(cluster._of_shard(name))
                assert cluster.is_whole(Chain(mine.run, mine), name)
            before = shards_in(address)
            for name in names:  # as where a task is begun again
                assert [*Drawer(mine.run, mine, tmp_path).draw([name])] == [name]
                judge_shard(mine.run, name, mine, tmp_path)
            assert shards_in(address) == before
    finally:
        cluster._close_tools()
    for stage in MADE:
        one, other = stage_folder(mine.run, stage), stage_folder(alone.run, stage)
        assert [one.content(name) for name in names] == [other.content(name) for name in names]


@pytest.mark.usefixtures("prefect_here")
def test_looking_at_a_run_in_a_store(s3: dict[str, str], home: Path, tmp_path: Path) -> None:
    address = new_address("s3", tmp_path)
    empty = call_pairsmith("status", address, home=home)
    assert (empty.returncode, empty.stderr.count("\n")) == (1, 1)
    assert "nothing found" in empty.stderr
    build(load_config(write_problems(tmp_path, 4, published=False), [f"store='{address}'"]), tmp_path)
    told = call_pairsmith("status", address, home=home)
    assert told.returncode == 0, told.stderr
    assert "executions" in told.stdout


def test_an_address_in_the_place_of_the_folder() -> None:
    config = validate_run({"run": "s3://bucket/runs/mine/"})
    assert (config.run, config.store) == (Path("runs/mine"), "s3://bucket/runs/mine")
    assert validate_run({"run": "mine", "store": "s3://bucket/x"}).run == Path("mine")
    with pytest.raises(ConfigError, match="name two stores"):
        validate_run({"run": "s3://bucket/mine", "store": "s3://bucket/other"})
