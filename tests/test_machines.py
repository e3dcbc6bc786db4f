"""The tasks of a cluster make the shards that one machine makes; what is there they leave alone."""

from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from pairsmith.flows.runtime import cluster
from pairsmith.flows.runtime.cluster import EngineError, draw_shard, is_whole, judge_shard, make_shards
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.schemas.config import RunConfig
from tests.refresh_kit import build_small


@pytest.fixture(scope="module")
def settings(prefect_here: None, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A run that one machine has made."""
    return build_small(tmp_path_factory.mktemp("alone"))


def contents(run: Path) -> dict[str, list[str]]:
    folders = {stage: stage_folder(run, stage) for stage in [one.name for one in table.shard_stages()]}
    return {stage: [one.content(name) for name in one.shard_names()] for stage, one in folders.items()}


def test_a_clusters_tasks_make_the_same_shards(settings: RunConfig, tmp_path: Path) -> None:
    mine = settings.model_copy(update={"run": tmp_path / "run"})
    source = stage_folder(settings.run, "problems")
    (mine.run / "problems").mkdir(parents=True)
    for name in source.shard_names():
        (mine.run / "problems" / name).write_bytes((source.path / name).read_bytes())
    try:
        for name in reversed(source.shard_names()):  # in whatever order a cluster has
            assert not is_whole(Chain(mine.run, mine), name)
            draw_shard.fn(mine.run, name, mine, tmp_path)
            assert not is_whole(Chain(mine.run, mine), name)
            judge_shard.fn(mine.run, name, mine, tmp_path)
            assert is_whole(Chain(mine.run, mine), name)
        written = {path: path.stat().st_mtime_ns for path in mine.run.glob("*/part-*.parquet")}
        for name in source.shard_names():  # as where a task is begun again
            draw_shard.fn(mine.run, name, mine, tmp_path)
            judge_shard.fn(mine.run, name, mine, tmp_path)
    finally:
        cluster._close_tools()
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert contents(mine.run) == contents(settings.run)


def test_nothing_is_asked_of_a_cluster_where_all_is_there(
    settings: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("prefect_ray")
    asked: list[list[str]] = []

    class Cluster:
        """Notes what it is asked for, and does nothing."""

        def with_options(self, **_: object) -> "Cluster":
            return self

        def __call__(self, chain: Path, names: list[str], *_: object) -> None:
            asked.append(names)

    monkeypatch.setattr(cluster, "on_cluster", Cluster())
    monkeypatch.setattr(cluster, "PREFECT_API_URL", type("Set", (), {"value": lambda: "http://127.0.0.1/api"}))
    names = stage_folder(settings.run, "problems").shard_names()
    make_shards(settings.run, names, settings, tmp_path)
    assert asked == []
    shard = settings.run / "syntax" / names[1]
    whole = shard.read_bytes()
    shard.unlink()
    make_shards(settings.run, names, settings, tmp_path)
    shard.write_bytes(whole)
    assert asked == [[names[1]]]


def test_a_cluster_needs_a_server_that_its_nodes_reach(settings: RunConfig, tmp_path: Path) -> None:
    pytest.importorskip("prefect_ray")
    more = settings.model_copy(update={"sampling": settings.sampling.model_copy(update={"n": 4})})
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(EngineError, match="PREFECT_API_URL"):
        make_shards(more.run, ["part-00000.parquet"], more, tmp_path)
