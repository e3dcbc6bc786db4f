"""What a run opens: its folder under a lock, samplers, the sample store and the sandboxes."""

import fcntl
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from pairsmith.flows.reporting import reporter
from pairsmith.pipeline.run.cpus import set_threads
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.stores import StoreBusyError, mirror_of, mirrored
from pairsmith.pipeline.sampling import Sampler, SampleStore, open_sampler
from pairsmith.pipeline.sampling.arms import Source
from pairsmith.pipeline.sampling.stream import remember_draws, store_path
from pairsmith.pipeline.sandbox import SandboxPool, open_pool
from pairsmith.pipeline.sandbox.docker_engine import label_of
from pairsmith.schemas.config import RunConfig, beyond_limits

_DRAWN = re.compile(r"(^|/)candidates/part-\d+\.parquet$")
_LOOK_EVERY_S = 0.5  # whether a lock is free
_LOOK_STORE_EVERY_S = 5.0  # likewise; a store bills each look


class RunLockedError(PairsmithError):
    """Another process works on this run folder."""


@dataclass
class Tools:
    """What is opened when first needed, and closed at the end: samplers, the sample store and the sandboxes.

    Attributes:
        cache: folder for converted models and for the samples that runs share.
        root: folder of the run, also for a chain below it.
        api_keys: returns the key that a variable holds, None for none.
        place: added to the label of containers, where several processes work on one run.
    """

    config: RunConfig
    cache: Path
    root: Path
    api_keys: Callable[[str], str | None]
    place: str = ""
    _pool: SandboxPool | None = field(default=None, init=False)
    _beyond: SandboxPool | None = field(default=None, init=False)
    _store: SampleStore | None = field(default=None, init=False)
    _sampler: tuple[Source, Sampler] | None = field(default=None, init=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, init=False)

    @contextmanager
    def open_source(self, source: Source) -> Iterator[Sampler]:
        """Give a sampler for one model; it stays open until another model is wanted: loading one takes seconds."""
        if self._sampler is None or self._sampler[0] != source:
            self.close_sampler()
            config = self.config
            set_threads(config.overlap.sampler_threads)
            key = self.api_keys(source.config.api_key_variable)
            with reporter().following("conversion") as follow:
                sampler = open_sampler(
                    source.config, self.cache, key, reporter().say, follow, config.seed, config.run / "logs"
                )
            self._sampler = (source, sampler)
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
                    config.sandbox, config.execution, label_of(config.run) + self.place, reporter().say
                )
            return self._pool

    def beyond_pool(self) -> SandboxPool:
        """Return the sandboxes with the limits of what goes beyond the tests."""
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


@contextmanager
def locked(run: Path, wait_s: float = 0.0, store: str = "") -> Iterator[None]:
    """Keep other processes off a run folder; a dead holder's lock is gone with it.

    Args:
        wait_s: seconds to wait for another process.
        store: address of the folder in a store that it is kept in, which other machines are kept off too; what is
            there is fetched first. Empty for none.

    Raises:
        RunLockedError: if another process holds it for longer.
        StoreError: if the store can't be used.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        lock = (run / ".lock").open("w")
    except OSError as error:
        raise PairsmithError(f"{run}: {error.strerror}; give another folder with --set run=...") from None
    with lock, ExitStack() as stack:
        deadline = time.monotonic() + wait_s
        while not _lock_now(lock):
            if time.monotonic() >= deadline:
                raise RunLockedError(f"{run}: another pairsmith works on it; wait for its end")
            time.sleep(min(_LOOK_EVERY_S, wait_s))
        while store:
            try:
                stack.enter_context(mirrored(run, store))
                break
            except StoreBusyError as error:
                if time.monotonic() >= deadline:
                    raise RunLockedError(str(error)) from None
                time.sleep(min(_LOOK_STORE_EVERY_S, wait_s))
        yield


def _lock_now(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_locked(run: Path) -> bool:
    """Return whether some process works on a run folder now."""
    try:
        with (run / ".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
