"""Ray beside Dask as what makes shards on several machines: starting, a task's cost, a killed worker.

    pip install prefect-dask
    python -m benchmarks.clusters --tasks 100 --rounds 3

Both through Prefect's task runner for it, with two workers of one processor on this machine and a Prefect server
of their own, in turns. Tasks sleep, so that all that is more than their sleep is the engine's and Prefect's.
Exits with 1 where a task is lost.
"""

import argparse
import logging
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from distributed import LocalCluster
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_dask import DaskTaskRunner
from prefect_ray import RayTaskRunner
from ray.cluster_utils import Cluster

from benchmarks.served import Service
from tests.refresh_kit import write_problems

N_WORKERS = 2
_KILLED_AFTER = 6  # tasks


@dataclass(frozen=True)
class Measured:
    """Seconds of one round.

    Attributes:
        start_s: until a cluster was there and its first task done.
        task_s: of a task beyond its sleep, all of them at work.
        lost_s: that a killed worker cost.
        n_lost: tasks that came to no result.
    """

    start_s: float
    task_s: float
    lost_s: float
    n_lost: int


@task(name="nap", cache_policy=NO_CACHE, persist_result=False)
def nap(number: int, seconds: float, done: Path) -> int:
    """Sleep, and say which process did."""
    (done / f"{os.getpid()}-begun").touch()
    time.sleep(seconds)
    (done / f"{number}.done").touch()
    return number


@flow(name="naps", validate_parameters=False)
def naps(n: int, seconds: float, done: Path) -> list[int]:
    """Submit tasks, all at once, and wait for them."""
    futures = [nap.submit(number, seconds, done) for number in range(n)]
    return [future.result() for future in futures]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.5, help="that each task sleeps")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # Prefect tells of every task
    folder = Path(tempfile.mkdtemp(prefix="pairsmith-clusters-"))
    service = Service(folder, write_problems(folder, 6, published=False))
    service.start_server()
    engines: dict[str, Callable[[], AbstractContextManager[Any]]] = {"ray": on_ray, "dask": on_dask}
    rounds: dict[str, list[Measured]] = {name: [] for name in engines}
    try:
        with temporary_settings({PREFECT_API_URL: service.url}):
            for number in range(options.rounds):
                for name, opened in engines.items():
                    rounds[name].append(
                        measure(opened, options.tasks, options.seconds, folder / f"{name}{number}")
                    )
                    print(f"{name:<5} {rounds[name][-1]}", flush=True)
    finally:
        service.kill()
    for name, found in rounds.items():
        start, each, lost = (
            statistics.median(getattr(one, key) for one in found) for key in ("start_s", "task_s", "lost_s")
        )
        print(f"{name:<5} start {start:.1f} s, {1e3 * each:.0f} ms a task, a killed worker {lost:.1f} s")
    return int(any(one.n_lost for found in rounds.values() for one in found))


def measure(opened: Callable[[], AbstractContextManager[Any]], n: int, seconds: float, folder: Path) -> Measured:
    """Start a cluster, run tasks on it, and run them again while one of its workers is killed."""
    begun = time.perf_counter()
    with opened() as runner:
        run(runner, 1, 0.0, folder / "first")
        start_s = time.perf_counter() - begun
        whole_s, n_lost = run(runner, n, seconds, folder / "whole")
        killer = threading.Thread(target=kill_later, args=(folder / "killed",), daemon=True)
        killer.start()
        killed_s, n_lost_then = run(runner, n, seconds, folder / "killed")
        killer.join(timeout=1.0)
        assert not killer.is_alive(), "no worker was killed"
    return Measured(start_s, whole_s * N_WORKERS / n - seconds, killed_s - whole_s, n_lost + n_lost_then)


def run(runner: Any, n: int, seconds: float, done: Path) -> tuple[float, int]:
    """Return the seconds that a flow took, and how many of its tasks came to no result."""
    done.mkdir(parents=True)
    began = time.perf_counter()
    try:
        found = naps.with_options(task_runner=runner)(n, seconds, done)
    except Exception as error:  # whatever the engine makes of a worker's death
        print(f"  {type(error).__name__}: {error}", flush=True)
        found = []
    return time.perf_counter() - began, n - len(set(found))


def kill_later(done: Path) -> None:
    """Kill a worker that is at work, when some tasks are done."""
    while len(list(done.glob("*.done"))) < _KILLED_AFTER:
        time.sleep(0.05)
    pid = int(next(done.glob("*-begun")).name.partition("-")[0])
    os.kill(pid, signal.SIGKILL)


@contextmanager
def on_ray() -> Iterator[RayTaskRunner]:
    """Give the runner of two Ray nodes of one processor."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    for _ in range(N_WORKERS - 1):
        cluster.add_node(num_cpus=1)
    try:
        yield RayTaskRunner(address=cluster.address, init_kwargs={"log_to_driver": False})
    finally:
        ray.shutdown()
        cluster.shutdown()


@contextmanager
def on_dask() -> Iterator[DaskTaskRunner]:
    """Give the runner of two Dask workers of one thread, each watched by a nanny."""
    with LocalCluster(
        n_workers=N_WORKERS, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield DaskTaskRunner(address=cluster.scheduler_address)


if __name__ == "__main__":
    sys.exit(main())
