"""What Prefect costs a run: the time of flow and tasks that is not the work in them.

    python -m benchmarks.orchestration --problems 96 --seconds 1.5

Builds a run from files whose programs sleep, so that it takes minutes on any machine, against a Prefect server of
its own on loopback, artifacts and progress included. Each task is timed from outside and from inside; the rest is
orchestration, and so is what the flow takes before and after its work.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from prefect import tags
from prefect.settings import PREFECT_API_URL, temporary_settings

from benchmarks.served import Service
from pairsmith.flows import build as building
from pairsmith.flows import deployed
from pairsmith.flows.runtime import stages
from tests.refresh_kit import write_problems


@dataclass
class Clock:
    """Seconds by what they were spent on; tasks nest, so the work of one may hold another's orchestration.

    Attributes:
        tasks: one entry a task run: its name, and the seconds that were not its work.
    """

    tasks: list[tuple[str, float]] = field(default_factory=list)
    body_s: float = 0.0

    def watch(self, name: str, task: Any) -> Callable[..., Any]:
        """Return a task's call that is timed from outside and from inside."""

        def call(*arguments: Any) -> Any:
            *names, work = arguments
            inside = 0.0

            def timed() -> object:
                nonlocal inside
                began = time.perf_counter()
                try:
                    return work()
                finally:
                    inside += time.perf_counter() - began

            began = time.perf_counter()
            try:
                return task(*names, timed)
            finally:
                self.tasks.append((name, time.perf_counter() - began - inside))

        return call


@contextlib.contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Time all tasks of the chain, and the work of the flow."""
    build = building.build.fn

    def retried(task: Any) -> Callable[..., Any]:
        return task if isinstance(task, Beside) else clock.watch("sample", task)

    def body(*arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return build(*arguments)
        finally:
            clock.body_s += time.perf_counter() - began

    with (
        mock.patch.object(stages, "retried", retried),
        mock.patch.object(stages, "make_shard", Beside(stages.make_shard, clock)),
        mock.patch.object(building.build, "fn", body),
    ):
        yield


class Beside:
    """The task of a shard, where it is called without retries: by the stages that run beside sampling."""

    def __init__(self, task: Any, clock: Clock) -> None:
        self.name, self._task, self._clock = task.name, task, clock

    def __call__(self, *arguments: Any) -> Any:
        return self._clock.watch("shard", self._task)(*arguments)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--problems", type=int, default=96)
    parser.add_argument("--seconds", type=float, default=1.5, help="that each program sleeps")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pairsmith-orchestration-"))
    config = write_problems(folder, options.problems, published=False, slow_s=options.seconds)
    settings = ("shard_problems=16", "crosscheck.n_inputs=0", "service.retries=0")
    service, clock = Service(folder, config), Clock()
    service.start_server()
    try:
        with temporary_settings({PREFECT_API_URL: service.url}), watched(clock):
            began = time.perf_counter()
            with tags("pairsmith"):  # as a deployment has: each task asks for its limit
                deployed.build(str(config), settings)
            total_s = time.perf_counter() - began
    finally:
        service.kill()
    tasks_s = sum(seconds for _, seconds in clock.tasks)
    around_s = total_s - clock.body_s
    shards = [seconds for name, seconds in clock.tasks if name == "shard"]
    print(f"a run of {total_s:.1f} s: {len(shards)} shards, {options.problems * 5} programs")
    each_ms = 1e3 * sum(shards) / len(shards)
    print(f"around the work: {around_s:.2f} s; in tasks: {tasks_s:.2f} s, {each_ms:.0f} ms a shard")
    print(f"orchestration: {100 * (around_s + tasks_s) / total_s:.2f}% of the run")
    in_ten = 100 * (around_s + tasks_s * 600 / total_s) / 600
    print(f"at this number of shards a second, of a run of ten minutes: {in_ten:.2f}%")
    return 0


if __name__ == "__main__":
    sys.exit(main())
