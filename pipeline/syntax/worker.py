"""Reads candidates: finds the program in each, and all that its syntax says, from one parse.

A program that was cut out of an answer unchanged is not parsed again: `pipeline.syntax.parsing` keeps the last
trees. With several workers, problems are read in processes of their own and come back as Arrow tables.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Self

import pyarrow as pa

from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.problems.contamination import Benchmarks, read_benchmarks
from pairsmith.pipeline.syntax import analyse_problem
from pairsmith.pipeline.syntax.lint import lint
from pairsmith.pipeline.syntax.quality import rate
from pairsmith.schemas.arrow import from_table, to_table
from pairsmith.schemas.candidate import Candidate, Program
from pairsmith.schemas.config import SyntaxConfig
from pairsmith.schemas.config.extraction import ExtractionConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.syntax import Syntax

Group = tuple[list[Program], list[Syntax]]


@dataclass
class Reader:
    """Reads problem by problem, in processes of its own where the configuration asks for several workers.

    Attributes:
        config: what is sorted and compared; `workers` processes.
        extraction: how a program is found in an answer.
    """

    config: SyntaxConfig
    extraction: ExtractionConfig = field(default_factory=ExtractionConfig)
    _processes: ProcessPoolExecutor | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        """Return the reader; its processes start with the first problem."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the processes."""
        if self._processes is not None:
            self._processes.shutdown(cancel_futures=True)
            self._processes = None

    def start(self, problem: Problem, candidates: Sequence[Candidate]) -> Callable[[], Group]:
        """Begin with all candidates of one problem; call the result for their programs and unfinished syntax.

        Both come in the order of the candidates. `analyse_programs` finishes the syntax: what is found in batches.

        Raises:
            PairsmithError: for an unknown language.
        """
        if self.config.workers == 1:
            group = _read_group(problem, candidates, self.config, self.extraction)
            return lambda: group
        if self._processes is None:
            context = multiprocessing.get_context("spawn")  # threads of Arrow and polars don't survive a fork
            self._processes = ProcessPoolExecutor(self.config.workers, mp_context=context)
        future = self._processes.submit(_read_to_arrow, problem, list(candidates), self.config, self.extraction)
        return lambda: _from_arrow(future)


def analyse_programs(
    problems: Mapping[str, Problem],
    programs: Sequence[Program],
    config: SyntaxConfig,
    known: Mapping[str, Syntax] | None = None,
) -> list[Syntax]:
    """Return the syntax of programs that were extracted before, in their order, duplicates marked by problem.

    Args:
        problems: by id; all that the programs were written for.
        programs: any number.
        config: what is sorted, compared, looked for by the linter, weighed, and must not be trained on.
        known: by candidate, what a `Reader` has read of all programs of some problems.

    Raises:
        PairsmithError: for an unknown language, a broken linter or a benchmark's file that can't be read.
    """
    groups: dict[str, list[Program]] = {}
    for program in programs:
        groups.setdefault(program.problem_id, []).append(program)
    rows: list[Syntax] = []
    for problem_id, group in groups.items():
        read = [known[row.candidate_id] for row in group if row.candidate_id in known] if known else []
        whole = len(read) == len(group)
        rows += read if whole else analyse_problem(group, config, problems[problem_id].language)
    place = {program.candidate_id: number for number, program in enumerate(programs)}
    return sorted(_finish(rows, programs, problems, config), key=lambda row: place[row.candidate_id])


def _finish(
    rows: Sequence[Syntax], programs: Iterable[Program], problems: Mapping[str, Problem], config: SyntaxConfig
) -> list[Syntax]:
    """Return rows with what is found in batches filled in: lint, quality, overlap with benchmarks."""
    codes = {program.candidate_id: program.code for program in programs}
    benchmarks = read_benchmarks(config.benchmarks) if config.benchmarks else None
    python = [row for row in rows if row.parsed and problems[row.problem_id].language == "python"]
    found = lint([codes[row.candidate_id] for row in python], config.lint_rules)
    linted = {row.candidate_id: findings for row, findings in zip(python, found, strict=True)}
    overlaps = {one: _find_overlap(problems[one], benchmarks) for one in {row.problem_id for row in rows}}
    finished: list[Syntax] = []
    for row in rows:
        row = replace(row, lint=linted.get(row.candidate_id, ()))
        quality = rate(row, codes[row.candidate_id], problems[row.problem_id])
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


def _read_group(
    problem: Problem, candidates: Sequence[Candidate], config: SyntaxConfig, extraction: ExtractionConfig
) -> Group:
    programs = [extract_program(candidate, problem, extraction) for candidate in candidates]
    return programs, analyse_problem(programs, config, problem.language)


def _read_to_arrow(
    problem: Problem, candidates: Sequence[Candidate], config: SyntaxConfig, extraction: ExtractionConfig
) -> tuple[pa.Table, pa.Table]:
    programs, rows = _read_group(problem, candidates, config, extraction)
    return to_table(programs, Program), to_table(rows, Syntax)


def _from_arrow(future: Future[tuple[pa.Table, pa.Table]]) -> Group:
    programs, rows = future.result()
    return from_table(programs, Program), from_table(rows, Syntax)
