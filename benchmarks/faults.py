"""Labels under faults and under load, against those of an undisturbed run over the same programs.

    python -m benchmarks.faults --samples humaneval_codegen16b_100_samples.jsonl.gz --programs 2000

While the programs run, sandboxes are killed, processes of the runner inside get SIGKILL, a Docker engine of our
own is stopped for ten seconds, and its disk is filled for ten. Then the same programs run at normal load and
under four times as many busy processes as cores. Each line says how many verdicts (label and cause) differ.
Needs root, for that engine.
"""

import argparse
import contextlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import docker
import psutil

from benchmarks.disturbing import busy_machine, sandbox_roots, sandbox_runners
from benchmarks.engines import PrivateEngine, private_engine
from benchmarks.samples import read_samples
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.sandbox import open_pool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Verdict

EVERY = 50  # programs between two kills
LABEL = "faults"
LIMITS = SandboxConfig(cpu_s=3, wall_s=3.0, case_wall_s=3.0)
Disturb = Callable[[int, int], None]  # told how many programs were done before, and are done now


def main() -> None:
    """Measure and print."""
    options = _options()
    problems, candidates = read_samples(options.samples, options.per_problem)
    programs = [extract_program(row, problems[row.problem_id]) for row in candidates]
    programs = [row for row in programs if row.extraction is Extraction.OK]
    random.Random(0).shuffle(programs)
    programs = programs[: options.programs]
    print(f"{len(programs)} programs, {len({row.code for row in programs})} different, seed 0", flush=True)
    for backend in options.backends:
        calm = _run("undisturbed", backend, programs, problems, None, ())
        _run("a sandbox killed every 50 programs", backend, programs, problems, _kill_sandboxes(backend), calm)
        _run(
            "a runner's process killed every 50 programs",
            backend,
            programs,
            problems,
            _kill_runners(backend),
            calm,
        )
        for number in range(1, 3):
            _run(f"normal load, run {number + 1}", backend, programs, problems, None, calm)
        with busy_machine():
            for number in range(1, 4):
                _run(f"four busy processes a core, run {number}", backend, programs, problems, None, calm)
    if "docker" in options.backends:
        with private_engine(LIMITS.image) as engine:
            calm = _run("undisturbed, own engine", "docker", programs, problems, None, ())
            stop, fill = _once(lambda: _stop(engine)), _once(lambda: _fill(engine))
            _run("engine stopped for 10 s", "docker", programs, problems, stop, calm)
            _run("engine's disk full for 10 s", "docker", programs, problems, fill, calm)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="JSONL of samples on HumanEval")
    parser.add_argument("--per-problem", type=int, default=20)
    parser.add_argument("--programs", type=int, default=2000)
    parser.add_argument("--backends", nargs="+", default=["bubblewrap", "docker"])
    return parser.parse_args()


def _run(
    name: str,
    backend: str,
    programs: Sequence[Program],
    problems: dict[str, Problem],
    disturb: Disturb | None,
    calm: Sequence[Verdict],
) -> list[Verdict]:
    """Judge all programs while `disturb` does its work; print how it differs from `calm`."""
    limits = LIMITS.model_copy(update={"backend": backend})
    n_done = 0

    def on_done(n: int) -> None:
        nonlocal n_done
        before, n_done = n_done, n_done + n
        if disturb is not None:
            disturb(before, n_done)

    start = time.monotonic()
    with open_pool(limits, ExecutionConfig(), LABEL, lambda text: None) as pool:
        executions = execute_programs(programs, problems, pool, on_done, n_runs=1)
    verdicts = [judge(problems[row.problem_id], row) for row in executions]
    wall_s = time.monotonic() - start
    labels = Counter(str(row.label) for row in verdicts)
    print(f"{backend}, {name}: {wall_s:.0f} s, {pool.n_faults} faults, {dict(labels)}", end="", flush=True)
    if calm:
        changes = Counter(
            f"{a.label} {a.cause} -> {b.label} {b.cause}"
            for a, b in zip(calm, verdicts, strict=True)
            if (a.label, a.cause) != (b.label, b.cause)
        )
        equal = 1 - changes.total() / len(calm)
        print(f", {changes.total()} verdicts differ ({equal:.2%} equal) {dict(changes) or ''}", end="")
    print(flush=True)
    return verdicts


def _kill_sandboxes(backend: str) -> Disturb:
    chance = random.Random(0)

    def kill(before: int, now: int) -> None:
        if now // EVERY > before // EVERY:
            _kill_one(sandbox_roots(backend, LABEL), chance)

    return kill


def _kill_runners(backend: str) -> Disturb:
    """Kill supervisors and zygotes: those of a sandbox's interpreters that are no program's."""
    chance = random.Random(0)

    def kill(before: int, now: int) -> None:
        if now // EVERY > before // EVERY:
            _kill_one(sandbox_runners(backend, LABEL), chance)

    return kill


def _once(action: Callable[[], None]) -> Disturb:
    """Start something beside the programs when the first of them are done."""

    def disturb(before: int, now: int) -> None:
        if before < EVERY <= now:
            threading.Thread(target=action).start()

    return disturb


def _kill_one(processes: Sequence[psutil.Process], chance: random.Random) -> None:
    if processes:
        with contextlib.suppress(psutil.Error):
            chance.choice(processes).send_signal(signal.SIGKILL)


def _stop(engine: PrivateEngine) -> None:
    engine.stop()
    time.sleep(10)
    engine.start()


def _fill(engine: PrivateEngine) -> None:
    client = docker.DockerClient(engine.url)
    with engine.full_disk():
        for box in client.containers.list(filters={"label": f"pairsmith.run={LABEL}"}):
            box.kill()  # so that new ones are needed, which can't be made now
        time.sleep(10)
    client.close()


if __name__ == "__main__":
    main()
