"""What the second run of each program costs and finds: labels and seconds with one run and with two, on HumanEval.

    python -m benchmarks.second_run --samples humaneval_codegen16b_100_samples.jsonl.gz --n 2000

The programs are the first samples of each problem, identical ones once, as the pipeline judges them. One and two
runs take turns, so that both meet the same machine.
"""

import argparse
import time
from collections import Counter
from pathlib import Path

from benchmarks.samples import read_samples
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.sandbox import open_pool
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig

N_PARTS = 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="JSONL of samples on HumanEval")
    parser.add_argument("--n", type=int, default=2000, help="programs")
    parser.add_argument("--backend", choices=("bubblewrap", "docker"), default="bubblewrap")
    options = parser.parse_args()
    problems, candidates = read_samples(options.samples, -(-options.n // 164))
    programs = [extract_program(row, problems[row.problem_id]) for row in candidates][: options.n]
    seconds = {1: 0.0, 2: 0.0}
    labels: dict[int, Counter[str]] = {1: Counter(), 2: Counter()}
    limits = SandboxConfig(backend=options.backend, workers=2)
    with open_pool(limits, ExecutionConfig(), "benchmark", print) as pool:
        for part in range(N_PARTS):
            rows = programs[part * len(programs) // N_PARTS : (part + 1) * len(programs) // N_PARTS]
            for n_runs in (1, 2) if part % 2 else (2, 1):
                start = time.monotonic()
                executions = execute_programs(rows, problems, pool, n_runs=n_runs)
                verdicts = [judge(problems[one.problem_id], one) for one in executions]
                seconds[n_runs] += time.monotonic() - start
                labels[n_runs].update(f"{one.label} {one.cause}".strip() for one in verdicts)
    for n_runs, counts in labels.items():
        print(f"{n_runs} runs: {seconds[n_runs]:.0f} s, {len(programs) / seconds[n_runs]:.0f} programs/s")
        print("  " + ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())))
    print(f"two runs take {seconds[2] / seconds[1]:.2f} times as long as one")


if __name__ == "__main__":
    main()
