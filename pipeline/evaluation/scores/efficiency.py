"""Differential performance: how often a passed solution is as fast as others that passed.

The clock of one machine says little, so solutions are compared with each other, on inputs that are scaled until
they take time and in turns (`pipeline.crosscheck.timing`). A solution outdoes another only if each of its runs is
faster than every run of the other.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from pairsmith.pipeline.crosscheck.timing import time_problem
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.crosscheck import Timing
from pairsmith.schemas.problem import Problem


def compare_speeds(
    problem: Problem, programs: Sequence[Program], pool: SandboxPool, n_runs: int
) -> dict[str, float]:
    """Return the performance score of each program's text; nothing where no scale of the inputs takes time.

    Args:
        problem: with typed cases.
        programs: that passed; one of each text.
        pool: where they run.
        n_runs: timed runs of each; five tell two programs apart at a significance of 0.01.
    """
    codes = {program.candidate_id: program.code for program in programs}
    scores = performance_scores(time_problem(problem, programs, pool, n_runs))
    return {codes[candidate_id]: score for candidate_id, score in scores.items()}


def performance_scores(timings: Sequence[Timing]) -> dict[str, float]:
    """Return the share of the other solutions that each matches or outdoes, in [0, 1], by candidate.

    Args:
        timings: of different solutions of one problem, which took turns; a single one can't be compared.

    Source: differential performance score, Liu et al. 2024, arXiv:2408.06450, with the solutions of the models
    that are compared in the place of a fixed set of references.
    """
    if len(timings) < 2:
        return {}
    n_others = len(timings) - 1
    return {
        row.candidate_id: 1.0 - sum(_is_faster(other, row) for other in timings if other is not row) / n_others
        for row in timings
    }


def pick_programs(programs: Sequence[Program], n_each: int) -> list[Program]:
    """Return the programs of one problem and model to time: one of each text, the commonest texts first."""
    counts = Counter(program.code for program in programs)
    first: dict[str, Program] = {}
    for program in sorted(programs, key=lambda program: program.candidate_id):
        first.setdefault(program.code, program)
    return sorted(first.values(), key=lambda program: (-counts[program.code], program.code))[:n_each]


def problem_efficiency(passed: Sequence[Program], scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the mean score of a model's passed candidates, by problem; texts that were not timed don't count.

    Args:
        passed: all passed programs of one model.
        scores: by problem, then text of the program.
    """
    values: defaultdict[str, list[float]] = defaultdict(list)
    for program in passed:
        score = scores.get(program.problem_id, {}).get(program.code)
        if score is not None:
            values[program.problem_id].append(score)
    return {key: sum(found) / len(found) for key, found in values.items()}


def _is_faster(one: Timing, other: Timing) -> bool:
    return max(one.cpu_s) < min(other.cpu_s)
