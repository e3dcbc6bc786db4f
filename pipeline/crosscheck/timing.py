"""How long passed programs take on inputs that are scaled until they take time.

The manner is EvalPerf's (Liu et al. 2024, arXiv:2408.06450): inputs grow exponentially until a program takes long
enough to be distinguished from another, and programs are compared with each other, not with a clock. Each is run
several times, in turns, so that a busy moment of the machine falls on all of them; `fast_over_slow` asks for every
run.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN, Ran, answer_keys, reading_of, run_on_inputs
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.problem import Case, Interface, JudgedBy, Problem
from pairsmith.schemas.values import ValueTooLargeError, decode_value, encode_arguments
from pairsmith.schemas.verdict import Timing

_SCALES = (4, 16, 64, 256, 1024, 4096)
_LONG_ENOUGH_S = 0.05  # five ticks of a clock that counts CPU time by 10 ms
_N_SCALED = 3  # of the problem's own inputs, the largest


def time_problem(problem: Problem, programs: Sequence[Program], pool: SandboxPool, n_runs: int) -> list[Timing]:
    """Return the timings of a problem's passed programs; none where no scale makes them take time.

    Args:
        problem: with typed cases.
        programs: those that passed; equal code is run once.
        pool: where they run. More workers than free cores make the timings noisy, and so fewer significant.
        n_runs: timed runs of each, 5 or more for a significance of 0.01.
    """
    if problem.judged_by is not JudgedBy.CASES or problem.interface is not Interface.FUNCTION or len(programs) < 2:
        return []
    scaled = _find_scale(problem, programs[0], pool)
    if scaled is None:
        return []
    scale, inputs = scaled
    codes = [program.code for program in programs]
    idle = run_on_inputs(problem, codes, [problem.cases[0].arguments], pool)
    rounds = [run_on_inputs(problem, codes, inputs, pool) for _ in range(n_runs)]
    reading = reading_of(problem.cases)
    rows = []
    for place, program in enumerate(programs):
        runs = [turn[place] for turn in rounds]
        if all(_answered(run, len(inputs), reading) for run in runs):
            seconds = tuple(max(run.cpu_s - idle[place].cpu_s, 0.0) for run in runs)
            rows.append(Timing(program.candidate_id, program.problem_id, scale, seconds))
    return rows


def scale_value(value: Any, scale: int) -> Any:
    """Return a value so many times larger: numbers multiplied, texts and lists repeated."""
    is_scaled = isinstance(value, (int, float, str, list, tuple)) and not isinstance(value, bool)
    return value * scale if is_scaled else value


def _find_scale(problem: Problem, program: Program, pool: SandboxPool) -> tuple[int, list[str]] | None:
    """Return the first scale at which a program takes long enough, and the inputs; None if there is none."""
    own = sorted({case.arguments for case in problem.cases}, key=lambda text: (-len(text), text))[:_N_SCALED]
    for scale in _SCALES:
        inputs = [text for text in (_scaled(arguments, scale) for arguments in own) if text]
        if not inputs:
            return None
        done = run_on_inputs(problem, [program.code], inputs, pool)[0]
        if not _answered(done, len(inputs), reading_of(problem.cases)):
            return None
        if done.cpu_s >= _LONG_ENOUGH_S:
            return scale, inputs
    return None


def _scaled(arguments: str, scale: int) -> str:
    try:
        return encode_arguments([scale_value(value, scale) for value in decode_value(arguments)])
    except (ValueTooLargeError, OverflowError, MemoryError):
        return ""


def _answered(ran: Ran, n: int, reading: Case) -> bool:
    return not {UNKNOWN, RAISED} & set(answer_keys(ran, n, reading))


def compare_speeds(
    problem: Problem, programs: Sequence[Program], pool: SandboxPool, n_runs: int
) -> dict[str, float]:
    """Return the performance score of each program's text; nothing where no scale of the inputs takes time.

    Args:
        programs: that passed; one of each text.
        n_runs: timed runs of each; five distinguish two programs at a significance of 0.01.
    """
    codes = {program.candidate_id: program.code for program in programs}
    scores = performance_scores(time_problem(problem, programs, pool, n_runs))
    return {codes[candidate_id]: score for candidate_id, score in scores.items()}


def performance_scores(timings: Sequence[Timing]) -> dict[str, float]:
    """Return the share of the other solutions that each matches or outdoes, in [0, 1], by candidate.

    Args:
        timings: of different solutions of one problem, which took turns; a single one can't be compared.

    Source: differential performance score, Liu et al. 2024, arXiv:2408.06450, with the solutions of the models
    that are compared instead of a fixed set of references.
    """
    if len(timings) < 2:
        return {}
    n_others = len(timings) - 1
    faster = {row.candidate_id: sum(max(other.cpu_s) < min(row.cpu_s) for other in timings) for row in timings}
    return {candidate_id: 1.0 - n / n_others for candidate_id, n in faster.items()}


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
