"""The processes of a cluster make the shards that one machine makes; what is there they leave alone."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pairsmith.flows.build import build
from pairsmith.flows.runtime import cluster
from pairsmith.flows.runtime.cluster import Drawer, EngineError, is_whole, judge_shard, make_shards
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.schemas.config import RunConfig, load_config
from tests.refresh_kit import build_small, write_problems


@pytest.fixture(scope="module")
def settings(prefect_here: None, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A run that one machine has made."""
    return build_small(tmp_path_factory.mktemp("alone"))


def contents(run: Path) -> dict[str, list[str]]:
    folders = {stage: stage_folder(run, stage) for stage in [one.name for one in table.shard_stages()]}
    return {stage: [one.content(name) for name in one.shard_names()] for stage, one in folders.items()}


def test_a_clusters_processes_make_the_same_shards(settings: RunConfig, tmp_path: Path) -> None:
    mine = settings.model_copy(update={"run": tmp_path / "run"})
    source = stage_folder(settings.run, "problems")
    (mine.run / "problems").mkdir(parents=True)
    for name in source.shard_names():
        (mine.run / "problems" / name).write_bytes((source.path / name).read_bytes())
    drawer = Drawer(mine.run, mine, tmp_path)
    names = [*reversed(source.shard_names())]  # in whatever order a cluster has
    try:
        assert [*drawer.draw(names)] == names
        for name in names:
            assert not is_whole(Chain(mine.run, mine), name)
            judge_shard(mine.run, name, mine, tmp_path)
            assert is_whole(Chain(mine.run, mine), name)
        written = {path: path.stat().st_mtime_ns for path in mine.run.glob("*/part-*.parquet")}
        assert sorted(drawer.draw(names)) == sorted(names)  # as where shards are given to another process
        for name in names:
            judge_shard(mine.run, name, mine, tmp_path)
    finally:
        cluster._close_tools()
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert contents(mine.run) == contents(settings.run)


@pytest.mark.parametrize(
    ("gpus_each", "n_gpus", "n_shards", "wanted"),
    [(1, 8, 100, 8), (2, 7, 100, 3), (1, 8, 3, 3), (4, 0, 9, 1), (0, 8, 9, 1)],
)
def test_as_many_models_are_opened_as_the_gpus_allow(
    gpus_each: float, n_gpus: float, n_shards: int, wanted: int
) -> None:
    assert cluster._n_drawers(gpus_each, n_gpus, n_shards) == wanted


def test_no_cluster_is_asked_for_where_all_is_there(
    settings: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    names = stage_folder(settings.run, "problems").shard_names()
    make_shards(settings.run, names, settings, tmp_path)
    shard = settings.run / "syntax" / names[1]
    whole = shard.read_bytes()
    shard.unlink()
    with pytest.raises(EngineError, match=r"pip install 'pairsmith\[ray\]'"):
        make_shards(settings.run, names, settings, tmp_path)
    shard.write_bytes(whole)


# What stands in for `vllm serve`: it writes down each start, and answers as a model would that knows half of it.
_ENGINE = """
import json, os, re, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer({})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        name, formula = re.search(r"Write (f\\d+).*? returns (.*?)\\.$", prompt, re.M).groups()
        time.sleep(SECONDS)
        codes = [formula if (body["seed"] + i) % 2 else "None" for i in range(body["n"])]
        texts = [f"```python\\ndef {name}(x):\\n    return {code}\\n```" for code in codes]
        ends = {"finish_reason": "stop"}
        choices = [{"index": i, "message": {"content": text}, **ends} for i, text in enumerate(texts)]
        self.answer({"choices": choices, "usage": {"prompt_tokens": 3, "completion_tokens": 9 * body["n"]}})
    def log_message(self, *args):
        pass
    def answer(self, body):
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

with open("STARTS", "a") as file:
    file.write(f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES')}\\n")
port = next(word for word in sys.argv if word.startswith("--port=")).removeprefix("--port=")
server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
server.daemon_threads = True
server.serve_forever()
"""


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """An environment whose `vllm serve` notes its starts in the file `starts` beside it."""
    folder = tmp_path / "vllm"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    program = _ENGINE.replace("STARTS", str(tmp_path / "starts")).replace("SECONDS", "0.1")
    (folder / "bin" / "vllm").write_text(program, encoding="utf-8")
    found = {"device": "gpu", "command": "yes"}
    (folder / "pairsmith.json").write_text(json.dumps(found), encoding="utf-8")
    return folder


@pytest.fixture
def nodes() -> Iterator[Any]:
    """Two Ray nodes on this machine, a GPU each by their own word."""
    import ray  # of the test environment: these tests are never skipped
    from ray.cluster_utils import Cluster

    # Each node takes this for the memory of a whole machine otherwise.
    resources = {"num_cpus": 1, "num_gpus": 1, "include_dashboard": False, "object_store_memory": 100 * 2**20}
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    made = Cluster(initialize_head=True, head_node_args=resources)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.nightly
@pytest.mark.usefixtures("prefect_here")
def test_two_nodes_open_a_model_each_and_one_that_dies_is_replaced(
    tmp_path: Path, engine: Path, nodes: Any
) -> None:
    other = nodes.add_node(num_cpus=1, num_gpus=1, object_store_memory=100 * 2**20)
    path = write_problems(tmp_path, 16, published=False)
    overrides = [
        "sampling.backend=vllm", "sampling.samples=",
        "sampling.model=org/mine", "sampling.n=4", f"sampling.vllm.environment={engine}",
        "sandbox.workers=1",
    ]  # fmt: skip
    build(load_config(path, [*overrides, f"run={tmp_path / 'alone'}"]), tmp_path / "cache1")
    starts = tmp_path / "starts"
    assert len(starts.read_text().splitlines()) == 1
    starts.unlink()

    together = [*overrides, "engine.kind=ray", f"engine.address={nodes.address}", f"run={tmp_path / 'together'}"]
    build(load_config(path, together), tmp_path / "cache2")
    assert len(starts.read_text().splitlines()) == 2  # not one for each of the eight shards
    starts.unlink()

    def kill_a_node() -> None:
        while not starts.exists() or len(starts.read_text().splitlines()) < 2:
            time.sleep(0.05)
        nodes.remove_node(other, allow_graceful=False)

    killer = threading.Thread(target=kill_a_node)
    killer.start()
    bereft = [*overrides, "engine.kind=ray", f"engine.address={nodes.address}", f"run={tmp_path / 'bereft'}"]
    build(load_config(path, bereft), tmp_path / "cache3")
    killer.join()
    wanted = contents(tmp_path / "alone")
    assert contents(tmp_path / "together") == wanted
    assert contents(tmp_path / "bereft") == wanted


def test_a_cluster_that_is_away_is_one_line(settings: RunConfig, tmp_path: Path) -> None:
    engine = settings.engine.model_copy(update={"kind": "ray", "address": "127.0.0.1:1"})
    more = settings.model_copy(
        update={"engine": engine, "sampling": settings.sampling.model_copy(update={"n": 4})}
    )
    with pytest.raises(EngineError, match="no Ray cluster at this address"):
        make_shards(more.run, ["part-00000.parquet"], more, tmp_path)
