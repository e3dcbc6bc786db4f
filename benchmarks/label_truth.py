"""How many chosen are wrong, and how many right ones are lost, with and without what goes beyond the tests.

    python -m benchmarks.label_truth --samples humaneval_codegen16b_100_samples.jsonl.gz
        --plus HumanEvalPlus.jsonl.gz

HumanEval's base tests are the only tests given; HumanEval+ says what is true, and is used for nothing else (its
contracts are, in the row that says so). With --cache a run that was stopped goes on where it was.
"""

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.humaneval_truth import Cache, Truth, humaneval_problems, number_of, read_programs
from pairsmith.pipeline.crosscheck.problem import crosscheck_problem
from pairsmith.pipeline.crosscheck.questions import PassedProgram
from pairsmith.pipeline.sandbox import SandboxPool, open_pool
from pairsmith.pipeline.syntax.analysing import analyse_problem
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.config import CrosscheckConfig, ExecutionConfig, SandboxConfig, SyntaxConfig, beyond_limits
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import CrosscheckResult

DOUBTED = (CrosscheckResult.DOUBTFUL, CrosscheckResult.OUTVOTED, CrosscheckResult.REFUTED)
# A mode's name in the cache, what it is, and what a problem is left with.
MODES: dict[str, tuple[str, Callable[[Problem, str], Problem]]] = {
    "contract": ("reference, under HumanEval+'s contract", lambda row, contract: replace(row, contract=contract)),
    "reference": ("reference, no contract", lambda row, contract: row),
    "consensus": ("consensus, no reference", lambda row, contract: replace(row, reference="")),
}


@dataclass(frozen=True)
class Scored:
    """One problem in one mode: its number, wrong ones chosen, right ones lost, and what there was of each."""

    number: int
    n_false: int
    n_lost: int
    n_wrong: int
    n_right: int


def main() -> None:
    """Run, and print the table."""
    options = _options()
    problems = humaneval_problems()
    programs = read_programs(problems, options.samples, options.per_problem)
    contracts = _read_contracts(options.plus)
    limits = {"backend": options.backend, "workers": options.workers}
    config = CrosscheckConfig(n_inputs=options.inputs, n_mutants=0)
    scores: dict[str, list[Scored]] = {"tests": [], **{mode: [] for mode in MODES}}
    with (
        open_pool(SandboxConfig.model_validate(limits), ExecutionConfig(), "benchmark", print) as pool,
        open_pool(
            beyond_limits(SandboxConfig.model_validate(limits), config), ExecutionConfig(), "beyond", print
        ) as quick,
    ):
        truth = Truth(options.plus, pool)
        for problem in problems[:: options.every]:
            number, rows = number_of(problem), programs[problem.problem_id]
            cache = Cache(options.cache, number, options.per_problem)
            ids, plus_ids = truth.passing(problem, rows, cache)
            passed = [row for row in rows if row.candidate_id in set(ids)]
            right = set(plus_ids)
            scores["tests"].append(_score(number, ids, right, ()))
            for mode, (_, change) in MODES.items():
                given = change(problem, contracts[problem.problem_id])
                name = f"{mode}-{options.inputs}"
                doubted = cache.get(name, partial(_doubted, given, passed, quick, config, options.seed))
                scores[mode].append(_score(number, ids, right, doubted))
            print(
                f"{problem.problem_id}: {[(row.n_false, row.n_lost) for row in (s[-1] for s in scores.values())]}"
            )
    _show(scores)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="JSONL of samples on HumanEval")
    parser.add_argument("--plus", type=Path, required=True, help="HumanEval+ as EvalPlus publishes it")
    parser.add_argument("--per-problem", type=int, default=100)
    parser.add_argument("--every", type=int, default=1, help="only every so manyeth problem")
    parser.add_argument("--inputs", type=int, default=CrosscheckConfig().n_inputs, help="derived inputs a problem")
    parser.add_argument("--backend", default="bubblewrap")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="folder for what has been run")
    return parser.parse_args()


def _read_contracts(plus: Path) -> dict[str, str]:
    """Return each reference with its contract's asserts before it."""
    with gzip.open(plus, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {row["task_id"]: row["prompt"] + row["contract"] + row["canonical_solution"] for row in rows}


def _doubted(
    problem: Problem, rows: Sequence[Program], pool: SandboxPool, config: CrosscheckConfig, seed: int
) -> list[str]:
    clusters = {row.candidate_id: row.cluster for row in analyse_problem(rows, SyntaxConfig())}
    passed = [PassedProgram(row, clusters[row.candidate_id]) for row in rows]
    _, found = crosscheck_problem(problem, passed, pool, config, seed)
    return [row.candidate_id for row in found if row.standing in DOUBTED]


def _score(number: int, passed: Sequence[str], right: set[str], doubted: Iterable[str]) -> Scored:
    out = set(doubted)
    wrong = [key for key in passed if key not in right]
    return Scored(
        number, sum(key not in out for key in wrong), len(right & out), len(wrong), len(passed) - len(wrong)
    )


def _show(scores: dict[str, list[Scored]]) -> None:
    n_wrong = sum(row.n_wrong for row in scores["tests"])
    n_right = sum(row.n_right for row in scores["tests"])
    print(f"\n{n_wrong + n_right} candidates pass the base tests; {n_wrong} of them fail HumanEval+")
    print(f"{'labels by':<42}{'chosen':>8}{'false':>7}{'of chosen':>11}{'of base':>9}{'lost':>6}{'of right':>10}")
    for mode, rows in scores.items():
        n_false, n_lost = sum(row.n_false for row in rows), sum(row.n_lost for row in rows)
        chosen = n_right - n_lost + n_false
        name = "base tests alone" if mode == "tests" else MODES[mode][0]
        shares = n_false / max(chosen, 1), n_false / max(n_wrong, 1), n_lost / max(n_right, 1)
        print(f"{name:<42}{chosen:>8}{n_false:>7}{shares[0]:>11.3f}{shares[1]:>9.3f}{n_lost:>6}{shares[2]:>10.4f}")
    for mode, (name, _) in MODES.items():
        left: Counter[int] = Counter({row.number: row.n_false for row in scores[mode]})
        lost: Counter[int] = Counter({row.number: row.n_lost for row in scores[mode]})
        for kind, counts in (("false chosen left", left), ("right ones lost", lost)):
            worst = ", ".join(f"{number}: {n}" for number, n in counts.most_common(8) if n)
            print(f"{name}: {kind}, by problem: {worst or 'none'}")


if __name__ == "__main__":
    main()
