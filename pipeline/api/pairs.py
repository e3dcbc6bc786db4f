"""Makes preference pairs of a table of completions with verdicts or scores of the caller's own."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import polars as pl
from joblib import Parallel, delayed

from pairsmith.pipeline.api.judge import make_candidate
from pairsmith.pipeline.api.problems import ProblemLike, load_problems
from pairsmith.pipeline.extraction import extract_programs
from pairsmith.pipeline.judging.verdict import EXTRACTION_CAUSES
from pairsmith.pipeline.pairing.drops import Drop, PairingError
from pairsmith.pipeline.pairing.pairs import make_pairs as pair_tables
from pairsmith.pipeline.pairing.tables import as_judged, tables_of_records
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.syntax.stage import analyse_programs
from pairsmith.schemas.arrow import arrow_schema, to_table
from pairsmith.schemas.candidate import Candidate, Program, Syntax
from pairsmith.schemas.config import PairsConfig, SyntaxConfig, make_section
from pairsmith.schemas.problem import Interface, JudgedBy, Problem
from pairsmith.schemas.verdict import Cause, Label, Verdict

_SCALE = 1000  # steps of a score, as cases: partial_credit compares shares of them
_FEW_ROWS = 5000  # up to so many are read here: a process takes seconds to start
_PART_ROWS = 250  # are read at once: so many trees of programs are kept (`pipeline.syntax.parsing.parse_source`)
_LABELS = {True: Label.PASSED, False: Label.FAILED, None: Label.UNDECIDED}
_OPTIONAL = frozenset(field.name for field in fields(Candidate)) - {"problem_id", "completion", "context"}
_OF_VERDICT = frozenset(field.name for field in fields(Verdict)) - {"candidate_id", "problem_id", "label", "cause"}


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs, and what became of everything else.

    Attributes:
        table: columns of a pair (`docs/reference/columns.md`), a row each; TRL takes them as they are.
        dropped: reason to count; `explain` says what each means.
        candidates: each candidate with the reason why it may be part of no pair, null for none.
    """

    table: pl.DataFrame
    dropped: Mapping[str, int]
    candidates: pl.DataFrame

    def __len__(self) -> int:
        """Return the number of pairs."""
        return self.table.height

    def explain(self) -> list[str]:
        """Return a line for each reason: how many of what were dropped, and why."""
        return [
            f"{n:,} {reason.unit}{'s' if n != 1 else ''}: {reason.words} ({reason})"
            for name, n in self.dropped.items()
            if (reason := Drop(name))
        ]


def make_pairs(
    table: Any,
    config: PairsConfig | Mapping[str, Any] | None = None,
    *,
    problems: str | Path | Iterable[ProblemLike] | None = None,
    passed_at: float | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> Pairs:
    """Return preference pairs of completions that were judged by whomever.

    Args:
        table: polars, pyarrow, pandas, a `datasets.Dataset` or rows as dicts. Columns: `problem_id` (or
            `task_id`), `completion`, and one of `passed` (true, false, null), `label` (passed, failed, undecided),
            `score` (a number). `prompt` (text or messages) where no `problems` are given. Any column of a
            candidate or verdict of pairsmith's is taken too, such as
            `candidate_id`, `mean_logprob`, `n_cases`, `signature`.
        config: settings of `[pairs]`: policies, guards, caps.
        problems: see `load_problems`; without it a problem is its id and its prompt.
        passed_at: score from which a completion counts as passed; by default 1.0, where all scores lie in [0, 1].
        seed: breaks ties.
        workers: processes that read programs; by default as many as this machine has processors, for large tables.

    Raises:
        ConfigError: the settings are none.
        PairingError: a column is missing or holds what it must not, a candidate has two labels.
        ProblemsError: the problems can't be read, or a row names one that is not among them.
    """
    settings = _settings(config)
    frame = _labelled(_as_frame(table), passed_at)
    given = load_problems(problems) if problems is not None else _problems_of(frame)
    known = {problem.problem_id: problem for problem in given}
    _refuse_unknown(frame, known)
    rules = SyntaxConfig().lint_rules if any(policy.dimensions for policy in settings.policies) else ()
    if workers is None:
        workers = (os.cpu_count() or 1) if frame.height > _FEW_ROWS else 1
    # Joblib's processes don't run the caller's script again, as those of multiprocessing do.
    read = Parallel(workers)(delayed(_read)(part, own, rules) for part, own in _parts(frame, known))
    tables = tables_of_records(problems=known.values())
    if read:
        frames = {name: pl.concat([part[name] for part in read]).lazy() for name in read[0]}
        tables = replace(tables, **frames)
    made = pair_tables(as_judged(tables, settings.reasoning == "strip"), settings, seed)
    dropped = {str(reason): n for reason, n in made.dropped.items()}
    return Pairs(made.pairs, dropped, made.entries.select("candidate_id", "problem_id", "passed", "reason"))


def _settings(config: PairsConfig | Mapping[str, Any] | None) -> PairsConfig:
    return config if isinstance(config, PairsConfig) else make_section(PairsConfig, config or {})


def _as_frame(table: Any) -> pl.DataFrame:
    """Return a table of any of the known libraries, with `problem_id` and `completion` checked."""
    library = type(table).__module__.partition(".")[0]
    if isinstance(table, pl.LazyFrame):
        table = table.collect()
    elif library == "datasets":
        table = pl.from_arrow(table.with_format("arrow")[:])
    elif library in ("pyarrow", "pandas"):
        table = pl.from_arrow(table) if library == "pyarrow" else pl.from_pandas(table)
    elif isinstance(table, str | bytes | Path | Mapping):
        raise PairingError(f"give a table or rows, not {type(table).__name__}")
    elif not isinstance(table, pl.DataFrame):
        table = pl.DataFrame(list(table), infer_schema_length=None)
    frame: pl.DataFrame = table
    if "problem_id" not in frame.columns and "task_id" in frame.columns:
        frame = frame.rename({"task_id": "problem_id"})
    for column in ("problem_id", "completion"):
        if column not in frame.columns:
            raise PairingError(f"no column {column!r}; the columns are {', '.join(frame.columns)}")
    frame = frame.with_columns(pl.col("problem_id").cast(pl.String))
    if frame.schema["completion"] != pl.String:
        raise PairingError(f"column 'completion' is {frame.schema['completion']}, not text")
    for column in ("problem_id", "completion"):
        if frame[column].null_count():
            row = frame[column].is_null().arg_true()[0]
            raise PairingError(f"row {row}: column {column!r} is empty")
    return _with_ids(_typed(frame))


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with the columns of candidates and verdicts in their types, checked."""
    wanted = {
        name: kind
        for record, names in ((Candidate, _OPTIONAL), (Verdict, _OF_VERDICT))
        for name, kind in pl.DataFrame(arrow_schema(record).empty_table()).schema.items()
        if name in names & set(frame.columns)
    }
    for name, kind in wanted.items():
        given = frame.schema[name]
        if name == "prompt" and isinstance(given, pl.List) and isinstance(given.inner, pl.Struct):
            continue  # messages
        is_other = (kind == pl.String) != (given in (pl.String, pl.Categorical, pl.Enum)) and given != pl.Null
        cast = frame[name] if is_other else frame[name].cast(kind, strict=False)
        is_cut = given.is_float() and (cast.cast(given) != frame[name]).any()
        if is_other or is_cut or cast.null_count() > frame[name].null_count():
            raise PairingError(f"column {name!r} is {given}, not {kind}")
        frame = frame.with_columns(cast.alias(name))
    known = [str(cause) for cause in Cause]
    if "cause" in frame.columns and (wrong := (~frame["cause"].fill_null("").is_in(known)).arg_true()).len():
        raise PairingError(
            f"row {wrong[0]}: unknown cause {frame['cause'][wrong[0]]!r}; known are {', '.join(known)}"
        )
    return frame


def _with_ids(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with an id for each candidate: its own, else one that follows from text and place."""
    if "candidate_id" in frame.columns:
        return frame.with_columns(pl.col("candidate_id").cast(pl.String))
    number = pl.int_range(pl.len()).over("problem_id", "completion")
    keys = frame.select("problem_id", "completion", number.alias("number")).iter_rows()
    ids = [digest(problem_id, text, str(n)) for problem_id, text, n in keys]
    return frame.with_columns(candidate_id=pl.Series(ids, dtype=pl.String))


def _labelled(frame: pl.DataFrame, passed_at: float | None) -> pl.DataFrame:
    """Return the table with `label` and, of scores, `n_cases` and `n_passed`; a candidate has one label."""
    if "label" in frame.columns:
        known = [str(label) for label in Label]
        wrong = frame.with_row_index("row").filter(~pl.col("label").is_in(known) | pl.col("label").is_null())
        if wrong.height:
            raise PairingError(
                f"row {wrong['row'][0]}: unknown label {wrong['label'][0]!r}; known are {', '.join(known)}"
            )
    elif "passed" in frame.columns:
        if frame.schema["passed"] not in (pl.Boolean, pl.Null):
            raise PairingError(f"column 'passed' is {frame.schema['passed']}, not true, false or null")
        labels = [str(_LABELS[value]) for value in frame["passed"]]
        frame = frame.with_columns(label=pl.Series(labels, dtype=pl.String))
    elif "score" in frame.columns:
        frame = _of_scores(frame, passed_at)
    else:
        raise PairingError(
            f"none of the columns 'passed', 'label', 'score'; the columns are {', '.join(frame.columns)}"
        )
    for row in frame.filter(pl.col("candidate_id").is_duplicated()).sort("candidate_id").head(1).to_dicts():
        same = frame.filter(candidate_id=row["candidate_id"])
        labels = sorted(set(same["label"]))
        what = f"both labels, {' and '.join(labels)}" if len(labels) > 1 else f"{same.height} rows"
        raise PairingError(f"candidate {row['candidate_id']} has {what}; give each candidate one row")
    return frame


def _of_scores(frame: pl.DataFrame, passed_at: float | None) -> pl.DataFrame:
    scores = frame["score"].cast(pl.Float64, strict=False)
    for row in ((~scores.is_finite()).fill_null(True)).arg_true():
        raise PairingError(f"row {row}: score {frame['score'][row]!r} is not a finite number")
    if frame.height == 0:
        return frame.with_columns(label=pl.lit("failed"))
    low, high = float(scores.min() or 0.0), float(scores.max() or 0.0)  # type: ignore[arg-type]
    if passed_at is None:
        if low < 0.0 or high > 1.0:
            raise PairingError(
                f"scores range from {low:g} to {high:g}: give passed_at, the lowest score that counts as passed"
            )
        low, high, passed_at = 0.0, 1.0, 1.0
    passed = scores >= passed_at
    share = (scores - low) / ((high - low) or 1.0)
    n_passed = (share * _SCALE).round().cast(pl.Int64)
    return frame.with_columns(
        label=pl.Series(["passed" if is_right else "failed" for is_right in passed], dtype=pl.String),
        n_cases=pl.lit(_SCALE),
        n_passed=pl.Series([n if one else min(n, _SCALE - 1) for n, one in zip(n_passed, passed, strict=True)]),
    )


def _problems_of(frame: pl.DataFrame) -> list[Problem]:
    """Return a problem for each id of a table: its prompt, and the function asked for where that is named."""
    if "prompt" not in frame.columns:
        raise PairingError("no column 'prompt'; add it, or give problems")
    found = []
    for row in frame.unique("problem_id", keep="first", maintain_order=True).to_dicts():
        entry_point = row.get("entry_point") or ""
        found.append(
            Problem(
                problem_id=row["problem_id"], source="jsonl", language=row.get("language") or "python",
                entry_point=entry_point, prompt=_question(row["prompt"]), continuation="", setup="",
                judged_by=JudgedBy.NOTHING, cases=(), test_code="", reference="", level="", topic="", license="",
                interface=Interface.FUNCTION if entry_point else Interface.STDIN,
            )
        )  # fmt: skip
    return found


def _question(prompt: Any) -> str:
    """Return a prompt, of messages the last one: a pair holds what the user asked."""
    if isinstance(prompt, list):
        return str(prompt[-1]["content"]) if prompt else ""
    return prompt or ""


def _refuse_unknown(frame: pl.DataFrame, problems: Mapping[str, Problem]) -> None:
    wrong = (~frame["problem_id"].is_in(list(problems))).arg_true()
    if len(wrong):
        raise PairingError(f"row {wrong[0]}: problem {frame['problem_id'][wrong[0]]!r} is not among the problems")


def _parts(
    frame: pl.DataFrame, known: Mapping[str, Problem]
) -> Iterator[tuple[pl.DataFrame, Mapping[str, Problem]]]:
    """Give the table in parts of whole problems, with these."""
    waiting: list[pl.DataFrame] = []
    groups = frame.partition_by("problem_id", maintain_order=True)
    for number, group in enumerate(groups):
        waiting.append(group)
        if sum(part.height for part in waiting) >= _PART_ROWS or number == len(groups) - 1:
            ids = [part["problem_id"][0] for part in waiting]
            yield pl.concat(waiting), {problem_id: known[problem_id] for problem_id in ids}
            waiting = []


def _read(
    part: pl.DataFrame, problems: Mapping[str, Problem], lint_rules: tuple[str, ...]
) -> dict[str, pl.DataFrame]:
    """Return the tables of some rows as the stages of a run give them."""
    rows = part.to_dicts()
    candidates = [_candidate(row, problems[row["problem_id"]]) for row in rows]
    programs = extract_programs(candidates, problems)
    found: dict[str, tuple[type, Sequence[Any]]] = {
        "candidates": (Candidate, candidates),
        "programs": (Program, programs),
        "syntax": (Syntax, analyse_programs(problems, programs, SyntaxConfig(workers=1, lint_rules=lint_rules))),
        "verdicts": (Verdict, [_verdict(row, program) for row, program in zip(rows, programs, strict=True)]),
    }
    return {name: pl.DataFrame(to_table(records, record)) for name, (record, records) in found.items()}


def _candidate(row: Mapping[str, Any], problem: Problem) -> Candidate:
    plain = make_candidate(problem, row["completion"], candidate_id=row["candidate_id"])
    given = {name: row[name] for name in _OPTIONAL & row.keys() if row[name] is not None}
    return replace(plain, **{**given, "prompt": _question(row.get("prompt") or problem.prompt)})


def _verdict(row: Mapping[str, Any], program: Program) -> Verdict:
    label = Label(row["label"])
    cause = EXTRACTION_CAUSES.get(program.extraction, Cause.TEST_FAILED)
    if label is not Label.FAILED:
        cause = Cause.NONE
    made = Verdict(
        candidate_id=row["candidate_id"], problem_id=row["problem_id"], label=label,
        cause=Cause(row["cause"]) if row.get("cause") is not None else cause, detail="", n_cases=1,
        n_passed=int(label is Label.PASSED), passed_cases=(), signature="",
    )  # fmt: skip
    given = {name: row[name] for name in _OF_VERDICT & row.keys() if row[name] is not None}
    if "passed_cases" in given:
        given["passed_cases"] = tuple(given["passed_cases"])
    return replace(made, **given)
