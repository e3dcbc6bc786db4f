"""The CodeGen samples on HumanEval, judged on the base tests, as the tables that pairs are made of."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.sampling import open_sampler, sample_problems
from pairsmith.pipeline.sandbox import open_pool
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.candidate import Candidate, Program, Syntax
from pairsmith.schemas.config import ExecutionConfig, ProblemsConfig, SamplingConfig, SandboxConfig, SyntaxConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Verdict

RECORDS: dict[str, type] = {
    "problems": Problem,
    "candidates": Candidate,
    "programs": Program,
    "verdicts": Verdict,
    "syntax": Syntax,
}


def judged_tables(samples: Path, per_problem: int, folder: Path, workers: int) -> dict[str, Path]:
    """Return a Parquet file for each table; samples are run only if a folder does not hold them yet."""
    files = {name: folder / f"{name}-{per_problem}.parquet" for name in RECORDS}
    if not all(file.exists() for file in files.values()):
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in _make(samples, per_problem, workers).items():
            pq.write_table(to_table(rows, RECORDS[name]), files[name], compression="zstd")
    return files


def _make(samples: Path, per_problem: int, workers: int) -> dict[str, list[Any]]:
    problems = list(load_problems(ProblemsConfig(source="humaneval"), starter_folder()).problems)
    by_id = {problem.problem_id: problem for problem in problems}
    config = SamplingConfig(backend="files", samples=samples, n=per_problem)
    with open_sampler(config, Path(), None, print) as sampler:
        candidates = sample_problems(problems, sampler, config, 0)
    programs = [extract_program(row, by_id[row.problem_id]) for row in candidates]
    of_problem: defaultdict[str, list[Program]] = defaultdict(list)
    for program in programs:
        of_problem[program.problem_id].append(program)
    syntax = [row for group in of_problem.values() for row in analyse_problem(group, SyntaxConfig())]
    limits = SandboxConfig.model_validate({"workers": workers, "cpu_s": 3, "wall_s": 4.0, "case_wall_s": 3.0})
    with open_pool(limits, ExecutionConfig(), "benchmark", print) as pool:
        executions = execute_programs(programs, by_id, pool)
    verdicts = [judge(by_id[execution.problem_id], execution) for execution in executions]
    made: dict[str, list[Any]] = {
        "problems": problems,
        "candidates": candidates,
        "programs": programs,
        "verdicts": verdicts,
        "syntax": syntax,
    }
    return made
