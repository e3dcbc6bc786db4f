"""The cluster executor: makes the shards of a run on a Ray cluster, with the same code as on one machine.

Models are long-lived: a `Drawer` is a Ray actor that opens its model once and draws one stream of shards, so that
neither loading nor the end of a shard makes the model wait. A shard that is drawn is judged, parsed and tested
on more inputs by a Ray task. Both write whole shards under the keys that the ordinary chain looks for: it
finds them there afterwards, writes the manifests and makes the pairs. A process that dies leaves no half of a
shard; its shards are begun again elsewhere.

Shards go from node to node through the run folder, which all see, or through the store that the run is kept in:
then each process of a node has a folder of its own, fetches what was made of its shard, and puts what it makes.
"""

import atexit
import math
import os
import re
import shutil
import socket
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from pairsmith.pipeline.sampling.filling import Filled, draw
from pairsmith.pipeline.sampling.planning import list_sources
from pairsmith.schemas.config import RunConfig


class EngineError(PairsmithError):
    """The cluster can't be used."""


_MAX_RETRIES = 3  # of a judging task, and of each drawer, whose process or node died
_tools: dict[str, Tools] = {}  # of this process: sandboxes are opened once, not once a shard
_mirrors: dict[str, Mirror] = {}  # likewise, by address of the store


class Board:
    """The shards that are to be drawn, and who draws which. A Ray actor: drawers on all nodes take from it."""

    def __init__(self, names: Sequence[str]) -> None:
        """Offer these shards."""
        self._free, self._taken = list(reversed(names)), defaultdict[int, set[str]](set)

    def take(self, drawer: int, n: int) -> list[str]:
        """Return up to n shards that this drawer draws from now on."""
        names = [self._free.pop() for _ in range(min(n, len(self._free)))]
        self._taken[drawer].update(names)
        return names

    def give_back(self, drawer: int, drawn: set[str]) -> int:
        """Offer again what a drawer that died has not drawn; return how many shards are free."""
        self._free += sorted(self._taken.pop(drawer, set()) - drawn)
        return len(self._free)


@dataclass
class Drawer:
    """One model, opened once, that draws shards as one stream. A Ray actor that holds the model's GPUs."""

    _number: int
    _run_dir: Path
    _config: RunConfig
    _cache: Path
    _n_each: Mapping[str, int] | None

    def draw(self, board: Any, n_share: int) -> Iterator[str]:
        """Draw shards as long as the board has some; yield the name of each that is written.

        Args:
            board: the `Board`, as a Ray actor.
            n_share: shards taken at a time where several models are opened one after the other for all of them.
        """
        import ray

        def take(n: int) -> list[str]:
            names: list[str] = ray.get(board.take.remote(self._number, n))
            return names

        if len(list_sources(self._config.sampling)) == 1:
            yield from self.draw_shards(name for names in iter(lambda: take(1), []) for name in names)
        else:
            while names := take(n_share):
                yield from self.draw_shards(names)

    def draw_shards(self, names: Iterable[str]) -> Iterator[str]:
        """Draw shards in one stream, each taken when it is reached; yield those that are written or were there."""
        with _here(self._run_dir, self._config) as (run_dir, config):
            tools = _tools_here(config, self._cache)
            chain = Chain(run_dir, config, tools, self._n_each)
            n_problems: dict[str, int] = {}
            there: list[str] = []

            def pending() -> Iterator[str]:
                for name in names:
                    _fetch(config, name)
                    if chain.has("candidates", name):
                        there.append(name)
                        continue
                    n_problems[name] = len(chain.rows("problems", name))
                    yield name

            wanted = pending() if len(list_sources(config.sampling)) == 1 else list(pending())
            filled: dict[str, list[Filled]] = defaultdict(list)
            for problem in draw(run_dir, wanted, config, tools.open_source, tools.store(), self._n_each):
                name = problem.shard
                filled[name].append(problem)
                if len(filled[name]) == n_problems[name]:
                    chain.ensure("candidates", name, source=filled.pop(name))
                    yield name
            yield from there


def make_shards(
    run_dir: Path, names: Sequence[str], config: RunConfig, cache: Path, n_each: Mapping[str, int] | None = None
) -> None:
    """Make all shards up to the timings that are not there, on the cluster.

    Raises:
        EngineError: Ray is not installed, the cluster is away, or its processes die again and again.
        PairsmithError: what ended the work of a shard.
    """
    looked = Chain(run_dir, config, draws=n_each)
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
    is_mine = not ray.is_initialized()
    try:
        if is_mine:
            _look_for(config.engine.address)
            ray.init(address=config.engine.address or None, log_to_driver=False, include_dashboard=False)
    except OSError as error:
        address = config.engine.address
        raise EngineError(f"engine.address={address!r}: no Ray cluster there ({first_line(error)})") from None
    work = _Work(run_dir, pending, config, cache, n_each)
    try:
        with reporter().stage("shards", len(pending), "shards") as bar:
            for name in work.run():
                if mirror is not None:
                    mirror.pull_files(_of_shard(name))
                bar.advance()
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    finally:
        work.stop()
        if is_mine:
            ray.shutdown()


def _look_for(address: str) -> None:
    """Look whether anybody listens where an address names a port: Ray itself would wait for minutes."""
    named = re.fullmatch(r"(?:ray://)?([^:/]+):(\d+)", address)
    if named:
        socket.create_connection((named[1], int(named[2])), timeout=10.0).close()


class _Work:
    """The driver's side: starts drawers, submits the judging of what they drew, and replaces drawers that died."""

    def __init__(
        self,
        run_dir: Path,
        pending: Sequence[str],
        config: RunConfig,
        cache: Path,
        n_each: Mapping[str, int] | None,
    ) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._arguments = (run_dir, config, cache, n_each)
        self._n_pending, self._engine = len(pending), config.engine
        # On the driver's node, whose end is the run's end anyway: the death of another must not take the board.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._board = ray.remote(num_cpus=0, scheduling_strategy=here)(Board).remote(pending)
        self._judge = ray.remote(num_cpus=config.engine.judge_cpus, max_retries=_MAX_RETRIES)(judge_shard)
        self._drawer = ray.remote(num_gpus=config.engine.sampler_gpus, num_cpus=0)(Drawer)
        n = _n_drawers(config.engine.sampler_gpus, ray.cluster_resources().get("GPU", 0.0), self._n_pending)
        self._n_share = math.ceil(self._n_pending / n)
        self._actors: dict[int, Any] = {}
        self._streams: dict[Any, int] = {}  # the shards that a drawer draws, as they come; its number
        self._drawn: set[str] = set()
        self._dead: set[int] = set()
        self._n_deaths_allowed = _MAX_RETRIES * n
        for _ in range(n):
            self._start()

    def run(self) -> Iterator[str]:
        """Yield shards as they are whole."""
        import ray

        judged: dict[Any, str] = {}
        n_done = 0
        while n_done < self._n_pending:
            ready, _ = ray.wait([*self._streams, *judged], num_returns=1)
            for done in ready:
                if done in judged:
                    ray.get(done)
                    n_done += 1
                    yield judged.pop(done)
                elif (name := self._next(done)) and name not in self._drawn:
                    self._drawn.add(name)
                    run_dir, config, cache, _ = self._arguments
                    judged[self._judge.remote(run_dir, name, config, cache)] = name

    def stop(self) -> None:
        """End the drawers; their servers end with them."""
        import ray

        for actor in (*self._actors.values(), self._board):
            ray.kill(actor)

    def _next(self, stream: Any) -> str:
        """Return the next shard of a drawer; nothing where it has ended, or died and was replaced."""
        import ray

        try:
            name: str = ray.get(next(stream))
        except StopIteration:
            del self._streams[stream]
        except ray.exceptions.RayActorError as error:
            self._replace(self._streams.pop(stream), error)
        else:
            return name
        return ""

    def _start(self) -> None:
        number = len(self._actors)
        self._actors[number] = self._drawer.remote(number, *self._arguments)
        self._resume(number)

    def _resume(self, number: int) -> None:
        stream = self._actors[number].draw.options(num_returns="streaming").remote(self._board, self._n_share)
        self._streams[stream] = number

    def _replace(self, number: int, error: Exception) -> None:
        """Start another drawer for one that died, and wake those that found no more to draw."""
        import ray

        ray.kill(self._actors[number])  # one that is only out of reach would go on drawing
        self._dead.add(number)
        if len(self._dead) > self._n_deaths_allowed:
            raise EngineError(f"{len(self._dead)} processes that draw died; the last: {first_line(error)}")
        reporter().log("a process that draws died; its shards are drawn again elsewhere")
        if ray.get(self._board.give_back.remote(number, self._drawn)):
            for other in self._actors.keys() - set(self._streams.values()) - self._dead:
                self._resume(other)
        self._start()


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
    """Fetch what the store has of one shard."""
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
