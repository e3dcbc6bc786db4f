"""The CodeGen samples of HumanEval run on the inputs of its generated tests, kept in a folder.

Running them costs minutes, scoring costs seconds: each problem has a file of its own, made once.
"""

import gzip
import json
import pickle
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.humaneval_truth import Cache, Truth, humaneval_problems, number_of, read_programs
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.pipeline.synthesis.evidence import AgreementEvidence, Response, plan_runs, read_evidence, run_plan
from pairsmith.pipeline.synthesis.suites import read_suite
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import SyntaxConfig
from pairsmith.schemas.problem import Problem


@dataclass(frozen=True)
class Judged:
    """One problem: what was drawn and answered, and which responses HumanEval+ calls right."""

    problem_id: str
    evidence: AgreementEvidence
    right: frozenset[str]
    reasons: Counter[str]


class Source:
    """Makes and keeps the evidence of each problem."""

    def __init__(self, samples: Path, tests: Path, folder: Path, truth: Truth, pool: SandboxPool) -> None:
        """Take the files of samples and of tests, and the folder for what was run."""
        self.problems = humaneval_problems()
        self._samples, self._folder, self._truth, self._pool = samples, folder, truth, pool
        with gzip.open(tests, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        self._tests = {row["task_id"]: row["samples"] for row in rows}
        self._programs: dict[str, list[Program]] = {}

    def judge(self, problem: Problem) -> Judged:
        """Return one problem's evidence; what was made before is read."""
        path = self._folder / f"evidence-{number_of(problem):03d}.pickle"
        if not path.exists():
            made = self._make(problem)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".part").write_bytes(pickle.dumps(made))
            path.with_suffix(".part").rename(path)
        kept: Judged = pickle.loads(path.read_bytes())  # our own file
        return kept

    def _make(self, problem: Problem) -> Judged:
        if not self._programs:
            self._programs = read_programs(self.problems, self._samples, 100)
        rows = self._programs[problem.problem_id]
        _, right = self._truth.passing(problem, rows, Cache(self._folder, number_of(problem), 100))
        texts = ["assert " + text for text in self._tests[problem.problem_id]]
        suites = [read_suite(text, problem.entry_point, problem.setup) for text in texts]
        reasons: Counter[str] = sum((suite.reasons for suite in suites), Counter())
        syntax = {row.candidate_id: row for row in analyse_problem(rows, SyntaxConfig())}
        responses = [
            Response(
                row.candidate_id, row.code, syntax[row.candidate_id].cluster, syntax[row.candidate_id].renamed
            )
            for row in rows
            if row.extraction is Extraction.OK
        ]
        plan = plan_runs(problem, responses, [suite.tests for suite in suites], texts)
        evidence = read_evidence(plan, run_plan(problem, plan, self._pool))
        return Judged(problem.problem_id, evidence, frozenset(right), reasons)
