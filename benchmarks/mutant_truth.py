"""How many wrong mutants of references are chosen, and right ones lost, by the checks beyond the tests.

    python -m benchmarks.mutant_truth --plus MbppPlus.jsonl.gz --base mbpp.jsonl.gz
    python -m benchmarks.mutant_truth --plus HumanEvalPlus.jsonl.gz --tests 3

Programs are single-point mutants of each problem's reference. The tests are the published ones of the base set
(with --tests only the first so many), the reference decides, and there is no contract. The inputs of EvalPlus say
what is true, and are used for nothing else. HumanEval is the set to develop on, MBPP the one to measure on.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pairsmith.pipeline.crosscheck.mutations import make_mutants
from pairsmith.pipeline.crosscheck.problem import crosscheck_problem
from pairsmith.pipeline.crosscheck.questions import PassedProgram
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.references import complete
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.sandbox import SandboxPool, open_pool
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import (
    CrosscheckConfig,
    ExecutionConfig,
    ProblemsConfig,
    SandboxConfig,
    SyntaxConfig,
    beyond_limits,
)
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import CrosscheckResult, Label

_KEPT = (CrosscheckResult.CONFIRMED, CrosscheckResult.UNCHECKED)


def main() -> None:
    """Run, and print the table."""
    options = _options()
    limits = SandboxConfig.model_validate({"backend": options.backend, "workers": options.workers})
    config = CrosscheckConfig(n_mutants=0)
    found: Counter[tuple[bool, CrosscheckResult]] = Counter()
    worst: dict[bool, list[str]] = {True: [], False: []}
    with (
        open_pool(limits, ExecutionConfig(), "benchmark", print) as pool,
        open_pool(beyond_limits(limits, config), ExecutionConfig(), "beyond", print) as quick,
    ):
        for problem, programs in _judged(options, pool).items():
            rows = [row for row, _ in programs]
            is_right = {row.candidate_id: right for row, right in programs}
            clusters = {row.candidate_id: row.cluster for row in analyse_problem(rows, SyntaxConfig())}
            passed = [PassedProgram(row, clusters[row.candidate_id]) for row in rows]
            for row in crosscheck_problem(problem, passed, quick, config, options.seed)[1]:
                right = is_right[row.candidate_id]
                found[right, row.standing] += 1
                if right is not (row.standing in _KEPT):
                    worst[right].append(f"{row.candidate_id} {row.standing}")
    _show(found, worst)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plus", type=Path, required=True, help="HumanEval+ or MBPP+ as EvalPlus publishes it")
    parser.add_argument("--base", type=Path, help="MBPP as it is published; HumanEval needs no file")
    parser.add_argument("--tests", type=int, help="only the first so many tests")
    parser.add_argument("--mutants", type=int, default=8, help="of each reference at most")
    parser.add_argument("--every", type=int, default=1, help="only every so manyeth problem")
    parser.add_argument("--backend", default="bubblewrap")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--cache", type=Path, help="file that keeps the mutants that pass, and what is true of them"
    )
    return parser.parse_args()


def _judged(options: argparse.Namespace, pool: SandboxPool) -> dict[Problem, list[tuple[Program, bool]]]:
    """Return the mutants that pass the base tests of each problem, and whether they pass EvalPlus's."""
    source = "mbpp" if options.base else "humaneval"
    base = load_problems(ProblemsConfig.model_validate({"source": source, "path": options.base}), starter_folder())
    problems = {row.problem_id: _with_tests(row, options.tests) for row in base.problems if row.reference}
    if options.cache is not None and options.cache.exists():
        known: dict[str, list[tuple[str, bool]]] = json.loads(options.cache.read_text())
    else:
        known = _judge(problems, source, options, pool)
        if options.cache is not None:
            options.cache.write_text(json.dumps(known))
    return {
        problems[key]: [(_program(key, place, code), right) for place, (code, right) in enumerate(rows)]
        for key, rows in known.items()
    }


def _judge(
    problems: dict[str, Problem], source: str, options: argparse.Namespace, pool: SandboxPool
) -> dict[str, list[tuple[str, bool]]]:
    config = ProblemsConfig.model_validate({"source": f"{source}+", "path": options.plus})
    loaded = load_problems(config, starter_folder())
    wanted = sorted(
        {row.problem_id for row in loaded.problems} | {row.problem.problem_id for row in loaded.pending}
    )
    names = {key for key in wanted[:: options.every] if key in problems}
    done = complete([row for row in loaded.pending if row.problem.problem_id in names], pool).problems
    plus = {row.problem_id: row for row in (*loaded.problems, *done) if row.problem_id in names}
    own = [_program(key, -1, problems[key].reference) for key in sorted(plus)]
    right = {row.problem_id for row in _passing(_passing(own, problems, pool), plus, pool)}
    mutants = [
        _program(key, place, code)
        for key in sorted(right)
        for place, code in enumerate(
            make_mutants(problems[key].reference, options.mutants, f"{options.seed}:{key}")
        )
    ]
    passed = _passing(mutants, problems, pool)
    good = {row.candidate_id for row in _passing(passed, plus, pool)}
    print(f"{len(right)} problems, {len(mutants)} mutants, {len(passed)} pass the base tests", flush=True)
    known: dict[str, list[tuple[str, bool]]] = {}
    for row in passed:
        known.setdefault(row.problem_id, []).append((row.code, row.candidate_id in good))
    return known


def _with_tests(problem: Problem, n: int | None) -> Problem:
    return problem if n is None else replace(problem, cases=problem.cases[:n])


def _program(problem_id: str, place: int, code: str) -> Program:
    return Program(f"{problem_id}#{place}", problem_id, Extraction.OK, "bare", code)


def _passing(programs: Sequence[Program], problems: dict[str, Problem], pool: SandboxPool) -> list[Program]:
    executions = execute_programs(programs, problems, pool, n_runs=1)
    passed = {
        row.candidate_id
        for row in (judge(problems[execution.problem_id], execution) for execution in executions)
        if row.label is Label.PASSED
    }
    return [row for row in programs if row.candidate_id in passed]


def _show(found: Counter[tuple[bool, CrosscheckResult]], worst: dict[bool, list[str]]) -> None:
    for right, kind in ((False, "wrong"), (True, "right")):
        counts = {str(result): found[right, result] for result in CrosscheckResult if found[right, result]}
        n = sum(counts.values())
        n_off = sum(count for result, count in counts.items() if (result in _KEPT) is not right)
        print(f"{kind}: {n}, {n_off} of them {'lost' if right else 'stay'} ({n_off / max(n, 1):.3f}); {counts}")
        print(f"  {', '.join(worst[right])}")


if __name__ == "__main__":
    main()
