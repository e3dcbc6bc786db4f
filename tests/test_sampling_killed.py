"""A sampling run that is killed with SIGKILL at ten random times."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from pairsmith.pipeline.sampling import Drawn, Failure, Request, SampleStore, guard, sample_problems
from pairsmith.schemas.config.sampling import SamplingConfig
from tests.sampling_kit import EchoSampler, make_problem

pytestmark = pytest.mark.slow

BATCH, N, N_PROBLEMS = 8, 16, 25


class BatchSampler(EchoSampler):
    """Draws batches of 8, some milliseconds each; notes each draw that it begins."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self.log = log

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        batch: list[Request] = []
        with self.log.open("a", buffering=1) as log:
            for request in requests:
                batch.append(request)
                log.write(f"{request.candidate_id}\n")
                if len(batch) == BATCH:
                    time.sleep(0.01)
                    yield from (Drawn(one, one.candidate_id, 3, 5, "stop", None, one.seed) for one in batch)
                    batch = []
            yield from (Drawn(one, one.candidate_id, 3, 5, "stop", None, one.seed) for one in batch)


def draw(folder: Path) -> list[str]:
    store = SampleStore(folder / "samples.sqlite")
    problems = [make_problem(f"f{i}") for i in range(N_PROBLEMS)]
    rows = sample_problems(problems, BatchSampler(folder / "log"), SamplingConfig(n=N), 0, store)
    store.close()
    return [row.candidate_id for row in rows]


@pytest.mark.nightly
def test_ten_kills_lose_nothing_and_double_at_most_a_batch_each(tmp_path: Path) -> None:
    (tmp_path / "undisturbed").mkdir()
    (tmp_path / "killed").mkdir()
    undisturbed = draw(tmp_path / "undisturbed")
    killed = str(tmp_path / "killed")
    code = f"from pathlib import Path; from tests.test_sampling_killed import draw; draw(Path({killed!r}))"
    random_times, n_killed, log = random.Random(7), 0, tmp_path / "killed" / "log"
    for _ in range(10):
        before = log.stat().st_size if log.is_file() else 0
        process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[1])
        while process.poll() is None and (log.stat().st_size if log.is_file() else 0) == before:
            time.sleep(0.002)
        time.sleep(random_times.uniform(0.0, 0.06))
        process.kill()
        n_killed += process.wait() == -9
    assert n_killed >= 8
    assert draw(tmp_path / "killed") == undisturbed
    begun = Counter(log.read_text().split())
    assert set(begun) == set(undisturbed)
    assert sum(begun.values()) - len(begun) <= n_killed * BATCH


def test_what_a_killed_guard_leaves_behind_is_killed_too(tmp_path: Path) -> None:
    """Ray kills the guard with the process that asked for it; vLLM's engine is a process of its own session."""
    code = (
        "import subprocess, sys, time; "
        "engine = subprocess.Popen(['sleep', '300'], start_new_session=True); "
        "print(engine.pid, file=open(sys.argv[1], 'w'), flush=True); time.sleep(300)"
    )
    noted = tmp_path / "engine"
    process = guard.start([sys.executable, "-c", code, str(noted)], {})
    deadline = time.monotonic() + 60
    while not (noted.exists() and noted.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    engine = psutil.Process(int(noted.read_text()))
    time.sleep(3 * guard._LOOK_EVERY_S)
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()
    gone, _ = psutil.wait_procs([engine], timeout=30)
    assert gone == [engine]
