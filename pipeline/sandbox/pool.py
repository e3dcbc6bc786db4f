"""Several sandboxes at work: recycling, retries on a fresh one after a fault, a stop after many faults."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from pipeline.sandbox.bubblewrap import BubblewrapEngine
from pipeline.sandbox.contract import Engine, SandboxError, SandboxFaultError
from pipeline.sandbox.docker_engine import DockerEngine
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.suite_kit import suite_kit
from schemas.config import ExecutionConfig, SandboxConfig

T = TypeVar("T")
_log = logging.getLogger(__name__)
_BACKOFF_S = 0.5


class Bench:
    """The sandboxes of one worker: one for candidates and, where a problem needs it, one for tests."""

    def __init__(self, engine: Engine, config: SandboxConfig) -> None:
        """Start nothing yet."""
        self._engine, self._config = engine, config
        self._sandboxes: dict[str, Sandbox] = {}

    @property
    def candidate(self) -> Sandbox:
        """The sandbox for candidates, started or replaced as needed."""
        return self._get("candidate")

    @property
    def tester(self) -> Sandbox:
        """The sandbox for test code."""
        return self._get("tester")

    @property
    def suite(self) -> Sandbox:
        """The sandbox for pytest and unittest modules.

        Raises:
            SandboxError: if pytest is not installed on this machine.
        """
        return self._get("suite")

    def discard(self) -> None:
        """End both; the next use starts fresh ones."""
        for sandbox in self._sandboxes.values():
            sandbox.close()
        self._sandboxes.clear()

    def _get(self, role: str) -> Sandbox:
        sandbox = self._sandboxes.get(role)
        if sandbox is not None and (sandbox.is_tainted or sandbox.n_programs >= self._config.recycle_after):
            sandbox.close()
            sandbox = None
        if sandbox is None:
            kit = (suite_kit(),) if role == "suite" else ()
            sandbox = self._sandboxes[role] = Sandbox(self._engine, self._config, *kit)
        return sandbox


class SandboxPool:
    """As many benches as workers. `run` may be called by many threads at once.

    Attributes:
        name: `bubblewrap` or `docker`.
        n_faults: sandbox faults so far.
    """

    def __init__(self, engine: Engine, config: SandboxConfig, execution: ExecutionConfig) -> None:
        """Take over an engine; sandboxes start when first used."""
        self.name = engine.name
        self.n_workers = config.workers
        self.n_faults = 0
        self._engine, self._config = engine, config
        self._execution = execution
        self._faults_in_a_row = 0
        self._lock = threading.Lock()
        self._benches: queue.SimpleQueue[Bench] = queue.SimpleQueue()
        for _ in range(config.workers):
            self._benches.put(Bench(engine, config))

    def __enter__(self) -> "SandboxPool":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every sandbox."""
        self.close()

    def run(self, work: Callable[[Bench], T]) -> T:
        """Return what `work` gives on a bench; after a fault, once more on a fresh one, with backoff.

        Raises:
            SandboxFaultError: if every try of this piece of work met a fault.
            SandboxError: after `fault_limit` faults in a row, whatever the work: the sandbox itself is broken.
        """
        with self._borrow() as bench:
            for attempt in range(self._execution.fault_retries + 1):
                try:
                    done = work(bench)
                except SandboxFaultError as fault:
                    bench.discard()
                    self._count_fault(fault)
                    if attempt == self._execution.fault_retries:
                        raise
                    time.sleep(_BACKOFF_S * 2**attempt)
                except BaseException:
                    bench.discard()  # in the middle of a conversation
                    raise
                else:
                    self._faults_in_a_row = 0
                    return done
        raise AssertionError("unreachable")

    def sibling(self, limits: Mapping[str, Any]) -> "SandboxPool":
        """Return another pool on an engine of the same kind, with some limits of its own."""
        config = self._config.model_copy(update=dict(limits))
        return SandboxPool(self._engine.sibling(config), config, self._execution)

    def close(self) -> None:
        """End every sandbox that was started."""
        while not self._benches.empty():
            self._benches.get().discard()
        self._engine.close()

    @contextmanager
    def _borrow(self) -> Iterator[Bench]:
        bench = self._benches.get()
        try:
            yield bench
        finally:
            self._benches.put(bench)

    def _count_fault(self, fault: SandboxFaultError) -> None:
        _log.warning("sandbox fault: %s", fault)
        with self._lock:
            self.n_faults += 1
            self._faults_in_a_row += 1
            if self._faults_in_a_row >= self._execution.fault_limit:
                raise SandboxError(f"{self._faults_in_a_row} sandbox faults in a row, the last: {fault}") from None


def open_pool(
    sandbox: SandboxConfig, execution: ExecutionConfig, label: str, say: Callable[[str], None]
) -> SandboxPool:
    """Return a pool on the configured engine; `auto` takes Docker if it is ready, else bubblewrap.

    The first sandbox is started here, so that a broken engine is known before the first program.

    Args:
        label: goes onto containers, for reaping; see `docker_engine.label_of`.
        say: told which engine was taken, and why not the other.

    Raises:
        SandboxError: if the engine, or for `auto` either of them, can't be used. Never a bare process instead.
    """
    reasons = []
    for name in ("docker", "bubblewrap") if sandbox.backend == "auto" else (sandbox.backend,):
        pool = None
        try:
            engine: Engine = DockerEngine(sandbox, label) if name == "docker" else BubblewrapEngine(sandbox)
            pool = SandboxPool(engine, sandbox, execution)
            python = pool.run(lambda bench: bench.candidate.python)
        except BaseException as error:
            if pool is not None:
                pool.close()
            if not isinstance(error, (SandboxError, SandboxFaultError)):
                raise
            reasons.append(f"{name}: {error}")
            continue
        say(f"sandbox: {name}, Python {python}, {sandbox.workers} workers" + "".join(f" ({r})" for r in reasons))
        return pool
    raise SandboxError("no sandbox: " + "; ".join(reasons))
