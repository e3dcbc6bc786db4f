"""Whether every published right solution passes, and every known wrong one fails, on each sandbox.

    python -m benchmarks.references --data folder-with-the-files

Prints a row a set and backend, and below it each exception with its reason. The sets: the starter set with its
references and wrong solutions, HumanEval (from the PyPI package), and from `--data` MBPP (`mbpp.jsonl.gz`),
HumanEval+ (`HumanEvalPlus.jsonl.gz`), MBPP+ (`MbppPlus.jsonl.gz`), EvoEval, and HumanEvalPack with its buggy
solutions and HumanEval-X in six languages (`languages/`), which are left out where they are missing.
The plus sets hold inputs without answers: their references give these first, in a sandbox, and an input for which
a reference gave none is listed too.
"""

import argparse
import gzip
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.references import complete
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.pipeline.sandbox import SandboxError, SandboxPool, open_pool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import ExecutionConfig, ProblemsConfig, SandboxConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Label, Verdict

FILES = {
    "humaneval": "", "mbpp": "mbpp.jsonl.gz", "humaneval+": "HumanEvalPlus.jsonl.gz", "mbpp+": "MbppPlus.jsonl.gz",
    "evoeval": "EvoEval_*.jsonl.gz", "humanevalpack": "languages/humanevalpack_*.jsonl.gz",
    "humanevalx": "languages/humanevalx_*.jsonl.gz",
}  # fmt: skip
SOURCES = {"humanevalx": "humanevalpack"}  # where the source is named otherwise than the set
# Patient: what is asked is whether a solution is right, not whether it is quick.
LIMITS = SandboxConfig(cpu_s=60, wall_s=120.0, case_wall_s=60.0, memory_mib=1024, answer_mib=16.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one set on one backend.

    Attributes:
        n_programs: programs that were judged; n_cases: cases of their problems together.
        n_expected: those with the label that they should have.
        exceptions: one line each for the others, with the reason.
        seconds: for all of it, the answers of the plus sets included.
    """

    name: str
    backend: str
    n_programs: int
    n_cases: int
    n_expected: int
    exceptions: tuple[str, ...]
    seconds: float


def judge_all(programs: Sequence[tuple[Problem, str]], pool: SandboxPool, n_runs: int = 1) -> list[Verdict]:
    """Return the verdict of each (problem, code)."""
    problems = {problem.problem_id: problem for problem, _ in programs}
    rows = [
        Program(str(number), problem.problem_id, Extraction.OK, "bare", code)
        for number, (problem, code) in enumerate(programs)
    ]
    executions = execute_programs(rows, problems, pool, n_runs=n_runs)
    return [judge(problems[execution.problem_id], execution) for execution in executions]


def try_references(name: str, loaded: LoadedProblems, pool: SandboxPool) -> Outcome:
    """Return whether the reference of each problem passes."""
    started = time.monotonic()
    problems, lost = list(loaded.problems), []
    if loaded.pending:
        completed = complete(loaded.pending, pool)
        n_inputs = {row.problem.problem_id: len(row.arguments) for row in loaded.pending}
        for problem in completed.problems:
            n_lost = n_inputs.pop(problem.problem_id) - len(problem.cases)
            if n_lost:
                lost.append(f"{problem.problem_id}: {n_lost} inputs without a usable answer of the reference")
        lost += [f"{problem_id}: its reference answers no input" for problem_id in n_inputs]
        problems += completed.problems
    verdicts = judge_all([(problem, problem.reference) for problem in problems], pool)
    reasons = {row.problem.problem_id: row.reason for row in loaded.not_cases}
    bad = [_line(verdict, reasons) for verdict in verdicts if verdict.label is not Label.PASSED]
    n_cases = sum(len(problem.cases) for problem in problems)
    n_passed = len(verdicts) - len(bad)
    seconds = time.monotonic() - started
    return Outcome(name, pool.name, len(verdicts), n_cases, n_passed, (*bad, *lost), seconds)


def try_wrong_solutions(pool: SandboxPool) -> Outcome:
    """Return whether each wrong solution of the starter set fails."""
    started = time.monotonic()
    wrong = [
        (item.problem, solution)
        for item in load_starter(starter_folder())
        for solution in item.wrong
        if not item.requires
    ]
    verdicts = judge_all([(problem, solution.code) for problem, solution in wrong], pool)
    bad = tuple(
        f"{problem.problem_id}: {verdict.label} {verdict.detail} ({solution.why})"
        for (problem, solution), verdict in zip(wrong, verdicts, strict=True)
        if verdict.label is not Label.FAILED
    )
    n_cases = sum(len(problem.cases) for problem, _ in wrong)
    seconds = time.monotonic() - started
    return Outcome("starter, wrong", pool.name, len(wrong), n_cases, len(wrong) - len(bad), bad, seconds)


def try_buggy_solutions(name: str, path: Path, loaded: LoadedProblems, pool: SandboxPool) -> Outcome | None:
    """Return whether each buggy solution that a file of HumanEvalPack holds fails; None where it holds none."""
    started = time.monotonic()
    problems = {problem.problem_id: problem for problem in loaded.problems}
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    wrong = [
        (problem, problem.reference.removesuffix(row["canonical_solution"]) + row["buggy_solution"])
        for row in rows
        if "buggy_solution" in row and (problem := problems.get(f"humanevalpack/{row['task_id']}")) is not None
    ]
    if not wrong:
        return None
    verdicts = judge_all(wrong, pool)
    bad = tuple(_line(verdict, {}) for verdict in verdicts if verdict.label is not Label.FAILED)
    seconds = time.monotonic() - started
    return Outcome(f"{name}, buggy", pool.name, len(wrong), 0, len(wrong) - len(bad), bad, seconds)


def _line(verdict: Verdict, reasons: dict[str, str]) -> str:
    why = reasons.get(verdict.problem_id, "")
    return f"{verdict.problem_id}: {verdict.label} {verdict.cause} {verdict.detail} {why}".rstrip()


def try_backend(
    backend: str, sets: Sequence[str], data: Path, workers: int, packages: Sequence[str] = ()
) -> list[Outcome]:
    """Return what came of each set on one backend.

    Raises:
        SandboxError: if there is no such sandbox here.
    """
    config = LIMITS.model_copy(update={"backend": backend, "workers": workers, "packages": tuple(packages)})
    outcomes = []
    with (
        open_pool(config, ExecutionConfig(), "references", print) as pool,
        pool.sibling({"cpu_s": 10, "wall_s": 20.0, "case_wall_s": 10.0}) as hasty,  # many a bug is an endless loop
    ):
        for name in sets:
            paths = sorted(data.glob(FILES[name])) if FILES.get(name) else [None]
            if not paths:
                print(f"{name}: no {FILES[name]} in {data.name}; left out")
            for path in paths:
                title = path.name.partition(".")[0] if path is not None and "*" in FILES[name] else name
                source: Any = SOURCES.get(name, name)
                loaded = load_problems(ProblemsConfig(source=source, path=path), starter_folder(), None, ())
                for line in loaded.faults():
                    print(f"    {line}")
                tried = [try_references(title, loaded, pool)]
                if name == "starter":
                    tried.append(try_wrong_solutions(pool))
                if path is not None and name == "humanevalpack":
                    tried += filter(None, [try_buggy_solutions(title, path, loaded, hasty)])
                for outcome in tried:
                    print(_row(outcome), flush=True)
                outcomes += tried
    return outcomes


def _row(outcome: Outcome) -> str:
    head = (
        f"{outcome.name:28} {outcome.backend:10} {outcome.n_expected:5} of {outcome.n_programs:4} as they should"
    )
    lines = [f"{head}, {outcome.n_cases:6} cases, {outcome.seconds:6.1f} s"]
    return "\n".join([*lines, *(f"    {line}" for line in outcome.exceptions)])


def main() -> None:
    """Parse the command line, try every set on every backend, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with the files")
    parser.add_argument("--sets", nargs="+", choices=["starter", *FILES], default=["starter", *FILES])
    parser.add_argument(
        "--backends", nargs="+", choices=["bubblewrap", "docker"], default=["bubblewrap", "docker"]
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--packages", nargs="+", default=[], help="what `sandbox.packages` holds")
    options = parser.parse_args()
    for backend in options.backends:
        try:
            try_backend(backend, options.sets, options.data, options.workers, options.packages)
        except SandboxError as error:
            print(f"{backend}: {error}")


if __name__ == "__main__":
    main()
