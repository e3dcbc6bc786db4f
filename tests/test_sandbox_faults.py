"""Broken sandboxes change no label: programs run while sandboxes and the processes inside them are killed."""

import contextlib
import os
import random
import signal

import psutil
import pytest

from benchmarks.disturbing import sandbox_roots, sandbox_runners
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import ExecutionConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Label
from tests.sandboxes import LIMITS, make_engine, why_no_docker

pytestmark = pytest.mark.slow

EVERY = 60  # programs; more often, and a slow machine would only start sandboxes
RUN = f"faults-{os.getpid()}"


def programs() -> tuple[dict[str, Problem], list[Program], list[Label]]:
    """Return the starter problems, their references with a wrong solution each, and the label each must get."""
    items = [item for item in load_starter(starter_folder()) if not item.requires]
    rows = [(item.problem, item.problem.reference, Label.PASSED) for item in items]
    rows += [(item.problem, item.wrong[0].code, Label.FAILED) for item in items]
    random.Random(0).shuffle(rows)
    found = [Program(str(n), row[0].problem_id, Extraction.OK, "bare", row[1]) for n, row in enumerate(rows)]
    return {item.problem.problem_id: item.problem for item in items}, found, [row[2] for row in rows]


@pytest.mark.parametrize(
    ("backend", "victim"),
    [
        ("bubblewrap", "sandbox"),
        ("bubblewrap", "runner"),
        pytest.param("docker", "sandbox", marks=pytest.mark.docker),
        pytest.param("docker", "runner", marks=[pytest.mark.docker, pytest.mark.nightly]),
    ],
)
def test_killed_sandboxes_change_no_label(backend: str, victim: str) -> None:
    if backend == "docker" and why_no_docker() and not os.environ.get("PAIRSMITH_REQUIRE_DOCKER"):
        pytest.skip(why_no_docker())
    problems, rows, expected = programs()
    find = sandbox_roots if victim == "sandbox" else sandbox_runners
    n_done = n_killed = 0

    def kill_all_now_and_then(n: int) -> None:
        nonlocal n_done, n_killed
        n_done += n
        if n_done < EVERY * (n_killed + 1):
            return
        for process in find(backend, RUN):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        n_killed += 1

    with SandboxPool(make_engine(backend, RUN), LIMITS, ExecutionConfig()) as pool:
        executions = execute_programs(rows, problems, pool, kill_all_now_and_then, n_runs=1)
    verdicts = [judge(problems[row.problem_id], row) for row in executions]
    assert n_killed >= 4
    assert pool.n_faults >= 3
    wrong = [(v, e) for v, e in zip(verdicts, expected, strict=True) if v.label is not e]
    assert wrong == []
