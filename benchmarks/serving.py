"""A real `vllm serve` that is killed in mid-run: what the run does, and whether each asked sample is there once.

    python -m benchmarks.serving --environment path/to/environment

Samples starter problems with the embedded model through a server that the run manages. A third of the way through,
the server's process is killed with SIGKILL. Prints the times, the starts, and the counts of ids.
"""

import argparse
import os
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.pipeline.sampling import SampleStore, open_sampler, sample_problems
from pairsmith.pipeline.sampling.vllm_server import ServedSampler
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config.sampling import SamplingConfig, VllmConfig


def main() -> None:
    options = _options()
    problems = [item.problem for item in load_starter(starter_folder())][: options.problems]
    vllm = VllmConfig(environment=options.environment)
    config = SamplingConfig(backend="vllm", n=options.n, max_tokens=64, vllm=vllm)
    n_asked = len(problems) * options.n
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        store = SampleStore(Path(folder) / "samples.sqlite")
        with open_sampler(config, options.cache, None, print, logs=Path(folder)) as sampler:
            assert isinstance(sampler, ServedSampler)
            print(f"healthy after {time.monotonic() - started:.1f} s")
            killer = Killer(sampler, n_asked // 3)
            started = time.monotonic()
            rows = sample_problems(problems, sampler, config, 0, store, killer.note)
            seconds = time.monotonic() - started
            print(f"drawn {len(rows)} of {n_asked} in {seconds:.1f} s; {sampler.n_starts} starts of the server")
            if killer.killed_at and killer.back_at:
                print(f"nothing came for {killer.back_at - killer.killed_at:.1f} s after the kill")
        counts = Counter(row.candidate_id for row in rows)
        doubled = sum(n > 1 for n in counts.values())
        print(f"ids: {len(counts)} different, {doubled} doubled; {len(store)} in the store")
        store.close()
    left = [path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if _is_ours(path, config)]
    print(f"processes of vLLM left: {len(left)}")


class Killer:
    """Kills the server once, after some samples; notes when the next one came."""

    def __init__(self, sampler: ServedSampler, after: int) -> None:
        self.sampler, self.after, self.n = sampler, after, 0
        self.killed_at = self.back_at = 0.0

    def note(self, candidate: Candidate) -> None:
        self.n += 1
        if self.killed_at and not self.back_at and time.monotonic() - self.killed_at > 2.0:
            self.back_at = time.monotonic()
        if self.n == self.after:
            (pid,) = self.sampler.pids()
            os.kill(pid, signal.SIGKILL)
            self.killed_at = time.monotonic()
            print(f"killed process {pid} after {self.n} samples")


def _is_ours(path: Path, config: SamplingConfig) -> bool:
    try:
        words = path.read_bytes().split(b"\0")
    except OSError:
        return False
    return any(str(config.vllm.environment).encode() in word for word in words[:2])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, required=True, help="environment with vLLM")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "pairsmith")
    parser.add_argument("--problems", type=int, default=24)
    parser.add_argument("--n", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    main()
