"""Several sandboxes at work: recycling, retries on a fresh one after a fault, a stop after many faults.

A turn (`pipeline.sandbox.turns`) is what a piece of work waits for; a bench is the sandboxes that it then gets.
"""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from pairsmith.pipeline.sandbox.bubblewrap import BubblewrapEngine
from pairsmith.pipeline.sandbox.channel import suite_kit
from pairsmith.pipeline.sandbox.contract import Engine, SandboxError, SandboxFaultError, SandboxStartError
from pairsmith.pipeline.sandbox.docker_engine import DockerEngine
from pairsmith.pipeline.sandbox.sandbox import Sandbox
from pairsmith.pipeline.sandbox.turns import Turns, measure_slowness, scale_limits
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig

T = TypeVar("T")
_log = logging.getLogger(__name__)
_BACKOFF_S = 0.5
_LONGEST_WAIT_S = 5.0
_RECYCLE_AFTER = 500  # programs of a sandbox: what one leaves behind unseen ends with the sandbox
_FAULT_LIMIT = 20  # in a row, whatever the work: no program breaks so many fresh sandboxes, the engine is broken
_N_HASH_SEEDS = 3  # beside the usual one; a sandbox each, started when first used


class Bench:
    """The sandboxes of one worker: for candidates, and where they are needed for second runs and for tests."""

    def __init__(self, engine: Engine, config: SandboxConfig) -> None:
        """Start nothing yet."""
        self._engine, self._config = engine, config
        self._sandboxes: dict[str, Sandbox] = {}

    @property
    def candidate(self) -> Sandbox:
        """The sandbox for candidates, started or replaced as needed."""
        return self._get("candidate")

    def again(self, variation: int) -> Sandbox:
        """Return the sandbox for a further run: its interpreter has other addresses and hashes."""
        return self._get(f"again {1 + variation % _N_HASH_SEEDS}")

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
        """End them all; the next use starts fresh ones."""
        for sandbox in self._sandboxes.values():
            sandbox.close()
        self._sandboxes.clear()

    def _get(self, role: str) -> Sandbox:
        sandbox = self._sandboxes.get(role)
        if sandbox is not None and (sandbox.is_tainted or sandbox.n_programs >= _RECYCLE_AFTER):
            sandbox.close()
            sandbox = None
        if sandbox is None:
            kit = suite_kit() if role == "suite" else None
            seed = int(role.partition(" ")[2] or 0)
            config = self._config
            if role in ("tester", "suite"):  # a candidate that keeps asking the tests runs out of time before them
                config = config.model_copy(update={"cpu_s": 2 * config.cpu_s, "wall_s": 2 * config.wall_s})
            sandbox = self._sandboxes[role] = Sandbox(self._engine, config, kit, seed)
        return sandbox


class SandboxPool:
    """As many turns as workers. `run` may be called by many threads at once.

    Attributes:
        name: `bubblewrap` or `docker`.
        packages: those that programs may import.
        n_threads: callers of `run` that it can serve at once: a turn each, and as many in overtime.
        n_faults: sandbox faults so far.
        worked_at: when a piece of work was last done, by the monotonic clock; at first minus infinity.
    """

    def __init__(self, engine: Engine, config: SandboxConfig, execution: ExecutionConfig) -> None:
        """Take over an engine; sandboxes start when first used."""
        self.name, self.packages = engine.name, config.packages
        self.n_threads = 2 * config.workers
        self.n_faults = 0
        self.worked_at = -math.inf
        self._engine, self._config = engine, config
        self._execution = execution
        self._faults_in_a_row = 0
        self._was_up = False
        self._down_since: float | None = None
        self._lock = threading.Lock()
        self._turns = Turns(config.workers)
        self._benches: queue.LifoQueue[Bench] = queue.LifoQueue()  # the one used last is warm
        self._set_up(config)

    def __enter__(self) -> "SandboxPool":
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End every sandbox."""
        self.close()

    def run(self, work: Callable[[Bench], T], alone: bool = False) -> T:
        """Return what `work` gives on a bench; after a fault, once more on a fresh one, with backoff.

        An engine that was up and starts no sandbox any more is waited for: that is no fault of this work.

        Args:
            alone: run nothing else of this pool meanwhile.

        Raises:
            SandboxFaultError: if every try of this piece of work met a fault.
            SandboxError: after 20 faults in a row, whatever the work, or when no sandbox has started
                for `patience_s`: the sandbox itself is broken.
        """
        with self._borrow(alone) as bench:
            n_tries = 0
            while True:
                try:
                    done = work(bench)
                except SandboxFaultError as fault:
                    bench.discard()
                    if isinstance(fault, SandboxStartError) and self._was_up:
                        self._wait_for_engine(fault)
                        continue
                    self._count_fault(fault)
                    n_tries += 1
                    if n_tries > self._execution.fault_retries:
                        raise
                    time.sleep(_BACKOFF_S * 2 ** (n_tries - 1))
                except BaseException:
                    bench.discard()  # in the middle of a conversation
                    raise
                else:
                    self._was_up, self._down_since, self.worked_at = True, None, time.monotonic()
                    self._faults_in_a_row = 0
                    return done

    def note(self, waited_long: bool) -> None:
        """Learn whether a program ran out of time while others had its processor; see `Turns.note`."""
        self._turns.note(waited_long)

    @property
    def cpu_s(self) -> float:
        """CPU seconds that a program may use, for this machine."""
        return self._config.cpu_s

    @property
    def case_wall_s(self) -> float:
        """Seconds that one call may take, for this machine."""
        return self._config.case_wall_s

    def scale_limits(self) -> float:
        """Measure this machine, multiply the limits of time by how slow it is, and return that; 1.0 for nothing.

        To be called before other work.

        Raises:
            SandboxFaultError: if a sandbox breaks, on every try.
        """
        slowness = self.run(lambda bench: measure_slowness(bench.candidate))
        if slowness != 1.0:
            self._discard_all()
            self._set_up(scale_limits(self._config, slowness))
        return slowness

    def sibling(self, limits: Mapping[str, Any]) -> "SandboxPool":
        """Return another pool on an engine of the same kind, with some limits of its own."""
        config = self._config.model_copy(update=dict(limits))
        return SandboxPool(self._engine.sibling(config), config, self._execution)

    def close(self) -> None:
        """End every sandbox that was started."""
        self._discard_all()
        self._engine.close()

    def _set_up(self, config: SandboxConfig) -> None:
        self._config = config
        for _ in range(self.n_threads):
            self._benches.put(Bench(self._engine, config))

    def _discard_all(self) -> None:
        while not self._benches.empty():
            self._benches.get().discard()

    @contextmanager
    def _borrow(self, alone: bool) -> Iterator[Bench]:
        with self._turns.take(alone):
            bench = self._benches.get()
            try:
                yield bench
            finally:
                self._benches.put(bench)

    def _wait_for_engine(self, fault: SandboxStartError) -> None:
        with self._lock:
            is_new = self._down_since is None
            since = self._down_since = self._down_since or time.monotonic()
        down_s = time.monotonic() - since
        if down_s > self._execution.patience_s:
            raise SandboxError(f"no sandbox has started for {down_s:.0f} s, the last: {fault}") from None
        if is_new:  # once an outage, however many programs wait
            _log.warning("no sandbox starts, waiting for the engine: %s", fault)
        time.sleep(min(_BACKOFF_S + down_s / 2, _LONGEST_WAIT_S))

    def _count_fault(self, fault: SandboxFaultError) -> None:
        _log.warning("sandbox fault: %s", fault)
        with self._lock:
            self.n_faults += 1
            self._faults_in_a_row += 1
            if self._faults_in_a_row >= _FAULT_LIMIT:
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
            slowness = pool.scale_limits() if sandbox.scale_limits else 1.0
        except BaseException as error:
            if pool is not None:
                pool.close()
            if not isinstance(error, (SandboxError, SandboxFaultError)):
                raise
            reasons.append(f"{name}: {error}")
            continue
        slow = f", time limits times {slowness}: a slow machine" if slowness != 1.0 else ""
        not_taken = "".join(f" ({reason})" for reason in reasons)
        say(f"sandbox: {name}, Python {python}, {sandbox.workers} workers{slow}{not_taken}")
        return pool
    raise SandboxError("no sandbox: " + "; ".join(reasons))
