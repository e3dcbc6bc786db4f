"""Makes the shards of a run on a Ray cluster; the code of the stages is the same as on one machine.

A shard is drawn by one task, which asks for GPUs, then judged, parsed and held against more inputs by another,
which asks for processors. Both write whole shards under the keys that the ordinary chain looks for: afterwards it
finds them there, writes the manifests and makes the pairs. A task that was killed with its node leaves no half of
a shard, and is begun again on another one.

Shards go from node to node through the run folder, which all see, or through the store that the run is kept in:
then each process of a node has a folder of its own, fetches what was made of its shard, and puts what it makes.
"""

import atexit
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_API_URL

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import open_tools
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import following
from pairsmith.pipeline.run.stores import Mirror, RemoteFolder, mirror_of
from pairsmith.schemas.config import RunConfig


class EngineError(PairsmithError):
    """The cluster can't be used."""


_MAX_RETRIES = 3  # of a task whose node died
_tools: dict[str, Tools] = {}  # of this process: a model is loaded once, not once a shard
_mirrors: dict[str, Mirror] = {}  # likewise, by address of the store


def make_shards(
    chain: Path, names: Sequence[str], config: RunConfig, cache: Path, n_each: Mapping[str, int] | None = None
) -> None:
    """Make all shards up to the timings that are not there, on the cluster.

    Raises:
        EngineError: Ray is not installed, the cluster is away, or there is no Prefect server that its nodes reach.
    """
    looked = Chain(chain, config, draws=n_each)
    looked.forget_faults()
    pending = [name for name in names if not is_whole(looked, name)]
    if not pending:
        return
    mirror = mirror_of(chain)
    if mirror is not None:
        mirror.push()  # what was removed above goes from the store too
    try:
        from prefect_ray import RayTaskRunner
    except ModuleNotFoundError as error:
        raise EngineError(f"engine.kind=ray needs {error.name}; pip install 'pairsmith[ray]'") from None
    if not PREFECT_API_URL.value():
        raise EngineError("engine.kind=ray needs a Prefect server that its nodes reach; set PREFECT_API_URL")
    runner = RayTaskRunner(address=config.engine.address or None, init_kwargs={"log_to_driver": False})
    try:
        on_cluster.with_options(task_runner=runner)(
            chain, pending, config, cache, dict(n_each) if n_each else None
        )
    except ConnectionError as error:
        line = str(error).strip().partition("\n")[0]
        raise EngineError(f"engine.address={config.engine.address!r}: no Ray cluster there ({line})") from None


@flow(name="shards", validate_parameters=False)
def on_cluster(
    chain: Path, names: Sequence[str], config: RunConfig, cache: Path, n_each: Mapping[str, int] | None
) -> None:
    """Draw and judge shards, all at the same time as far as the cluster's resources go."""
    from prefect_ray.context import remote_options

    engine, futures, mirror = config.engine, [], mirror_of(chain)
    for name in names:
        with remote_options(num_gpus=engine.sampler_gpus, num_cpus=1, max_retries=_MAX_RETRIES):
            drawn = draw_shard.submit(chain, name, config, cache, n_each)
        with remote_options(num_cpus=engine.judge_cpus, max_retries=_MAX_RETRIES):
            futures.append(judge_shard.submit(chain, name, config, cache, wait_for=[drawn]))  # type: ignore[call-overload]
    with reporter().stage("shards", len(futures), "shards") as bar:
        for name, future in zip(names, futures, strict=True):
            future.result()
            if mirror is not None:
                mirror.pull_files(_of_shard(name))
            bar.advance()


@task(name="draw", task_run_name="draw {name}", cache_policy=NO_CACHE, persist_result=False)
def draw_shard(
    chain: Path, name: str, config: RunConfig, cache: Path, n_each: Mapping[str, int] | None = None
) -> None:
    """Draw the candidates of one shard, unless they are there."""
    with _here(chain, name, config) as (run, mine):
        Chain(run, mine, _tools_here(mine, cache), n_each).ensure("candidates", name)


@task(name="judge", task_run_name="judge {name}", cache_policy=NO_CACHE, persist_result=False)
def judge_shard(chain: Path, name: str, config: RunConfig, cache: Path) -> None:
    """Extract, execute, judge, parse and hold against more inputs one shard that is drawn; what is there stays."""
    with _here(chain, name, config) as (run, mine):
        made = Chain(run, mine, _tools_here(mine, cache))
        for stage in _judged_stages():
            made.ensure(stage, name)


@contextmanager
def _here(chain: Path, name: str, config: RunConfig) -> Iterator[tuple[Path, RunConfig]]:
    """Give the run folder as this process has it, with what was made of a shard so far, and its configuration."""
    if not config.store:
        yield chain, config
        return
    if config.store not in _mirrors:
        folder = Path(tempfile.mkdtemp(prefix="pairsmith-node-"))
        _mirrors[config.store] = Mirror(folder, RemoteFolder(config.store))
    mirror = _mirrors[config.store]
    mirror.pull_files(_of_shard(name))
    with following(mirror.run, mirror.put):
        yield mirror.run, config.model_copy(update={"run": mirror.run})


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
    """Return the samplers and sandboxes of this process, for one configuration at a time."""
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
