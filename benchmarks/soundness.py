"""Soundness of the fingerprints on real programs: no class may hold two that behave differently.

    python -m benchmarks.soundness --samples humaneval_codegen16b_100_samples.jsonl.gz --cache verdicts

Executes every sample on HumanEval's base tests (identical programs once), then looks, within each problem, for
two programs with one fingerprint that differ in their verdict or in the signature of their behaviour. Verdicts
are kept in the cache folder, a file a problem, so that a stopped run goes on.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.sampling import open_sampler, sample_problems
from pairsmith.pipeline.sandbox import SandboxPool, open_pool
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.schemas.arrow import from_table, to_table
from pairsmith.schemas.candidate import Program, Syntax
from pairsmith.schemas.config import ExecutionConfig, ProblemsConfig, SamplingConfig, SandboxConfig, SyntaxConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Verdict

LEVELS = ("exact", "plain", "renamed")


def main() -> None:
    """Execute, compare, print."""
    options = _options()
    programs, problems = _read(options.samples, options.per_problem)
    verdicts = _verdicts(programs, problems, options)
    rows = [row for group in programs.values() for row in analyse_problem(group, SyntaxConfig())]
    codes = {program.candidate_id: program.code for group in programs.values() for program in group}
    _report(rows, verdicts, codes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="JSONL of samples on HumanEval")
    parser.add_argument("--per-problem", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--backend", default="bubblewrap")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the verdicts")
    return parser.parse_args()


def _read(samples: Path, n: int) -> tuple[dict[str, list[Program]], dict[str, Problem]]:
    problems = {
        row.problem_id: row for row in load_problems(ProblemsConfig(source="humaneval"), starter_folder()).problems
    }
    config = SamplingConfig(backend="files", samples=samples, n=n)
    with open_sampler(config, Path(), None, print) as sampler:
        candidates = sample_problems(list(problems.values()), sampler, config, 0)
    groups: dict[str, list[Program]] = defaultdict(list)
    for row in candidates:
        groups[row.problem_id].append(extract_program(row, problems[row.problem_id]))
    return dict(groups), problems


def _verdicts(
    programs: dict[str, list[Program]], problems: dict[str, Problem], options: argparse.Namespace
) -> dict[str, Verdict]:
    options.cache.mkdir(parents=True, exist_ok=True)
    limits = SandboxConfig(backend=options.backend, workers=options.workers, cpu_s=3, wall_s=4.0, case_wall_s=3.0)
    found: dict[str, Verdict] = {}
    pool: SandboxPool | None = None
    for problem_id, group in programs.items():
        path = options.cache / f"{problem_id.replace('/', '_')}.parquet"
        if not path.exists():
            pool = pool or open_pool(limits, ExecutionConfig(), "soundness", print)
            executions = execute_programs(group, problems, pool)
            rows = [judge(problems[problem_id], execution) for execution in executions]
            pq.write_table(to_table(rows, Verdict), path)
            print(f"{problem_id}: {len(rows)}", flush=True)
        kept = from_table(pq.read_table(path), Verdict)
        found |= {program.candidate_id: row for program, row in zip(group, kept, strict=True)}
    if pool is not None:
        pool.close()
    return found


def _report(rows: Sequence[Syntax], verdicts: dict[str, Verdict], codes: dict[str, str]) -> None:
    rules = Counter(row.duplicate_rule or "kept" for row in rows)
    clusters = len({(row.problem_id, row.cluster) for row in rows})
    parsed = sum(row.parsed for row in rows)
    print(f"{len(rows)} programs, {parsed} parse; {len(set(codes.values()))} different texts")
    print(
        f"merged: {rules['exact']} exact, {rules['plain']} plain, {rules['renamed']} renamed; {rules['kept']} kept"
    )
    print(f"{clusters} clusters of near-duplicates")
    for level in LEVELS:
        classes: dict[tuple[str, str], list[Syntax]] = defaultdict(list)
        for row in rows:
            if getattr(row, level):
                classes[row.problem_id, getattr(row, level)].append(row)
        several = [group for group in classes.values() if len(group) > 1]
        mixed = [group for group in several if len({_behaviour(verdicts[row.candidate_id]) for row in group}) > 1]
        print(f"{level:<8} {len(classes):>6} classes, {len(several):>5} with several, {len(mixed):>4} that differ")
        for group in mixed:
            _explain(group, verdicts, codes)


def _behaviour(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.label, verdict.cause, verdict.signature


def _explain(group: Sequence[Syntax], verdicts: dict[str, Verdict], codes: dict[str, str]) -> None:
    shown: dict[tuple[str, str, str], str] = {}
    for row in group:
        shown.setdefault(_behaviour(verdicts[row.candidate_id]), row.candidate_id)
    print(f"  {group[0].problem_id}:")
    for behaviour, name in shown.items():
        print(f"    {behaviour} {verdicts[name].n_passed}/{verdicts[name].n_cases} {verdicts[name].detail}")
        print("      " + codes[name].replace("\n", "\n      "))


if __name__ == "__main__":
    main()
