"""Builds run folders for the tests of the report: real tables and manifests, of made-up candidates."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pairsmith.pipeline.evaluation.score import scores_to_json
from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.candidate import Candidate, Extraction, Program, Syntax
from pairsmith.schemas.execution import Execution, Status
from pairsmith.schemas.manifest import Manifest, ShardFile
from pairsmith.schemas.pair import Message, Pair
from pairsmith.schemas.problem import JudgedBy, Problem
from pairsmith.schemas.score import Gain, Interval, ProblemScore, Score
from pairsmith.schemas.training import DatasetStep, TrainingStep, TrainingSummary
from pairsmith.schemas.verdict import CandidateCrosscheck, Cause, Label, ProblemCrosscheck, Verdict

NAMES = [
    "absolute_value",
    "add",
    "all_true",
    "are_anagrams",
    "binary_to_int",
    "caesar_shift",
    "celsius_to_fahrenheit",
    "chunk_list",
    "count_vowels",
    "count_words",
    "digit_total",
    "factorial",
    "fib",
    "fizz_buzz_list",
    "flatten_once",
    "gcd",
    "initials_of",
    "is_even",
    "is_leap_year",
    "is_palindrome",
    "is_prime",
    "longest_word",
    "max_of_list",
    "merge_counts",
    "nested_sum",
    "ordinal_label",
    "remove_duplicates",
    "reverse_string",
    "roman_to_int",
    "run_length_pairs",
    "running_total",
    "second_largest",
    "sum_of_squares",
    "title_case_words",
    "transpose_rows",
    "triangle_kind",
    "unique_in_order",
    "vowel_positions",
    "weighted_mean",
    "word_length_counts",
]
TAGS = [
    "loop_for",
    "loop_while",
    "comprehension",
    "recursion",
    "docstring",
    "type_hints",
    "early_return",
    "uses_builtin",
    "short_names",
    "imports_stdlib",
    "nested_function",
    "lambda",
]
CAUSES = [Cause.WRONG_VALUE] * 9 + [Cause.EXCEPTION] * 4 + [Cause.TIMEOUT, Cause.MISSING_ENTRY_POINT]
UNRUN = {Extraction.NO_CODE: Cause.NO_CODE, Extraction.SYNTAX_ERROR: Cause.SYNTAX_ERROR}


def make_run(run: Path, n: int = 16, seed: int = 0, n_faults: int = 2) -> Path:
    """Write the folder of a whole run: NAMES problems of n candidates, pairs, training and evaluation."""
    draw = random.Random(seed)
    problems = [make_problem(name, index) for index, name in enumerate(NAMES)]
    judged = [judge(draw, problem, index, n_faults=n_faults) for problem in problems for index in range(n)]
    write_stage(run, "problems", problems, Problem)
    write_stage(run, "candidates", [candidate for candidate, *_ in judged], Candidate)
    programs = [program for _, program, *_ in judged]
    write_stage(run, "programs", programs, Program)
    ran = {program.candidate_id for program in programs if program.extraction is Extraction.OK}
    write_stage(run, "executions", [make_execution(*ids(p)) for p in programs if p.candidate_id in ran], Execution)
    verdicts = [verdict for *_, verdict, _ in judged]
    write_stage(run, "verdicts", verdicts, Verdict)
    syntax = [row for *_, row in judged if row.candidate_id in ran]
    write_stage(run, "syntax", syntax, Syntax, dropped={"no_code": len(programs) - len(syntax)})
    write_stage(run, "standings", [], CandidateCrosscheck)
    write_stage(run, "problem_standings", [], ProblemCrosscheck)
    pairs = make_pairs(problems, programs, verdicts, {row.candidate_id: row for row in syntax})
    write_pairs(run, pairs)
    write_training(run)
    write_evaluation(run)
    return run


def make_problem(name: str, index: int) -> Problem:
    level = ("trivial", "easy", "medium")[index % 3]
    return Problem(
        f"starter/{name}",
        "starter",
        "python",
        name,
        f"Write {name}.",
        "",
        "",
        JudgedBy.CASES,
        (),
        "",
        "",
        level,
        "strings",
        "Apache-2.0",
    )


def judge(
    draw: random.Random, problem: Problem, index: int, n_faults: int
) -> tuple[Candidate, Program, Verdict, Syntax]:
    """Return one candidate with all that came of it."""
    skill = (hash_share(problem.problem_id) * 1.4 - 0.2) * {"trivial": 1.3, "easy": 0.9}.get(problem.level, 0.5)
    candidate_id = f"{draw.getrandbits(128):032x}"
    extraction = draw.choices([Extraction.OK, *UNRUN], [0.93, 0.03, 0.04])[0]
    label, cause = Label.FAILED, UNRUN.get(extraction, Cause.NONE)
    if extraction is Extraction.OK:
        if draw.random() < skill:
            label = Label.PASSED
        else:
            cause = draw.choice(CAUSES)
    if index < n_faults and problem.entry_point == NAMES[0]:
        label, cause, extraction = Label.UNDECIDED, Cause.SANDBOX_FAULT, Extraction.OK
    n_lines = max(2, round(draw.gauss(5 if label is Label.PASSED else 8, 2.5)))
    code = make_code(problem.entry_point, n_lines, draw) if extraction is Extraction.OK else ""
    n_passed = 10 if label is Label.PASSED else draw.randrange(10) if code else 0
    tags = tuple(sorted(tag for place, tag in enumerate(TAGS) if draw.random() < 0.1 + 0.07 * (place % 7)))
    return (
        Candidate(
            candidate_id,
            problem.problem_id,
            index,
            "transformers",
            "smollm2",
            "abc",
            "chat",
            problem.prompt,
            f"Here it is:\n```python\n{code}\n```",
            0.8,
            0.95,
            192,
            index,
            40,
            80,
            "stop",
            -0.4,
        ),
        Program(candidate_id, problem.problem_id, extraction, "fenced" if code else "none", code),
        Verdict(
            candidate_id,
            problem.problem_id,
            label,
            cause,
            "IndexError" if cause is Cause.EXCEPTION else "",
            10,
            n_passed,
            (True,) * n_passed + (False,) * (10 - n_passed),
            candidate_id,
        ),
        Syntax(
            candidate_id,
            problem.problem_id,
            True,
            candidate_id,
            candidate_id,
            "0" * 32 if draw.random() < 0.2 else "",
            "renamed",
            candidate_id,
            tags,
            n_lines * 9,
            n_lines,
            60,
            1,
            1,
            2,
            0.0,
        ),
    )


def make_code(name: str, n_lines: int, draw: random.Random) -> str:
    body = ["    total = 0", "    for item in values:", "        if item is None:", "            continue"]
    lines = [
        f"def {name}(values):",
        *(body + [f"        total += item * {draw.randrange(9)}"] * n_lines)[: n_lines - 2],
    ]
    return "\n".join([*lines, "    return total"])


def make_execution(candidate_id: str, problem_id: str) -> Execution:
    return Execution(
        candidate_id, problem_id, Status.OK, "", "", (), "", candidate_id, "bubblewrap", 0.01, 0.02, 9.0
    )


def make_pairs(
    problems: Sequence[Problem],
    programs: Sequence[Program],
    verdicts: Sequence[Verdict],
    syntax: dict[str, Syntax],
) -> list[Pair]:
    """Return up to four pairs per problem: distinct passed over distinct failed."""
    codes = {program.candidate_id: program.code for program in programs}
    pairs: list[Pair] = []
    for number, problem in enumerate(problems):
        mine = [verdict for verdict in verdicts if verdict.problem_id == problem.problem_id]
        mine = [
            verdict
            for verdict in mine
            if verdict.candidate_id in syntax and not syntax[verdict.candidate_id].duplicate_of
        ]
        passed = [verdict for verdict in mine if verdict.label is Label.PASSED]
        failed = [verdict for verdict in mine if verdict.label is Label.FAILED]
        for left, right in list(zip(passed, failed, strict=False))[:4]:
            sides = (syntax[left.candidate_id], syntax[right.candidate_id])
            pairs.append(make_pair(problem, left, right, codes, sides, "test" if number % 4 == 0 else "train"))
    return pairs


def make_pair(
    problem: Problem,
    chosen: Verdict,
    rejected: Verdict,
    codes: dict[str, str],
    syntax: tuple[Syntax, Syntax],
    split: str,
) -> Pair:
    left, right = codes[chosen.candidate_id], codes[rejected.candidate_id]
    return Pair(
        chosen.candidate_id[:16] + rejected.candidate_id[:16],
        problem.problem_id,
        split,
        "passed_over_failed",
        None,
        None,
        1.0,
        "starter",
        problem.level,
        problem.topic,
        (Message("user", problem.prompt),),
        (Message("assistant", left),),
        (Message("assistant", right),),
        chosen.candidate_id,
        rejected.candidate_id,
        left,
        right,
        rejected.cause.value,
        rejected.detail,
        1.0,
        rejected.n_passed / 10,
        10,
        0.5,
        " ".join(syntax[0].tags),
        " ".join(syntax[1].tags),
        syntax[0].n_lines,
        syntax[1].n_lines,
        syntax[0].n_tokens,
        syntax[1].n_tokens,
        -0.3,
        -0.5,
        "smollm2",
        "smollm2",
        "",
        "",
    )


def write_stage(
    run: Path, stage: str, records: Sequence[Any], record: type, dropped: dict[str, int] | None = None
) -> None:
    """Write one shard and the manifest of a stage."""
    write_shards(run / stage, stage, {"part-00000.parquet": records}, record, dropped or {})


def write_pairs(run: Path, pairs: Sequence[Pair], dropped: dict[str, int] | None = None) -> None:
    """Write both splits and the manifest of the pairs."""
    shards = {
        f"{split}-00000.parquet": [pair for pair in pairs if pair.split == split] for split in ("test", "train")
    }
    write_shards(
        run / "pairs",
        "pairs",
        shards,
        Pair,
        dropped if dropped is not None else {"over_problem_cap": 31, "duplicate": 4},
    )


def write_shards(
    folder: Path, stage: str, shards: Mapping[str, Sequence[Any]], record: type, dropped: dict[str, int]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in shards.items():
        pq.write_table(to_table(rows, record), folder / name, compression="zstd")
    files = tuple(ShardFile(name, len(rows), "0" * 64, "0" * 64) for name, rows in shards.items())
    n_out = sum(len(rows) for rows in shards.values())
    versions = {"pairsmith": "0.1.0", "pyarrow": "26.0.0"}
    manifest = Manifest(
        stage,
        f"{stage}-fp".rjust(16, "0"),
        n_out + sum(dropped.values()),
        n_out,
        dropped,
        {},
        files,
        versions,
    )
    (folder / "manifest.json").write_text(manifest.to_json())


def training_steps(n_steps: int = 60) -> list[TrainingStep]:
    draw = random.Random(1)
    return [
        TrainingStep(
            step,
            0.6931 if step == 1 else 0.69 - 0.004 * step + draw.gauss(0, 0.03),
            0.0 if step == 1 else 0.012 * step + draw.gauss(0, 0.06),
            draw.choice([0.5, 0.75, 1.0]),
            -60 - 0.1 * step + draw.gauss(0, 6),
            -70 - 0.4 * step + draw.gauss(0, 6),
            5e-5,
            4.1,
        )
        for step in range(1, n_steps + 1)
    ]


def write_training(run: Path, n_steps: int = 60, finished: bool = True, datasets: Sequence[str] = ()) -> None:
    """Write the log of a training run, with rows of these datasets in each step, and its summary if finished."""
    folder = run / "training"
    folder.mkdir(parents=True, exist_ok=True)
    parts = tuple(DatasetStep(name, 0.5 + number, 0.25) for number, name in enumerate(datasets))
    steps = [replace(step, datasets=parts) for step in training_steps(n_steps)]
    (folder / "log.jsonl").write_text("".join(json.dumps(asdict(step)) + "\n" for step in steps))
    if finished:
        summary = TrainingSummary("dpo", "smollm2", 94, 1, steps[0].loss, tuple(steps))
        (folder / "summary.json").write_text(json.dumps(asdict(summary)))


def make_score(name: str, shift: float) -> Score:
    def interval(value: float) -> Interval:
        return Interval(value, value - 0.09, value + 0.1)

    problems = tuple(ProblemScore(f"starter/{problem}", 8, 3, 6, 5, 2) for problem in NAMES[::4])
    return Score(
        name,
        "smollm2" + (" + adapter" if shift else ""),
        80,
        0,
        {1: interval(0.34 + shift), 4: interval(0.52 + shift)},
        interval(0.71 - shift),
        interval(0.55 - shift / 2),
        interval(0.62 - shift),
        7.3,
        problems,
    )


def write_evaluation(run: Path, before: Score | None = None, after: Score | None = None) -> None:
    """Write both scores and the gains between them."""
    scores = {"before": before or make_score("before", 0.0), "after": after or make_score("after", 0.12)}
    for name, score in scores.items():
        (run / "evaluation" / name).mkdir(parents=True, exist_ok=True)
        (run / "evaluation" / name / "score.json").write_text(scores_to_json(score))
    gains = list(gains_between(scores["before"], scores["after"]))
    (run / "evaluation" / "gains.json").write_text(scores_to_json(tuple(gains)))


def gains_between(before: Score, after: Score) -> Iterable[Gain]:
    rates = [(f"pass@{k}", before.pass_at[k], after.pass_at[k]) for k in before.pass_at]
    names = ("distinct_syntax", "distinct_behaviour", "distinct_passed")
    for measure, left, right in rates + [(name, getattr(before, name), getattr(after, name)) for name in names]:
        value = right.value - left.value
        change = Interval(value, value - 0.07, value + 0.07)
        yield Gain(measure, left, right, change, not change.low <= 0 <= change.high)


def hash_share(text: str) -> float:
    return random.Random(text).random()


def ids(program: Program) -> tuple[str, str]:
    return program.candidate_id, program.problem_id
