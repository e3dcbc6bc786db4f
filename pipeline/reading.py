"""Reads candidates: finds the program in each, and all that its syntax says, from one parse.

A program that was cut out of an answer unchanged is not parsed again: `pipeline.syntax.parsing` keeps the last
trees. With several workers, problems are read in processes of their own and come back as Arrow tables.
"""

import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pyarrow as pa

from pipeline.decontamination import Benchmarks, read_benchmarks
from pipeline.extraction import extract_program
from pipeline.syntax import analyse_problem
from pipeline.syntax.lint import lint
from pipeline.syntax.quality import rate
from schemas.arrow import from_table, to_table
from schemas.candidate import Candidate, Program
from schemas.config import SyntaxConfig
from schemas.problem import Problem
from schemas.syntax import Syntax

Group = tuple[Problem, list[Candidate]]
MIN_FOR_WORKERS = 4000  # candidates from which processes are worth their start of a second each


def read_candidates(
    problems: Mapping[str, Problem], candidates: Sequence[Candidate], config: SyntaxConfig
) -> tuple[list[Program], list[Syntax]]:
    """Return the program of each candidate and its syntax, both in the order of the candidates.

    Args:
        problems: by id; all that the candidates were drawn for.
        candidates: any number, of any of the problems.
        config: see `analyse_programs`; `workers` says how many processes.

    Raises:
        PairsmithError: for an unknown language, a broken linter or a benchmark's file that can't be read.
    """
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.problem_id, []).append(candidate)
    work = [(problems[problem_id], group) for problem_id, group in groups.items()]
    if config.workers > 1 and len(candidates) >= MIN_FOR_WORKERS:
        context = multiprocessing.get_context("spawn")  # threads of Arrow and polars don't survive a fork
        with ProcessPoolExecutor(config.workers, mp_context=context) as processes:
            tables = list(processes.map(_read_to_arrow, work, [config] * len(work), chunksize=8))
        programs = [row for table, _ in tables for row in from_table(table, Program)]
        rows = [row for _, table in tables for row in from_table(table, Syntax)]
    else:
        programs, rows = [], []
        for group in work:
            more_programs, more_rows = _read_group(group, config)
            programs += more_programs
            rows += more_rows
    rows = finish(rows, programs, problems, config)
    place = {candidate.candidate_id: number for number, candidate in enumerate(candidates)}
    programs.sort(key=lambda row: place[row.candidate_id])
    rows.sort(key=lambda row: place[row.candidate_id])
    return programs, rows


def analyse_programs(
    problems: Mapping[str, Problem], programs: Sequence[Program], config: SyntaxConfig
) -> list[Syntax]:
    """Return the syntax of programs that were extracted before, in their order, duplicates marked by problem.

    Args:
        problems: by id; all that the programs were written for.
        programs: any number.
        config: what is sorted, compared, looked for by the linter, weighed, and must not be trained on.

    Raises:
        PairsmithError: for an unknown language, a broken linter or a benchmark's file that can't be read.
    """
    groups: dict[str, list[Program]] = {}
    for program in programs:
        groups.setdefault(program.problem_id, []).append(program)
    rows: list[Syntax] = []
    for problem_id, group in groups.items():
        rows += analyse_problem(group, config, problems[problem_id].language)
    place = {program.candidate_id: number for number, program in enumerate(programs)}
    return sorted(finish(rows, programs, problems, config), key=lambda row: place[row.candidate_id])


def finish(
    rows: Sequence[Syntax], programs: Iterable[Program], problems: Mapping[str, Problem], config: SyntaxConfig
) -> list[Syntax]:
    """Return rows with what is found in batches filled in: lint, quality, overlap with benchmarks."""
    codes = {program.candidate_id: program.code for program in programs}
    benchmarks = read_benchmarks(config.benchmarks, config.benchmark_words) if config.benchmarks else None
    python = [row for row in rows if row.parsed and problems[row.problem_id].language == "python"]
    found = lint([codes[row.candidate_id] for row in python], config.lint_rules)
    linted = {row.candidate_id: findings for row, findings in zip(python, found, strict=True)}
    overlaps = {one: _find_overlap(problems[one], benchmarks) for one in {row.problem_id for row in rows}}
    finished: list[Syntax] = []
    for row in rows:
        row = replace(row, lint=linted.get(row.candidate_id, ()))
        quality = rate(row, codes[row.candidate_id], problems[row.problem_id], config.quality)
        finished.append(
            replace(
                row,
                quality_instruction=quality.instruction,
                quality_explanation=quality.explanation,
                quality_complexity=quality.complexity,
                quality_readability=quality.readability,
                quality_style=quality.style if config.lint_rules else None,
                quality=quality.total,
                contaminated_by=overlaps[row.problem_id]
                or (benchmarks.find_code(row.renamed) if benchmarks else ""),
            )
        )
    return finished


def _find_overlap(problem: Problem, benchmarks: Benchmarks | None) -> str:
    return benchmarks.find_prompt(problem.prompt) if benchmarks is not None else ""


def _read_group(group: Group, config: SyntaxConfig) -> tuple[list[Program], list[Syntax]]:
    problem, candidates = group
    programs = [extract_program(candidate, problem) for candidate in candidates]
    return programs, analyse_problem(programs, config, problem.language)


def _read_to_arrow(group: Group, config: SyntaxConfig) -> tuple[pa.Table, pa.Table]:
    programs, rows = _read_group(group, config)
    return to_table(programs, Program), to_table(rows, Syntax)
