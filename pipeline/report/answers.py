"""Counts for the section "From answers to programs": how answers became the programs that were judged."""

import polars as pl

from pairsmith.pipeline.report.facts import AnswerCount, AnswerFacts
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.verdict import Cause

_N_EXAMPLES = 3
_KINDS: tuple[tuple[str, str, pl.Expr], ...] = (
    ("with thoughts", "thoughts are never judged", pl.col("has_thoughts")),
    ("several blocks", "different blocks answer; all were judged", pl.col("n_blocks") > 1),
    (
        "ambiguous",
        "their labels differ, so the candidate is undecided; this costs yield (`extraction.blocks`)",
        pl.col("cause") == Cause.AMBIGUOUS_ANSWER.value,
    ),
    ("joined", "several blocks together make the program", pl.col("program_form") == "joined"),
    (
        "pruned",
        "the whole failed to load behind the entry point, so what that needs was run",
        pl.col("program_form") == "pruned",
    ),
    ("bare", "code between prose, without fences", pl.col("program_form") == "bare"),
    ("method of a class", "where a function was asked for", pl.col("method_of") != ""),
    ("no answer", "thoughts alone", pl.col("extraction") == Extraction.NO_ANSWER.value),
    ("no code", "", pl.col("extraction") == Extraction.NO_CODE.value),
    ("cut off", "the token limit was reached (`sampling.max_tokens`)", pl.col("finish_reason") == "length"),
)


def count_answers(candidates: pl.LazyFrame, programs: pl.LazyFrame, verdicts: pl.LazyFrame) -> AnswerFacts | None:
    """Return how many answers are of each kind, with examples; None where no answer was read."""
    rows = (
        candidates.select(
            "candidate_id", "problem_id", "index", "finish_reason", has_reasoning=pl.col("reasoning") != ""
        )
        .join(
            programs.select("candidate_id", "extraction", "method_of", n_thoughts=pl.col("thoughts").list.len()),
            on="candidate_id",
        )
        .join(verdicts.select("candidate_id", "cause", "program_form", "n_blocks"), on="candidate_id", how="left")
        .with_columns(has_thoughts=(pl.col("n_thoughts") > 0) | pl.col("has_reasoning"))
        .sort("problem_id", "index")
        .collect()
    )
    if rows.is_empty():
        return None
    counts = []
    for name, about, condition in _KINDS:
        found = rows.filter(condition)
        examples = tuple(
            f"{problem} #{index}"
            for problem, index in found.head(_N_EXAMPLES).select("problem_id", "index").rows()
        )
        if found.height:
            counts.append(AnswerCount(name, about, found.height, examples))
    return AnswerFacts(rows.height, tuple(counts))
