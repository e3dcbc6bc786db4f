import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from pairsmith.pipeline.sandbox import pool as pool_module
from pairsmith.pipeline.sandbox import turns
from pairsmith.pipeline.sandbox.contract import (
    Answer,
    Ending,
    Engine,
    Job,
    Link,
    SandboxError,
    SandboxFaultError,
    SandboxStartError,
)
from pairsmith.pipeline.sandbox.pool import Bench, SandboxPool, open_pool
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig
from pairsmith.schemas.execution import Status


class FakeEngine:
    isolation = "namespaces"

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.is_closed = False

    def start(self, hash_seed: int = 0) -> Link:
        raise NotImplementedError

    def close(self) -> None:
        self.is_closed = True


class FakeSandbox:
    """A sandbox that only counts. `broken` holds what the next starts raise; a probe takes `probe_s`."""

    started: list["FakeSandbox"]
    broken: list[Exception]
    python = "3.11.2"
    probe_s = turns.REFERENCE_S

    def __init__(self, engine: FakeEngine, config: SandboxConfig, kit: object = None, seed: int = 0) -> None:
        if self.broken:
            raise self.broken.pop(0)
        self.engine, self.n_programs, self.is_tainted, self.is_closed = engine, 0, False, False
        self.config = config
        self.started.append(self)

    def close(self) -> None:
        self.is_closed = True

    def run(self, job: Job) -> tuple[list[Answer], Ending]:
        answers = [Answer(Status.OK, repr(self.probe_s * times), "", 0.1) for times in (3.0, 1.0, 2.0)]
        return answers, Ending(Status.OK, "", "", 0.1, 0.1, 1.0)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No real sandbox, no real sleep; the list holds the seconds that would have been slept."""
    FakeSandbox.started, FakeSandbox.broken = [], []
    slept: list[float] = []
    monkeypatch.setattr(pool_module, "Sandbox", FakeSandbox)
    monkeypatch.setattr(pool_module, "_RECYCLE_AFTER", 3)
    monkeypatch.setattr(pool_module, "_FAULT_LIMIT", 4)
    monkeypatch.setattr("pairsmith.pipeline.sandbox.pool.time.sleep", slept.append)
    return slept


def candidate_of(bench: Bench) -> Any:
    return bench.candidate


def make_pool(workers: int = 1, **execution: int) -> SandboxPool:
    config = SandboxConfig(workers=workers)
    return SandboxPool(cast(Engine, FakeEngine()), config, ExecutionConfig(**{"fault_retries": 2, **execution}))


def faulty(n_faults: int) -> Callable[[Bench], Any]:
    """Return work that meets so many faults first, then gives its sandbox."""
    left = [n_faults]

    def work(bench: Bench) -> Any:
        sandbox = bench.candidate
        if left[0]:
            left[0] -= 1
            raise SandboxFaultError(f"fault {left[0]}")
        return sandbox

    return work


def test_sandboxes_start_when_first_used_and_are_used_again() -> None:
    pool = make_pool()
    assert FakeSandbox.started == []
    first = pool.run(candidate_of)
    assert pool.run(candidate_of) is first
    assert len(FakeSandbox.started) == 1


def test_tests_have_a_sandbox_of_their_own() -> None:
    pool = make_pool()
    candidate, tester = pool.run(lambda bench: (bench.candidate, bench.tester))
    assert candidate is not tester


def test_a_sandbox_is_replaced_after_so_many_programs() -> None:
    pool = make_pool()

    def work(bench: Bench) -> Any:
        sandbox = bench.candidate
        sandbox.n_programs += 1
        return sandbox

    used = [pool.run(work) for _ in range(7)]
    assert [FakeSandbox.started.index(sandbox) for sandbox in used] == [0, 0, 0, 1, 1, 1, 2]
    assert [sandbox.is_closed for sandbox in FakeSandbox.started] == [True, True, False]


def test_a_tainted_sandbox_is_replaced_and_the_other_kept() -> None:
    pool = make_pool()
    candidate, tester = pool.run(lambda bench: (bench.candidate, bench.tester))
    candidate.is_tainted = True
    fresh, same = pool.run(lambda bench: (bench.candidate, bench.tester))
    assert fresh is not candidate
    assert same is tester
    assert FakeSandbox.started[0].is_closed


@pytest.mark.parametrize("n_faults", [0, 1, 2])
def test_a_fault_is_tried_again_on_a_fresh_sandbox(n_faults: int, waits: list[float]) -> None:
    pool = make_pool()
    assert pool.run(faulty(n_faults)) is FakeSandbox.started[-1]
    assert len(FakeSandbox.started) == n_faults + 1
    assert [sandbox.is_closed for sandbox in FakeSandbox.started] == [True] * n_faults + [False]
    assert waits == [0.5, 1.0][:n_faults]
    assert pool.n_faults == n_faults


def test_after_the_last_try_the_fault_is_told(waits: list[float]) -> None:
    pool = make_pool()
    with pytest.raises(SandboxFaultError, match="fault 0"):
        pool.run(faulty(3))
    assert waits == [0.5, 1.0]
    assert all(sandbox.is_closed for sandbox in FakeSandbox.started)
    assert pool.run(faulty(0)) is FakeSandbox.started[3]


def test_a_sandbox_that_does_not_start_is_a_fault() -> None:
    pool = make_pool()
    FakeSandbox.broken = [SandboxStartError("no start")]
    assert pool.run(candidate_of) is FakeSandbox.started[0]
    assert pool.n_faults == 1


def test_an_engine_that_was_never_up_is_not_waited_for(waits: list[float]) -> None:
    pool = make_pool()
    FakeSandbox.broken = [SandboxStartError("no start")] * 5
    with pytest.raises(SandboxStartError):
        pool.run(candidate_of)
    assert waits == [0.5, 1.0]


def test_an_engine_that_stops_is_waited_for_and_counts_against_nobody(waits: list[float]) -> None:
    pool = make_pool()
    pool.run(candidate_of).is_tainted = True
    FakeSandbox.broken = [SandboxStartError("connection refused")] * 12
    assert pool.run(candidate_of) is FakeSandbox.started[1]
    assert len(waits) == 12
    assert pool.n_faults == 0


def test_an_engine_that_stays_away_stops_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool(patience_s=30)
    pool.run(candidate_of).is_tainted = True
    clock = [0.0]
    monkeypatch.setattr("pairsmith.pipeline.sandbox.pool.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("pairsmith.pipeline.sandbox.pool.time.sleep", lambda s: clock.__setitem__(0, clock[0] + s))
    FakeSandbox.broken = [SandboxStartError("connection refused")] * 99
    with pytest.raises(SandboxError, match=r"no sandbox has started for 3\d s, the last: connection refused"):
        pool.run(candidate_of)
    assert caplog.text.count("waiting for the engine") == 1, "an outage is told once"


def test_a_replacement_that_does_not_start_leaves_no_closed_sandbox_in_use() -> None:
    pool = make_pool()
    pool.run(candidate_of).is_tainted = True
    FakeSandbox.broken = [SandboxFaultError("no start")]
    assert not pool.run(candidate_of).is_closed


def test_many_faults_in_a_row_stop_whatever_the_work() -> None:
    pool = make_pool()
    with pytest.raises(SandboxFaultError):
        pool.run(faulty(3))
    with pytest.raises(SandboxError, match=r"^4 sandbox faults in a row, the last: fault 0$"):
        pool.run(faulty(1))
    with pytest.raises(SandboxError, match="5 sandbox faults"):
        pool.run(faulty(1))


def test_one_success_ends_the_row() -> None:
    pool = make_pool()
    for _ in range(3):
        pool.run(faulty(2))
    assert pool.n_faults == 6


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SandboxError("none")])
def test_another_error_passes_through_and_ends_the_conversation(error: BaseException) -> None:
    pool = make_pool()

    def work(bench: Bench) -> Any:
        assert bench.candidate
        raise error

    with pytest.raises(type(error)):
        pool.run(work)
    assert FakeSandbox.started[0].is_closed
    assert pool.run(candidate_of) is FakeSandbox.started[1]


def test_as_many_at_once_as_workers() -> None:
    pool = make_pool(workers=2)
    barrier = threading.Barrier(2, timeout=5)

    def work(bench: Bench) -> Any:
        barrier.wait()
        return bench

    benches: list[Bench] = []
    threads = [threading.Thread(target=lambda: benches.append(pool.run(work))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(benches) == 4
    assert len(set(map(id, benches))) == 2


def test_a_third_worker_waits_for_a_bench() -> None:
    pool = make_pool(workers=1)
    inside, leave = threading.Event(), threading.Event()

    def hold(bench: Bench) -> None:
        inside.set()
        leave.wait(5)

    done: list[float] = []
    holder = threading.Thread(target=lambda: pool.run(hold))

    def wait() -> None:
        pool.run(candidate_of)
        done.append(time.monotonic())

    waiter = threading.Thread(target=wait)
    holder.start()
    assert inside.wait(5)
    waiter.start()
    waiter.join(0.05)
    assert done == []
    leave.set()
    waiter.join(5)
    holder.join(5)
    assert len(done) == 1


def test_the_end_closes_all() -> None:
    with make_pool(workers=2) as pool:
        engine = pool._engine
        pool.run(lambda bench: (bench.candidate, bench.tester))
    assert len(FakeSandbox.started) == 2
    assert all(sandbox.is_closed for sandbox in FakeSandbox.started)
    assert engine.is_closed  # type: ignore[attr-defined]


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Which engines there are: name to an engine or to what its start raises."""
    known: dict[str, Any] = {"docker": FakeEngine("docker"), "bubblewrap": FakeEngine("bubblewrap")}

    def engine(name: str) -> Any:
        if isinstance(known[name], Exception):
            raise known[name]
        return known[name]

    def docker(config: SandboxConfig, label: str) -> Any:
        known["label"] = label
        return engine("docker")

    monkeypatch.setattr(pool_module, "DockerEngine", docker)
    monkeypatch.setattr(pool_module, "BubblewrapEngine", lambda *_: engine("bubblewrap"))
    return known


def opened(backend: Any = "auto") -> tuple[SandboxPool, list[str]]:
    said: list[str] = []
    return open_pool(SandboxConfig(backend=backend), ExecutionConfig(fault_retries=0), "mine", said.append), said


def test_auto_takes_docker_first(engines: dict[str, Any]) -> None:
    pool, said = opened()
    assert (pool.name, engines["label"]) == ("docker", "mine")
    assert said == ["sandbox: docker, Python 3.11.2, 2 workers"]


def test_auto_takes_bubblewrap_where_no_docker_answers_and_says_why(engines: dict[str, Any]) -> None:
    engines["docker"] = SandboxError("the Docker engine does not answer")
    pool, said = opened()
    assert pool.name == "bubblewrap"
    assert said == ["sandbox: bubblewrap, Python 3.11.2, 2 workers (docker: the Docker engine does not answer)"]


def test_a_docker_whose_first_sandbox_fails_is_closed_and_left(engines: dict[str, Any]) -> None:
    FakeSandbox.broken = [SandboxFaultError("exit code 125")]
    pool, said = opened()
    assert pool.name == "bubblewrap"
    assert engines["docker"].is_closed
    assert "docker: exit code 125" in said[0]


@pytest.mark.parametrize(("backend", "other"), [("docker", "bubblewrap"), ("bubblewrap", "docker")])
def test_a_named_backend_is_that_or_none(engines: dict[str, Any], backend: str, other: str) -> None:
    assert opened(backend)[0].name == backend
    engines[backend] = SandboxError("install it")
    with pytest.raises(SandboxError, match=f"^no sandbox: {backend}: install it$"):
        opened(backend)
    assert not engines[other].is_closed


def test_with_neither_both_reasons_are_told(engines: dict[str, Any]) -> None:
    engines["docker"], engines["bubblewrap"] = SandboxError("start it"), SandboxError("install it")
    with pytest.raises(SandboxError, match=r"^no sandbox: docker: start it; bubblewrap: install it$"):
        opened()


@pytest.mark.parametrize(
    ("times", "slowness"), [(0.5, 1.0), (1.0, 1.0), (1.19, 1.0), (1.5, 1.5), (2.24, 2.2), (50.0, 10.0)]
)
def test_a_slow_machine_has_longer_limits_of_time(
    monkeypatch: pytest.MonkeyPatch, times: float, slowness: float
) -> None:
    monkeypatch.setattr(FakeSandbox, "probe_s", turns.REFERENCE_S * times)
    config = SandboxConfig(workers=1, cpu_s=3, wall_s=4.0, case_wall_s=2.0)
    pool = SandboxPool(cast(Engine, FakeEngine()), config, ExecutionConfig())
    assert pool.scale_limits() == slowness
    scaled = pool.run(candidate_of).config
    assert (scaled.wall_s, scaled.case_wall_s) == (4.0 * slowness, 2.0 * slowness)
    assert 3 * slowness <= scaled.cpu_s < 3 * slowness + 1
    assert (scaled.memory_mib, scaled.n_processes) == (config.memory_mib, config.n_processes)
    assert FakeSandbox.started[0].is_closed is (slowness != 1.0)


@pytest.mark.parametrize("scale", [True, False])
def test_the_user_is_told_of_scaled_limits(monkeypatch: pytest.MonkeyPatch, scale: bool) -> None:
    monkeypatch.setattr(FakeSandbox, "probe_s", turns.REFERENCE_S * 3)
    monkeypatch.setattr(pool_module, "BubblewrapEngine", lambda config: FakeEngine("bubblewrap"))
    said: list[str] = []
    config = SandboxConfig(backend="bubblewrap", scale_limits=scale)
    open_pool(config, ExecutionConfig(), "mine", said.append).close()
    assert ("time limits times 3.0" in said[0]) is scale
