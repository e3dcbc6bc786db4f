"""The CodeGen samples of HumanEval as programs, and which of them HumanEval+ calls right."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.references import complete
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.sampling import open_sampler, sample_problems
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.config import ProblemsConfig, SamplingConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Label


def number_of(problem: Problem) -> int:
    """Return the 3 of HumanEval/3."""
    return int(problem.problem_id.partition("/")[2])


def humaneval_problems() -> list[Problem]:
    """Return HumanEval's problems in order."""
    return sorted(load_problems(ProblemsConfig(source="humaneval"), starter_folder()).problems, key=number_of)


def read_programs(problems: Sequence[Problem], samples: Path, per_problem: int) -> dict[str, list[Program]]:
    """Return the programs of each problem's first samples."""
    config = SamplingConfig(backend="files", samples=samples, n=per_problem)
    by_id = {problem.problem_id: problem for problem in problems}
    with open_sampler(config, Path(), None, print) as sampler:
        candidates = sample_problems(problems, sampler, config, 0)
    programs: dict[str, list[Program]] = {key: [] for key in by_id}
    for row in candidates:
        programs[row.problem_id].append(extract_program(row, by_id[row.problem_id]))
    return programs


class Cache:
    """Lists of candidate ids, one file a problem and kind."""

    def __init__(self, folder: Path | None, number: int, n_each: int) -> None:
        """Take a folder, or None to keep nothing."""
        self._folder, self._number, self._n_each = folder, number, n_each

    def get(self, kind: str, make: Callable[[], list[str]]) -> list[str]:
        """Return what the folder holds, or make it and keep it."""
        if self._folder is None:
            return make()
        path = self._folder / f"{kind}-{self._n_each}-{self._number:03d}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(make()))
        found: list[str] = json.loads(path.read_text())
        return found


class Truth:
    """Which candidates pass: the base tests, and of these HumanEval+ (loaded when first asked for)."""

    def __init__(self, plus: Path, pool: SandboxPool) -> None:
        """Take HumanEval+'s file and the pool where its references and the candidates run."""
        self._loaded = load_problems(ProblemsConfig(source="humaneval+", path=plus), starter_folder())
        self._pool = pool
        self._problems: dict[str, Problem] = {}

    def passing(self, problem: Problem, rows: Sequence[Program], cache: Cache) -> tuple[list[str], list[str]]:
        """Return the ids of those that pass the base tests, and of those that pass HumanEval+ too."""
        base = cache.get("base", partial(self._passing, problem, rows))
        passed = [row for row in rows if row.candidate_id in set(base)]
        return base, cache.get("plus", lambda: self._passing(self._plus(problem), passed))

    def _plus(self, problem: Problem) -> Problem:
        if not self._problems:
            done = [*self._loaded.problems, *complete(self._loaded.pending, self._pool).problems]
            self._problems = {row.problem_id: row for row in done}
        return self._problems[problem.problem_id]

    def _passing(self, problem: Problem, rows: Sequence[Program]) -> list[str]:
        executions = execute_programs(rows, {problem.problem_id: problem}, self._pool)
        verdicts = [judge(problem, execution) for execution in executions]
        return [verdict.candidate_id for verdict in verdicts if verdict.label is Label.PASSED]
