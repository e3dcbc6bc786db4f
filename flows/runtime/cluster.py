"""The cluster executor: makes the shards of a run on a Ray cluster, with the same code as on one machine.

Models are long-lived: a `Drawer` is a Ray actor that opens its model once and draws its share of the shards as
one stream, so that neither loading nor the end of a shard makes the model wait. A shard that is drawn is judged,
parsed and tested on more inputs by a Ray task. Both write whole shards under the keys that the ordinary chain
looks for: it finds them there afterwards, writes the manifests and makes the pairs. A process that dies leaves no
half of a shard; Ray starts it again, on another node if need be.

Shards go from node to node through the run folder, which all see, or through the store that the run is kept in:
then each process of a node has a folder of its own, fetches what was made of its shard, and puts what it makes.
"""

import atexit
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import open_tools
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.run.errors import PairsmithError, first_line
from pairsmith.pipeline.run.folder import following
from pairsmith.pipeline.run.stores import Mirror, RemoteFolder, mirror_of
from pairsmith.schemas.config import RunConfig

_MAX_RETRIES = 3  # of a judging task, and of a drawer, whose process or node died
_tools: dict[str, Tools] = {}  # of this process: sandboxes are opened once, not once a shard
_mirrors: dict[str, Mirror] = {}  # likewise, by address of the store


class EngineError(PairsmithError):
    """The cluster can't be used."""


@dataclass
class Drawer:
    """One model, opened once, that draws shards as one stream. A Ray actor that holds the model's GPUs."""

    run_dir: Path
    config: RunConfig
    cache: Path

    def draw(self, names: Sequence[str]) -> Iterator[str]:
        """Draw shards; yield the name of each when it is written, at once where it was there."""
        with _here(self.run_dir, self.config) as (run_dir, config):
            for name in names:
                _fetch(config, name)
            chain = Chain(run_dir, config, _tools_here(config, self.cache))
            there = [name for name in names if chain.has("candidates", name)]
            yield from there
            yield from chain.draw([name for name in names if name not in there])


def make_shards(run_dir: Path, names: Sequence[str], config: RunConfig, cache: Path) -> None:
    """Make all shards up to the timings that are not there, on the cluster.

    Raises:
        EngineError: Ray is not installed, the cluster is away, or its processes die again and again.
        PairsmithError: what ended the work of a shard.
    """
    looked = Chain(run_dir, config)
    looked.forget_faults()
    pending = [name for name in names if not is_whole(looked, name)]
    if not pending:
        return
    mirror = mirror_of(run_dir)
    if mirror is not None:
        mirror.push()  # what was removed above goes from the store too
    try:
        import ray
    except ModuleNotFoundError:
        raise EngineError("engine.kind=ray needs Ray; pip install 'pairsmith[ray]'") from None
    address = config.engine.address
    is_mine = not ray.is_initialized()
    try:
        if is_mine:
            _look_for(address)
            ray.init(address=address or None, log_to_driver=False, include_dashboard=False)
    except OSError as error:
        raise EngineError(
            f"engine.address={address!r}: no Ray cluster at this address ({first_line(error)})"
        ) from None
    try:
        with reporter().stage("shards", len(pending), "shards") as bar:
            for name in _make(run_dir, pending, config, cache):
                if mirror is not None:
                    mirror.pull_files(_of_shard(name))
                bar.advance()
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayActorError as error:
        raise EngineError(f"a sampling process died {_MAX_RETRIES + 1} times: {first_line(error)}") from None
    finally:
        if is_mine:
            ray.shutdown()


def _look_for(address: str) -> None:
    """Look whether anybody listens where an address names a port: Ray itself would wait for minutes."""
    named = re.fullmatch(r"(?:ray://)?([^:/]+):(\d+)", address)
    if named:
        socket.create_connection((named[1], int(named[2])), timeout=10.0).close()


def _make(run_dir: Path, pending: Sequence[str], config: RunConfig, cache: Path) -> Iterator[str]:
    """Deal the shards to drawers, have each judged when it is drawn, and yield those that are whole."""
    import ray

    engine = config.engine
    n = _n_drawers(engine.sampler_gpus, ray.cluster_resources().get("GPU", 0.0), len(pending))
    # Tries at an actor whose node is gone fail at once until Ray notices that it is: only restarts are counted.
    again = {"max_restarts": _MAX_RETRIES, "max_task_retries": -1}
    drawer = ray.remote(num_gpus=engine.sampler_gpus, num_cpus=0, **again)(Drawer)
    judge = ray.remote(num_cpus=config.sandbox.workers, max_retries=_MAX_RETRIES)(judge_shard)
    # By stream of drawn shards: the actor, and what it has yet to draw.
    streams: dict[Any, tuple[Any, set[str]]] = {}
    for share in (pending[number::n] for number in range(n)):
        actor = drawer.remote(run_dir, config, cache)
        streams[actor.draw.options(num_returns="streaming").remote(share)] = actor, set(share)
    judged: dict[Any, str] = {}
    while streams or judged:
        (ready,), _ = ray.wait([*streams, *judged], num_returns=1)
        if ready in judged:
            ray.get(ready)
            yield judged.pop(ready)
            continue
        actor, left = streams[ready]
        try:
            drawn = left & {ray.get(next(ready))}
        except StopIteration:
            drawn = set(left)  # a drawer that was started again may give shards in another order
            del streams[ready]
            ray.kill(actor)  # another may wait for its GPUs
        left -= drawn
        judged |= {judge.remote(run_dir, name, config, cache): name for name in sorted(drawn)}


def _n_drawers(gpus_each: float, n_gpus: float, n_shards: int) -> int:
    """Return how many models are opened: as many as the GPUs of the cluster allow, one where none is needed."""
    n = int(n_gpus // gpus_each) if gpus_each else 1
    return max(1, min(n, n_shards))


def judge_shard(run_dir: Path, name: str, config: RunConfig, cache: Path) -> None:
    """Extract, execute, judge, parse and hold against more inputs one shard that is drawn; what is there stays."""
    with _here(run_dir, config) as (mine, here):
        _fetch(here, name)
        made = Chain(mine, here, _tools_here(here, cache))
        for stage in _judged_stages():
            made.ensure(stage, name)


@contextmanager
def _here(run_dir: Path, config: RunConfig) -> Iterator[tuple[Path, RunConfig]]:
    """Give the run folder of this process, and its configuration; the store takes what is written there."""
    if not config.store:
        yield run_dir, config
        return
    if config.store not in _mirrors:
        folder = Path(tempfile.mkdtemp(prefix="pairsmith-node-"))
        _mirrors[config.store] = Mirror(folder, RemoteFolder(config.store))
    mirror = _mirrors[config.store]
    with following(mirror.run, mirror.put):
        yield mirror.run, config.model_copy(update={"run": mirror.run})


def _fetch(config: RunConfig, name: str) -> None:
    if config.store:
        _mirrors[config.store].pull_files(_of_shard(name))


def _of_shard(name: str) -> list[str]:
    """Return the files of one shard. A listing of all would take as long as there are shards, for each of them."""
    return [f"{stage}/{name}" for stage in table.stored_stages()]


def is_whole(chain: Chain, name: str) -> bool:
    """Return whether a shard has come through all stages."""
    return all(chain.has(stage, name) for stage in ("candidates", *_judged_stages()))


def _judged_stages() -> list[str]:
    """Return the stages of shards behind the candidates."""
    names = [stage.name for stage in table.shard_stages()]
    return names[names.index("candidates") + 1 :]


def _tools_here(config: RunConfig, cache: Path) -> Tools:
    """Return the sampler and sandboxes of this process, for one configuration at a time."""
    key = config.model_dump_json()
    if key not in _tools:
        _close_opened()
        # A label of its own: a pool that starts removes containers of its own label.
        place = f"-{socket.gethostname()}-{os.getpid()}"
        _tools[key] = open_tools(config, cache, config.run, os.environ.get, place)
    return _tools[key]


def _close_opened() -> None:
    while _tools:
        _tools.popitem()[1].close()


@atexit.register
def _close_tools() -> None:
    _close_opened()
    while _mirrors:
        shutil.rmtree(_mirrors.popitem()[1].run, ignore_errors=True)
