"""The tables that pairs are made of, as lazy frames; the texts of a pair, and the rows of the pairs.

DPO compares log-probabilities of the answers under the model that is trained. They mean something where the
answer is what the model wrote, so a candidate drawn in chat keeps its raw completion: prose, fences and all.
A continuation of code (or a sample from a file, whose prompt is unknown) is no chat answer:
its code goes into a fenced block, under the problem's own prompt. An answer without code keeps its raw text
either way, since there is nothing else to show.

All expressions are over candidates joined with `extraction` and `code` of their program, and with `language` and
`problem_prompt` of their problem.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from rapidfuzz.distance import Levenshtein

from pairsmith.pipeline.pairing.drops import PairingError
from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.candidate import Candidate, Extraction, Program, Syntax
from pairsmith.schemas.pair import Mark, Pair, Repair
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import CandidateCrosscheck, ProblemCrosscheck, Verdict

RECORDS: Mapping[str, type] = {
    "problems": Problem, "candidates": Candidate, "programs": Program, "verdicts": Verdict, "syntax": Syntax,
    "standings": CandidateCrosscheck, "problem_standings": ProblemCrosscheck, "marks": Mark,
    "repairs": Repair,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PairingTables:
    """One lazy frame a stage; the columns are the fields of its record.

    `standings` and `problem_standings` may be empty: then labels rest on the tests. `repairs` names candidates
    that repair another (`pipeline.pairing.beside`). `marks` are those of people that drop something.
    """

    problems: pl.LazyFrame
    candidates: pl.LazyFrame
    programs: pl.LazyFrame
    verdicts: pl.LazyFrame
    syntax: pl.LazyFrame
    standings: pl.LazyFrame
    problem_standings: pl.LazyFrame
    marks: pl.LazyFrame
    repairs: pl.LazyFrame


def tables_of_records(**rows: Iterable[Any]) -> PairingTables:
    """Return the tables of records that are in memory, by stage; what is not given is empty."""
    return PairingTables(**{name: _frame(rows.get(name, ()), record) for name, record in RECORDS.items()})


def scan_tables(files: Mapping[str, Sequence[Path]], marks: Iterable[Mark] = ()) -> PairingTables:
    """Return the tables of a run's shards; nothing is read yet.

    Args:
        files: Parquet files by stage; a stage without files is empty.
    """
    empty = tables_of_records(marks=marks)
    scanned = {name: pl.scan_parquet(list(paths), glob=False) for name, paths in files.items() if paths}
    return replace(empty, **scanned)


def as_judged(tables: PairingTables, strip_thoughts: bool = False) -> PairingTables:
    """Return the tables with the programs as they were judged, the completions without thoughts where asked for.

    Args:
        strip_thoughts: leave out of each completion what stands before the end of its last thought.
    """
    forms = tables.verdicts.select("candidate_id", "program_form")
    was_pruned = (pl.col("program_form") == "pruned") & (pl.col("pruned") != "")
    programs = (
        tables.programs.join(forms, on="candidate_id", how="left")
        .with_columns(code=pl.when(was_pruned).then("pruned").otherwise("code"))
        .drop("program_form")
    )
    if not strip_thoughts:
        return replace(tables, programs=programs)
    ends = tables.programs.filter(pl.col("extraction") != Extraction.NO_ANSWER.value).select(
        "candidate_id", answer_start=pl.col("thoughts").list.last().struct.field("end")
    )
    plain = pl.col("completion").str.replace_all("\r\n", "\n", literal=True)
    stripped = plain.str.slice(pl.col("answer_start")).str.strip_chars_start("\n")
    candidates = (
        tables.candidates.join(ends, on="candidate_id", how="left")
        .with_columns(completion=pl.when(pl.col("answer_start") > 0).then(stripped).otherwise("completion"))
        .drop("answer_start")
    )
    return replace(tables, programs=programs, candidates=candidates)


def refuse_repeats(frame: pl.LazyFrame, key: str, kind: str) -> None:
    """Raise if a key comes twice in a table.

    Raises:
        PairingError: names the key.
    """
    repeats = frame.select(key).filter(pl.col(key).is_duplicated()).head(1).collect()
    if repeats.height:
        remedy = "were the shards of two runs mixed?" if key == "candidate_id" else "give each problem one id"
        raise PairingError(f"{key.removesuffix('_id')} {repeats.item()}: two rows in {kind}; {remedy}")


def empty_frame(record: type) -> pl.DataFrame:
    """Return a frame of a record's columns without rows."""
    return _frame((), record).collect()


def _frame(rows: Iterable[Any], record: type) -> pl.LazyFrame:
    frame = pl.from_arrow(to_table(rows, record))
    assert isinstance(frame, pl.DataFrame)
    return frame.lazy()


_SIDES = {
    "id": "candidate_id", "code": "code", "tags": "tags", "n_lines": "n_lines", "n_tokens": "n_tokens",
    "share": "share", "logprob": "logprob", "model": "model", "standing": "standing",
    "template": "prompt_template",
}  # fmt: skip
"""Columns of the pairs behind `chosen_` and `rejected_`, and of the candidates."""


def is_verbatim() -> pl.Expr:
    """Return whether the answer is the raw completion: drawn in chat by a model of this run."""
    return (pl.col("template") == "chat") & (pl.col("backend") != "files")


def asked_text() -> pl.Expr:
    """Return the user message that the candidate's answer follows."""
    has_prompt = (pl.col("template") == "chat") & (pl.col("prompt").str.strip_chars() != "")
    return pl.when(has_prompt).then("prompt").otherwise("problem_prompt")


def answer_text() -> pl.Expr:
    """Return the text of the assistant's answer, white space at its end left out; empty for no answer."""
    code = pl.col("code").str.strip_chars_end()
    is_raw = is_verbatim() | (pl.col("extraction") == Extraction.NO_CODE.value)
    return (
        pl.when(is_raw)
        .then(pl.col("completion").str.strip_chars_end())
        .when(code.str.strip_chars() != "")
        .then(fenced(pl.col("language"), code))
        .otherwise(pl.lit(""))
    )


def fenced(language: pl.Expr, code: pl.Expr) -> pl.Expr:
    """Return programs as answers: in a block with their language."""
    return pl.format("```{}\n{}\n```", language, code.str.strip_chars_end())


_SPANNED = ("repaired", "nearest_wrong")
_PIECES = re.compile(r"\w+|\s+|[^\w\s]")


def _spans(rows: pl.DataFrame) -> list[pl.Series]:
    """Return `chosen_spans` and `rejected_spans` of each row: see `schemas.pair.Pair`."""
    found: tuple[list[Any], list[Any]] = ([[] for _ in range(rows.height)], [[] for _ in range(rows.height)])
    spanned = rows.with_row_index().filter(pl.col("policy").is_in(_SPANNED))
    for index, chosen, rejected in spanned.select("index", "chosen", "rejected").iter_rows():
        spans = diff_spans(chosen[0]["content"], rejected[0]["content"])
        for part, side in zip(found, spans, strict=True):
            part[index] = [{"start": start, "end": end} for start, end in side]
    kind = pl.List(pl.Struct({"start": pl.Int64, "end": pl.Int64}))
    return [
        pl.Series(f"{side}_spans", part, dtype=kind)
        for side, part in zip(("chosen", "rejected"), found, strict=True)
    ]


def diff_spans(left: str, right: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the parts of two texts that differ, by the fewest edits of words, white space and other marks.

    Each part is its first character, and the one behind its last. What one side lacks is empty there.
    """
    sides = [[(found.group(), found.start()) for found in _PIECES.finditer(text)] for text in (left, right)]
    words = [[piece for piece, _ in side] for side in sides]
    starts = [[*(start for _, start in side), len(text)] for side, text in zip(sides, (left, right), strict=True)]
    spans: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for edit in Levenshtein.opcodes(*words):
        if edit.tag != "equal":
            for place, (begin, end) in enumerate(
                ((edit.src_start, edit.src_end), (edit.dest_start, edit.dest_end))
            ):
                if begin < end:
                    spans[place].append((starts[place][begin], starts[place][end]))
    return spans


def messages(role: str, text: pl.Expr) -> pl.Expr:
    """Return texts as TRL's conversational format: lists of one message."""
    return pl.concat_list(pl.struct(role=pl.lit(role), content=text))


def join_texts(rows: pl.LazyFrame, tables: PairingTables) -> pl.LazyFrame:
    """Return entries with `asked`, `answer`, `code`, `model` and `detail`, and tags as one text.

    Args:
        rows: entries with `candidate_id`, `problem_id`, `tags` and `standing`; only their texts are read.
    """
    keys = rows.select("candidate_id")
    for table in (
        tables.candidates.select(
            "candidate_id", "backend", "template", "prompt", "prompt_template", "completion", "model"
        ),
        tables.programs.select("candidate_id", "code", "extraction"),
        tables.verdicts.select("candidate_id", "detail"),
    ):
        rows = rows.join(table.join(keys, on="candidate_id", how="semi"), on="candidate_id", how="left")
    problems = tables.problems.select("problem_id", "language", problem_prompt="prompt")
    return rows.join(problems, on="problem_id", how="left").with_columns(
        asked=asked_text(),
        answer=answer_text(),
        tags=pl.col("tags").list.join(" "),
        standing=pl.col("standing").fill_null(""),
    )


def pair_rows(kept: pl.DataFrame, entries: pl.DataFrame, tables: PairingTables) -> pl.DataFrame:
    """Return the rows of the dataset, sorted; only now are texts read, and only those of the pairs.

    Args:
        kept: the pairs, `chosen` and `rejected` as places of entries.
        entries: the candidates of these pairs, others may be among them; see `pipeline.pairing.entries`.
    """
    places = pl.concat([kept["chosen"], kept["rejected"]]).unique()
    used = entries.filter(pl.col("place").is_in(places.implode())).sort("place")
    texts = join_texts(used.lazy(), tables).select(
        *("place", "cause", "detail", "n_cases", "asked", "answer", "language", "step"),
        *(pl.col(name).fill_null(0) if name.startswith("n_") else name for name in _SIDES.values()),
    )
    problems = tables.problems.select("problem_id", "source", "level", "topic").collect()
    rows = kept.select(
        *("pair_id", "problem_id", "split", "policy", "n_compared", "weight", "pass_rate", "chosen", "rejected"),
        policy_value="value",
    )
    rows = rows.join(problems, on="problem_id", how="left")
    both = texts.collect()
    rows = rows.join(both, left_on="chosen", right_on="place", how="left")
    rows = rows.join(both, left_on="rejected", right_on="place", how="left", suffix="_rejected")
    is_repair = pl.col("policy") == "repaired"
    # A repair was drawn under a prompt that shows its ancestor: the pair has the ancestor's prompt, and of both
    # answers the program alone, since what a repair says of a mistake would tell it.
    answers = {
        side: pl.when(is_repair)
        .then(fenced(pl.col("language"), pl.col(f"code{suffix}")))
        .otherwise(f"answer{suffix}")
        for side, suffix in (("chosen", ""), ("rejected", "_rejected"))
    }
    rows = rows.with_columns(
        *(
            pl.col(name + suffix).alias(f"{side}_{column}")
            for side, suffix in (("chosen", ""), ("rejected", "_rejected"))
            for column, name in _SIDES.items()
        ),
        prompt=messages("user", pl.when(is_repair).then("asked_rejected").otherwise("asked")),
        **{side: messages("assistant", answer) for side, answer in answers.items()},
        repair_step=pl.when(is_repair).then("step").otherwise(0).fill_null(0),
        rejected_cause="cause_rejected",
        rejected_detail="detail_rejected",
    )
    rows = rows.with_columns(
        chosen_template=pl.when(is_repair).then(pl.lit("repair")).otherwise("chosen_template")
    )
    rows = rows.with_columns(*_spans(rows))
    empty = empty_frame(Pair)
    return rows.select(empty.columns).cast(empty.schema).sort("split", "pair_id")
