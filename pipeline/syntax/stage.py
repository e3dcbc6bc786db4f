"""The stage `syntax`: what a program's text says, read by problem and finished in batches.

A program that was cut out of an answer unchanged is not parsed again: `pipeline.syntax.parsing` keeps the last
trees. With several workers, problems are read in processes of their own and come back as Arrow tables.
"""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from pairsmith.pipeline.chain.stage import Inputs, Stage, file_digest_or_name
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.problems.contamination import read_benchmarks
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.pipeline.syntax.quality import lint, rate
from pairsmith.schemas.arrow import from_table, to_table
from pairsmith.schemas.candidate import Candidate, Program, Syntax
from pairsmith.schemas.config import RunConfig, SyntaxConfig
from pairsmith.schemas.config.judging import ExtractionConfig
from pairsmith.schemas.problem import Problem

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools

Group = tuple[list[Program], list[Syntax]]


@dataclass
class Reader:
    """Reads problem by problem, in processes of its own where the configuration asks for several workers."""

    config: SyntaxConfig  # what is sorted and compared; `workers` processes
    extraction: ExtractionConfig = field(default_factory=ExtractionConfig)  # how a program is found in an answer
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

        def finish() -> Group:
            programs, rows = future.result()
            return from_table(programs, Program), from_table(rows, Syntax)

        return finish


def analyse_programs(
    problems: Mapping[str, Problem],
    programs: Sequence[Program],
    config: SyntaxConfig,
    known: Mapping[str, Syntax] | None = None,
) -> list[Syntax]:
    """Return the syntax of programs that were extracted before, in their order, duplicates marked by problem.

    Args:
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
    overlaps = {
        key: benchmarks.find_prompt(problems[key].prompt) if benchmarks else ""
        for key in {row.problem_id for row in rows}
    }
    finished: list[Syntax] = []
    for row in rows:
        row = replace(row, lint=linted.get(row.candidate_id, ()))
        row = rate(row, codes[row.candidate_id], problems[row.problem_id])
        overlap = overlaps[row.problem_id] or (benchmarks.find_code(row.renamed) if benchmarks else "")
        style = row.quality_style if config.lint_rules else None
        finished.append(replace(row, quality_style=style, contaminated_by=overlap))
    return finished


def _read_group(
    problem: Problem, candidates: Sequence[Candidate], config: SyntaxConfig, extraction: ExtractionConfig
) -> Group:
    programs: list[Program] = []
    known: dict[tuple[str, str, str, str], Program] = {}  # equal answers are read once
    for row in candidates:
        key = row.completion, row.reasoning, row.template, row.prompt
        if key not in known:
            known[key] = extract_program(row, problem, extraction)
        programs.append(replace(known[key], candidate_id=row.candidate_id))
    return programs, analyse_problem(programs, config, problem.language)


def _read_to_arrow(
    problem: Problem, candidates: Sequence[Candidate], config: SyntaxConfig, extraction: ExtractionConfig
) -> tuple[pa.Table, pa.Table]:
    programs, rows = _read_group(problem, candidates, config, extraction)
    return to_table(programs, Program), to_table(rows, Syntax)


_GRAMMARS = ("bash", "c", "cpp", "go", "java", "javascript", "python", "rust", "typescript")


def _run(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    """Return the syntax of each program as it was judged, duplicates marked within each problem."""
    forms = {verdict.candidate_id: verdict.program_form for verdict in inputs.rows["verdicts"]}
    programs = [row.judged_as(forms.get(row.candidate_id, "")) for row in inputs.rows["programs"]]
    pruned = {row.problem_id for row in programs if forms.get(row.candidate_id) == "pruned"}
    known = {name: row for name, row in inputs.known.items() if row.problem_id not in pruned}  # read of the whole
    rows = analyse_programs(inputs.problems(), programs, config.syntax, known)
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
    version=4,
    run=_run,
    overlaps=True,
    external=lambda config: [file_digest_or_name(path) for path in config.syntax.benchmarks],
    packages=("tree-sitter", *(f"tree-sitter-{name}" for name in _GRAMMARS), "rensa"),
    counted=("duplicate.", "parsed"),
    planned=lambda planned: str(planned.n_draws),
)
