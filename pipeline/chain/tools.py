"""What the stages of a run open: samplers, the sample store and the sandboxes."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from pairsmith.pipeline.run.stores import mirror_of
from pairsmith.pipeline.sampling import Sampler, SampleStore, open_sampler
from pairsmith.pipeline.sampling.planning import Source
from pairsmith.pipeline.sampling.stream import remember_draws, store_path
from pairsmith.pipeline.sandbox import SandboxPool, open_pool
from pairsmith.pipeline.sandbox.docker_engine import label_of
from pairsmith.schemas.config import RunConfig, beyond_limits

_DRAWN = re.compile(r"(^|/)candidates/part-\d+\.parquet$")
Follow = Callable[[str, float], None]  # takes a phase and the share done, in [0, 1]


def _log_nothing(line: str) -> None:
    return


def _follow_nothing(name: str) -> AbstractContextManager[Follow | None]:
    return nullcontext()


@dataclass
class Tools:
    """Samplers, sample store and sandboxes, opened when they are first needed.

    Attributes:
        cache: folder for converted models and for the samples that runs share.
        root: folder of the run, also for a chain below it.
        api_keys: returns what a variable of the environment holds, such as an API key; None for none.
        place: added to the label of containers, where several processes work on one run.
        log: takes lines for people.
        follow: shows the progress of a long step of this name.
    """

    config: RunConfig
    cache: Path
    root: Path
    api_keys: Callable[[str], str | None]
    place: str = ""
    log: Callable[[str], None] = _log_nothing
    follow: Callable[[str], AbstractContextManager[Follow | None]] = _follow_nothing
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
            key = self.api_keys(source.config.api_key_variable)
            devices = tuple(filter(None, (self.api_keys("CUDA_VISIBLE_DEVICES") or "").split(",")))
            with self.follow("conversion") as follow:
                logs = config.run / "logs"
                sampler = open_sampler(
                    source.config, self.cache, key, self.log, follow, config.seed, logs, devices
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
                    config.sandbox, config.execution, label_of(config.run) + self.place, self.log
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
