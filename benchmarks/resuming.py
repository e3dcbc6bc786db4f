"""A sampling run that is killed with SIGKILL at random times, then resumed: what is lost, and what is drawn twice.

    python -m benchmarks.resuming --kills 10

Draws starter problems with the embedded model into a sample store, as a run does. Each kill comes up to two
seconds after a random number of samples is finished, so that all fall within the run. The ids at the end are
compared with those of an undisturbed run. Of each kill it is told how many requests the model was working on (at
most one batch), and how many finished samples were drawn once more (the store holds each as soon as it is
finished).
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.pipeline.sampling import (
    Drawn,
    Failure,
    Request,
    Sampler,
    SampleStore,
    open_sampler,
    sample_problems,
)
from pairsmith.schemas.config.sampling import SamplingConfig


def main() -> None:
    options = _options()
    if options.child is not None:
        _draw(options.child, options)
        return
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, killed = Path(folder) / "undisturbed", Path(folder) / "killed"
        started = time.monotonic()
        _child(undisturbed, options).wait()
        seconds = time.monotonic() - started
        n_all = len(_ids(undisturbed))
        working = []
        for number, n_done in enumerate(sorted(draw.sample(range(n_all - 1), options.kills)), start=1):
            process = _child(killed, options)
            if _wait(process, killed, number, n_done):
                time.sleep(draw.uniform(0.0, 2.0))  # somewhere in the batch that follows
            if process.poll() is None:
                process.kill()
                process.wait()
                working.append(_in_work(killed, options.batch))
        assert _child(killed, options).wait() == 0
        ids = [_ids(path) for path in (undisturbed, killed)]
        doubled = [n for n in Counter(_done(killed)).values() if n > 1]
        print(f"undisturbed {len(ids[0])} samples in {seconds:.1f} s; killed {len(working)} times")
        print(f"keys after resuming equal the undisturbed run's: {ids[0] == ids[1]}")
        print(f"in the model's batch of {options.batch} at each kill: {working}")
        print(f"finished samples that were drawn once more: {sum(doubled) - len(doubled)}")


def _wait(process: "subprocess.Popen[bytes]", folder: Path, n_starts: int, n_done: int) -> bool:
    """Wait until the process draws and that many samples are finished, also by those before; False if it ended."""
    while process.poll() is None:
        if _lines(folder).count("start") == n_starts and len(set(_done(folder))) >= n_done:
            return True
        time.sleep(0.02)
    return False


class Noting:
    """A sampler that notes each request when it is finished, before anybody stores it."""

    def __init__(self, inner: Sampler, log: Path) -> None:
        self.inner, self.log = inner, log

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        with self.log.open("a", buffering=1) as log:
            log.write("start\n")
            for outcome in self.inner.sample(self._noted(requests, log)):
                log.write(f"done {outcome.request.candidate_id}\n")
                yield outcome

    def _noted(self, requests: Iterable[Request], log: object) -> Iterator[Request]:
        for request in requests:
            log.write(f"asked {request.candidate_id}\n")  # type: ignore[attr-defined]
            yield request


def _draw(folder: Path, options: argparse.Namespace) -> None:
    problems = [item.problem for item in load_starter(starter_folder())][: options.problems]
    config = SamplingConfig(
        backend="transformers", n=options.n, max_tokens=options.max_tokens, batch_size=options.batch
    )
    folder.mkdir(exist_ok=True)
    store = SampleStore(folder / "samples.sqlite")
    with open_sampler(config, options.cache, None, lambda text: None) as sampler:
        rows = sample_problems(problems, Noting(sampler, folder / "log"), config, 0, store)  # type: ignore[arg-type]
    (folder / "ids").write_text("\n".join(sorted(row.candidate_id for row in rows)))
    store.close()


def _child(folder: Path, options: argparse.Namespace) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.resuming", "--child", str(folder), "--cache", str(options.cache)]
    command += [
        "--problems",
        str(options.problems),
        "--n",
        str(options.n),
        "--max-tokens",
        str(options.max_tokens),
    ]
    command += ["--batch", str(options.batch)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def _ids(folder: Path) -> list[str]:
    return (folder / "ids").read_text().split()


def _done(folder: Path) -> list[str]:
    return [line.split()[1] for line in _lines(folder) if line.startswith("done ")]


def _in_work(folder: Path, n_most: int) -> int:
    """Return the requests that the last process had taken and not finished, but no more than a batch holds."""
    last: list[str] = []
    for line in _lines(folder):
        last = [] if line == "start" else [*last, line]
    asked = {line.split()[1] for line in last if line.startswith("asked ")}
    done = {line.split()[1] for line in last if line.startswith("done ")}
    return min(len(asked - done), n_most)


def _lines(folder: Path) -> list[str]:
    path = folder / "log"
    return path.read_text().splitlines() if path.is_file() else []


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--problems", type=int, default=10)
    parser.add_argument("--n", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "pairsmith")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
