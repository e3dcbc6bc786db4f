"""The stage `syntax`: facts from a program's text, read by problem and finished in batches."""

import functools
import multiprocessing
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from pairsmith.pipeline.chain.stage import Inputs, Stage, file_digest_or_name
from pairsmith.pipeline.problems.contamination import read_benchmarks
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.pipeline.syntax.quality import lint, rate
from pairsmith.schemas.candidate import Program, Syntax
from pairsmith.schemas.config import RunConfig, SyntaxConfig
from pairsmith.schemas.problem import Problem

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools


def analyse_programs(
    problems: Mapping[str, Problem], programs: Sequence[Program], config: SyntaxConfig
) -> list[Syntax]:
    """Return the syntax of programs in their order, duplicates marked by problem.

    Raises:
        PairsmithError: for an unknown language, a broken linter or a benchmark's file that can't be read.
    """
    groups: dict[str, list[Program]] = {}
    for program in programs:
        groups.setdefault(program.problem_id, []).append(program)
    work = functools.partial(_analyse, config)
    tasks = [(group, problems[problem_id].language) for problem_id, group in groups.items()]
    analysed = map(work, tasks) if config.workers == 1 else _processes(config.workers).map(work, tasks)
    rows = [row for group in analysed for row in group]
    place = {program.candidate_id: number for number, program in enumerate(programs)}
    return sorted(_finish(rows, programs, problems, config), key=lambda row: place[row.candidate_id])


def _analyse(config: SyntaxConfig, task: tuple[Sequence[Program], str]) -> list[Syntax]:
    programs, language = task
    return analyse_problem(programs, config, language)


@functools.cache
def _processes(n: int) -> ProcessPoolExecutor:
    """Return processes that live until this one ends; threads of Arrow and polars don't survive a fork."""
    return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"))


def _finish(
    rows: Sequence[Syntax], programs: Iterable[Program], problems: Mapping[str, Problem], config: SyntaxConfig
) -> list[Syntax]:
    """Return rows with what is found in batches filled in: lint, quality, overlap with benchmarks."""
    codes = {program.candidate_id: program.code for program in programs}
    benchmarks = read_benchmarks(config.benchmarks) if config.benchmarks else None
    python = [row for row in rows if row.parsed and problems[row.problem_id].language == "python"]
    found = lint([codes[row.candidate_id] for row in python], config.lint_rules)
    linted = {row.candidate_id: findings for row, findings in zip(python, found, strict=True)}
    overlaps = {
        key: benchmarks.find_prompt(problems[key].prompt) if benchmarks else ""
        for key in {row.problem_id for row in rows}
    }
    finished: list[Syntax] = []
    for row in rows:
        if findings := linted.get(row.candidate_id):
            row = replace(row, lint=findings)
        row = rate(row, codes[row.candidate_id], problems[row.problem_id])
        overlap = overlaps[row.problem_id] or (benchmarks.find_code(row.renamed) if benchmarks else "")
        if overlap or not config.lint_rules:
            style = row.quality_style if config.lint_rules else None
            row = replace(row, quality_style=style, contaminated_by=overlap)
        finished.append(row)
    return finished


_GRAMMARS = ("bash", "c", "cpp", "go", "java", "javascript", "python", "rust", "typescript")


def _run(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    """Return the syntax of each program as it was judged, duplicates marked within each problem."""
    forms = {verdict.candidate_id: verdict.program_form for verdict in inputs.rows["verdicts"]}
    programs = [row.judged_as(forms.get(row.candidate_id, "")) for row in inputs.rows["programs"]]
    rows = analyse_programs(inputs.problems(), programs, config.syntax)
    counts = Counter(f"duplicate.{row.duplicate_rule}" for row in rows if row.duplicate_rule)
    counts["parsed"] = sum(row.parsed for row in rows)
    counts["contaminated"] = sum(row.contaminated_by != "" for row in rows)
    return (Shard(rows, len(programs), {}, counts),)


STAGE = Stage(
    name="syntax",
    about="fingerprints, duplicates, style tags, measures and quality by tree-sitter, in nine languages",
    record=Syntax,
    reads=("problems", "programs", "verdicts"),
    settings=("syntax",),
    by_content=("syntax.benchmarks",),
    version=6,
    run=_run,
    overlaps=True,
    external=lambda config: [file_digest_or_name(path) for path in config.syntax.benchmarks],
    packages=("tree-sitter", *(f"tree-sitter-{name}" for name in _GRAMMARS), "rensa"),
    counted=("duplicate.", "parsed"),
    planned=lambda planned: f"{planned.n_draws} programs",
)
