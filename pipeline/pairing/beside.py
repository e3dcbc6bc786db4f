"""Candidates besides a run's own draws: repairs of failing programs, and candidates of earlier rounds.

A repair is what the model writes when it is shown its own failing program with one failing case; it is judged like
any candidate.

```
run/repairs/step-1/    a chain of its own: its problems are failing programs, its candidates repairs of them
run/repairs/step-2/    likewise, of the failing repairs of step 1
```
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from pairsmith.pipeline.pairing.drops import PairingError, dropping, read_marks
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.pairing.tables import PairingTables, as_judged, empty_frame, scan_tables
from pairsmith.pipeline.run.digests import digest, file_digest
from pairsmith.pipeline.sampling.opening import render_text
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.pair import Repair
from pairsmith.schemas.problem import Interface, JudgedBy, Problem
from pairsmith.schemas.verdict import Label

FOLDER, TEMPLATE = "repairs", "repair"
_MARK = "#repair-"  # between the id of a problem and that of the program that is mended
_N_MENDED = 2  # failing programs of a problem: the commonest mistakes, each costs `draws` repairs in each step
_MOST_CHARS = 600  # of an input or an answer that is shown
_READ = ("candidates", "programs", "verdicts", "syntax", "standings")


def step_folders(run: Path) -> list[Path]:
    """Return the chains of repairs of a run, in order."""
    return sorted((run / FOLDER).glob("step-*"), key=lambda path: int(path.name.partition("-")[2]))


def is_repair_of(nested_id: str, problem_id: str) -> bool:
    """Return whether a problem of a chain of repairs is a failing program of a problem."""
    return nested_id.partition(_MARK)[0] == problem_id


def broken_programs(rows: Mapping[str, Sequence[Any]], share: float, prompts: Path | None) -> list[Problem]:
    """Return the failing programs of a run's train problems that are mended first, as problems.

    Of each problem the first of every different program, the commonest mistakes first, two of them. One
    failing case is shown, of a problem with typed cases; a held-out problem is never mended.

    Args:
        rows: of the stages problems, programs, executions, verdicts and syntax.
    """
    problems = {row.problem_id: row for row in rows["problems"] if split_of(row.problem_id, share) == "train"}
    return [
        make_problem(problems[program.problem_id], program.candidate_id, program.code, verdict, runs, prompts)
        for program, verdict, runs in _failing(rows, problems, _N_MENDED)
    ]


def still_broken(
    rows: Mapping[str, Sequence[Any]], first: Mapping[str, Problem], prompts: Path | None
) -> list[Problem]:
    """Return the problems of the next step: one for each program of which no repair passed, with a failing repair.

    Args:
        rows: of the stages of the step before.
        first: the run's own problems, by id.
    """
    solved = {row.problem_id for row in rows["verdicts"] if row.label is Label.PASSED}
    problems = {row.problem_id: row for row in rows["problems"] if row.problem_id not in solved}
    found = []
    for program, verdict, runs in _failing(rows, problems, 1):
        own, _, root = program.problem_id.rpartition(_MARK)
        found.append(make_problem(first[own], root, program.code, verdict, runs, prompts))
    return found


def make_problem(
    problem: Problem, root: str, code: str, verdict: Any, runs: Sequence[CaseRun], prompts: Path | None
) -> Problem:
    """Return a failing program as a problem: the same cases, a prompt with it and one case that it fails."""
    number = verdict.passed_cases.index(False)
    case, run = problem.cases[number], runs[number] if number < len(runs) else None
    arguments = case.arguments if problem.interface is Interface.STDIN else f"({case.arguments.strip()[1:-1]})"
    prompt = render_text(
        TEMPLATE, prompts, problem=problem, program=code.strip(), arguments=arguments[:_MOST_CHARS],
        expected=case.expected[:_MOST_CHARS], got=_outcome(run),
    )  # fmt: skip
    return replace(problem, problem_id=f"{problem.problem_id}{_MARK}{root}", prompt=prompt, continuation="")


def _outcome(run: CaseRun | None) -> str:
    if run is None:
        return "gives no answer"
    words = {
        Status.OK: f"gives {run.value[:_MOST_CHARS]}",
        Status.EXCEPTION: f"raises {run.exception}",
        Status.TIMEOUT: "does not end in time",
    }
    return words.get(run.status, "gives no answer")


def _failing(
    rows: Mapping[str, Sequence[Any]], problems: Mapping[str, Problem], most: int
) -> Iterator[tuple[Any, Any, Sequence[CaseRun]]]:
    """Yield program, verdict and runs of programs that fail on a case, at most `most` of each problem."""
    programs = {row.candidate_id: row for row in rows["programs"] if row.extraction is Extraction.OK}
    runs = {row.candidate_id: row.runs for row in rows["executions"]}
    kinds: dict[str, dict[str, list[Any]]] = {}
    codes = {row.candidate_id: row.renamed or row.exact for row in rows["syntax"]}
    for verdict in rows["verdicts"]:
        problem = problems.get(verdict.problem_id)
        is_typed = problem is not None and problem.cases and problem.judged_by is JudgedBy.CASES
        is_shown = len(verdict.passed_cases) == (len(problem.cases) if problem else 0)
        if verdict.label is Label.FAILED and is_typed and is_shown and verdict.candidate_id in programs:
            kind = codes.get(verdict.candidate_id) or verdict.candidate_id
            kinds.setdefault(verdict.problem_id, {}).setdefault(kind, []).append(verdict)
    for problem_id in sorted(kinds):
        groups = sorted(kinds[problem_id].values(), key=lambda group: (-len(group), group[0].candidate_id))
        for group in groups[:most]:
            verdict = min(group, key=lambda row: row.candidate_id)
            yield programs[verdict.candidate_id], verdict, runs.get(verdict.candidate_id, ())


def repairs_digest(run: Path) -> str:
    """Return a digest of all repairs of a run; empty where there are none."""
    files = [
        path for step in step_folders(run) for name in _READ for path in sorted((step / name).glob("*.parquet"))
    ]
    return digest(*(f"{path.relative_to(run)} {file_digest(path)}" for path in files)) if files else ""


def read_tables(files: Mapping[str, Sequence[Path]], run: Path, config: RunConfig) -> PairingTables:
    """Return the tables that the pairs of a run are made of: stages, candidates besides its draws, marks."""
    tables = with_earlier(scan_tables(files, dropping(read_marks(run))), config.pairs)
    if config.pairs.repairs is not None:
        tables = with_repairs(tables, run)
    return as_judged(tables, config.pairs.reasoning == "strip")


def with_repairs(tables: PairingTables, run: Path) -> PairingTables:
    """Return the tables of a run with its repairs among the candidates, under the problems' own ids.

    Raises:
        PairingError: a repair's problem names no program that it mends.
    """
    known = tables.problems.select("problem_id")
    frames: dict[str, list[pl.LazyFrame]] = {name: [getattr(tables, name)] for name in _READ}
    repairs = [empty_frame(Repair).lazy()]
    for number, step in enumerate(step_folders(run), start=1):
        if not (step / "standings" / "manifest.json").is_file():
            continue  # a killed run's: the next one ends it first
        for name in _READ:
            paths = sorted((step / name).glob("*.parquet"))
            rows = pl.scan_parquet(paths, glob=False) if paths else getattr(tables, name).clear()
            if name == "candidates":
                parts = pl.col("problem_id").str.splitn(_MARK, 2)
                named = rows.select(
                    "candidate_id",
                    problem_id=parts.struct.field("field_0"),
                    repaired_from=parts.struct.field("field_1"),
                    step=pl.lit(number, pl.Int64),
                )
                repairs.append(named)
            own = pl.col("problem_id").str.splitn(_MARK, 2).struct.field("field_0")
            frames[name].append(rows.with_columns(problem_id=own).join(known, on="problem_id", how="semi"))
    joined: dict[str, Any] = {name: pl.concat(parts) for name, parts in frames.items() if len(parts) > 1}
    made = replace(tables, **joined, repairs=pl.concat(repairs))
    lost = made.repairs.filter(pl.col("repaired_from").is_null()).head(1).collect()
    if lost.height:
        raise PairingError(f"{run / FOLDER}: a repair of an unknown program; delete the folder and build again")
    return made


def with_earlier(tables: PairingTables, config: PairsConfig) -> PairingTables:
    """Return the tables of a run with candidates of earlier rounds, which were asked the same.

    Of each problem the last `earlier_n` that were drawn, and with `keep_approaches` one of each near-duplicate
    cluster of passed ones of which no program, up to names, passed in this run.

    Args:
        config: `earlier` in the order of the rounds.
    """
    parts = [scan_tables(_files(run)) for run in config.earlier]
    if not parts:
        return tables
    joined = {name: pl.concat([getattr(part, name) for part in reversed(parts)]) for name in _READ}
    known = {
        name: frame.unique("candidate_id", keep="first", maintain_order=True) for name, frame in joined.items()
    }
    own = tables.problems.select("problem_id")
    drawn = known["candidates"].join(own, on="problem_id", how="semi")
    drawn = drawn.join(tables.candidates.select("candidate_id"), on="candidate_id", how="anti")
    ages = [part.candidates.select("candidate_id", age=pl.lit(age)) for age, part in enumerate(reversed(parts))]
    aged = drawn.join(pl.concat(ages).group_by("candidate_id").agg(pl.col("age").min()), on="candidate_id")
    last = aged.sort("problem_id", "age", "index", "candidate_id").group_by("problem_id", maintain_order=True)
    taken = [last.head(config.earlier_n).select("candidate_id")]
    if config.keep_approaches:
        passed = [_passed(frames) for frames in (known, {name: getattr(tables, name) for name in _READ})]
        seen = passed[1].select("problem_id", "renamed").unique()
        still = passed[0].join(seen, on=["problem_id", "renamed"], how="semi").select("cluster").unique()
        gone = passed[0].join(still, on="cluster", how="anti").join(drawn, on="candidate_id", how="semi")
        first = gone.sort("candidate_id").unique("cluster", keep="first", maintain_order=True)
        taken.append(first.select("candidate_id"))
    keys = pl.concat(taken).unique()
    more = {name: frame.join(keys, on="candidate_id", how="semi") for name, frame in known.items()}
    return replace(tables, **{name: pl.concat([getattr(tables, name), more[name]]) for name in _READ})


def earlier_digests(config: PairsConfig) -> list[str]:
    """Return digests of the candidates of earlier rounds, and of what is known of them."""
    found = []
    for run in config.earlier:
        files = [path for paths in _files(run).values() for path in paths]
        found.append(digest(*map(file_digest, files)) if files else str(run))
    return found


def _files(run: Path) -> dict[str, list[Path]]:
    return {name: sorted((run / name).glob("*.parquet")) for name in _READ}


def _passed(frames: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    right = frames["verdicts"].filter(label=Label.PASSED.value).select("candidate_id")
    return frames["syntax"].join(right, on="candidate_id", how="semi").filter(pl.col("renamed") != "")
