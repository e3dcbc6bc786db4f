"""What a chain works with: samplers and sandboxes, and what a store holds of a run (without a lease)."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pairsmith.pipeline.chain.table import stored_stages
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.stores import Lease, Mirror, RemoteFolder, mirror_of, mirrored
from pairsmith.pipeline.sampling import Sampler, SampleStore, open_sampler
from pairsmith.pipeline.sampling.filling import remember_draws, store_path
from pairsmith.pipeline.sandbox import SandboxPool, open_pool
from pairsmith.pipeline.sandbox.docker_engine import label_of
from pairsmith.schemas.config import RunConfig, beyond_limits
from pairsmith.schemas.config.sampling import SamplingConfig

_DRAWN = re.compile(r"(^|/)candidates/part-\d+\.parquet$")
# Settings of sampling that requests carry: steps of synthesis that differ in these share a model that is loaded.
_OF_REQUESTS = ("n", "schedule", "temperature", "top_p", "max_tokens", "templates", "prompts")


@dataclass
class Tools:
    """Samplers, sample store and sandboxes, opened when they are first needed."""

    config: RunConfig
    cache: Path  # folder for converted models and for the samples that runs share
    root: Path  # folder of the run, also for a chain below it
    # returns what a variable of the environment holds, such as an API key; None for none
    api_keys: Callable[[str], str | None]
    place: str = ""  # added to the label of containers, where several processes work on one run
    log: Callable[[str], None] = lambda line: None  # takes lines for people
    _pool: SandboxPool | None = field(default=None, init=False)
    _beyond: SandboxPool | None = field(default=None, init=False)
    _store: SampleStore | None = field(default=None, init=False)
    _sampler: tuple[SamplingConfig, Sampler] | None = field(default=None, init=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, init=False)

    @contextmanager
    def open_model(self, sampling: SamplingConfig) -> Iterator[Sampler]:
        """Give a sampler for a model; it stays open until another is needed, since loading takes seconds."""
        config = self.config
        model = sampling.model_copy(update={name: getattr(config.sampling, name) for name in _OF_REQUESTS})
        if self._sampler is None or self._sampler[0] != model:
            self.close_sampler()
            key = self.api_keys(model.api_key_variable)
            devices = tuple(filter(None, (self.api_keys("CUDA_VISIBLE_DEVICES") or "").split(",")))
            logs = config.run / "logs"
            sampler = open_sampler(model, self.cache, key, self.log, config.seed, logs, devices)
            self._sampler = (model, sampler)
        yield self._sampler[1]

    def close_sampler(self) -> None:
        """Let go of the model's memory, and stop its server."""
        if self._sampler is not None:
            self._sampler[1].close()
            self._sampler = None

    def store(self) -> SampleStore | None:
        """Return the sample store, where there is to be one."""
        path = store_path(self.config, self.cache, self.root)
        if self._store is None and path is not None:
            self._store = SampleStore(path)
            remember_draws(fetched_candidates(self.root), self._store)
        return self._store

    def pool(self) -> SandboxPool:
        """Return the sandboxes; may be called from several threads."""
        with self._opening:
            if self._pool is None:
                config = self.config
                self._pool = open_pool(
                    config.sandbox, config.execution, label_of(config.run) + self.place, self.log
                )
            return self._pool

    def beyond_pool(self) -> SandboxPool:
        """Return the sandboxes with the limits of what goes beyond the tests; threads may call it at once."""
        with self._opening:
            if self._beyond is None:
                config = self.config
                limits = beyond_limits(config.sandbox, config.crosscheck)
                self._beyond = open_pool(
                    limits, config.execution, label_of(config.run) + self.place, lambda text: None
                )
            return self._beyond

    def close(self) -> None:
        """Close whatever was opened."""
        self.close_sampler()
        for pool in (self._pool, self._beyond):
            if pool is not None:
                pool.close()
        self._pool = self._beyond = None
        if self._store is not None:
            self._store.close()
            self._store = None


def fetched_candidates(run: Path) -> list[Path]:
    """Return the shards of candidates that came from the store which keeps a run that is locked."""
    mirror = mirror_of(run)
    names = mirror.fetched if mirror is not None else ()
    return [run / name for name in names if _DRAWN.search(name)]


@dataclass(frozen=True)
class Stored:
    """A copy of what a store holds."""

    run: Path  # folder of the copy; not the one that the run works in
    is_empty: bool  # nothing is there yet
    words: tuple[str, ...] = ()  # who works on it, and what this machine has and the store lacks; a line each


def shows_stages(name: str) -> bool:
    """Return whether a file of a run shows the state of its stages: no weights, no dataset."""
    head, slash, _ = name.partition("/")
    return not slash or head in stored_stages() or name.endswith(".json")


def is_read(name: str) -> bool:
    """Return whether a file of a run is one that people look at: no weights."""
    return not name.startswith("training/") or name.endswith(".json")


def look(
    address: str, cache: Path, run: Path | None = None, only: Callable[[str], bool] | None = shows_stages
) -> Stored:
    """Copy what a store holds of a run.

    Args:
        cache: folder of what this user's runs share; the copy lies there, and a second look fetches what is new.
        run: folder that this machine works in.
        only: returns whether a path within the run is included; None takes all.

    Raises:
        StoreError: the store can't be used.
    """
    remote = RemoteFolder(address)
    near = Mirror(run, remote) if run is not None else None
    copy = Mirror(_folder(address, cache, "looks"), remote)
    copy.pull(only)
    there, words = copy.names(), []
    if not there:  # a run keeps its files where a store was emptied; this is none
        shutil.rmtree(copy.run, ignore_errors=True)
    holder = Lease(remote).holder()
    if holder:
        words.append(f"{remote.address}: {holder}")
    if near is not None:
        known = near.names()
        n_waiting = sum(
            only is None or only(name) for name in near.changed() if name in known or name not in there
        )
        if n_waiting:
            words.append(f"{run}: {n_waiting} files are not in the store; the next run uploads them")
    return Stored(copy.run, not there, tuple(words))


def as_stored(
    config: RunConfig, cache: Path, only: Callable[[str], bool] | None = shows_stages
) -> tuple[RunConfig, tuple[str, ...]]:
    """Return the configuration with the run as its store holds it, and what to log about it, a line each.

    A run without a store is returned unchanged.
    """
    if not config.store:
        return config, ()
    stored = look(config.store, cache, config.run, only)
    return config.model_copy(update={"run": stored.run}), stored.words


def open_stored(address: str, cache: Path) -> AbstractContextManager[Mirror]:
    """Return the mirror of what a store holds for a command that adds files to it, such as marks."""
    if not RemoteFolder(address).list():
        raise nothing_at(address)
    return mirrored(_folder(address, cache, "stores"), address, is_alone=False)


def nothing_at(address: str) -> PairsmithError:
    """Return the error of an address where nothing is."""
    return PairsmithError(f"{address}: nothing found; check the address and its permissions")


def _folder(address: str, cache: Path, kind: str) -> Path:
    """Return the folder of a copy."""
    address = address.rstrip("/")
    return cache / kind / digest(address)[:8] / address.rpartition("/")[2]
