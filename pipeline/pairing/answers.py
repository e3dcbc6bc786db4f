"""The texts of a pair: what the user asked and what the assistant answered; and the rows of the pairs.

DPO compares log-probabilities of the answers under the model that is trained. They mean something where the
answer is what the model wrote, so a candidate drawn in chat keeps its raw completion: prose, fences and all.
A continuation of code (or a sample from a file, whose prompt is unknown) is no chat answer:
its code goes into a fenced block, under the problem's own prompt. An answer without code keeps its raw text
either way, since there is nothing else to show.

All expressions are over candidates joined with `extraction` and `code` of their program, and with `language` and
`problem_prompt` of their problem.
"""

import polars as pl

from pairsmith.pipeline.pairing.tables import PairingTables, empty_frame
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.pair import Pair

_SIDES = {
    "id": "candidate_id",
    "code": "code",
    "tags": "tags",
    "n_lines": "n_lines",
    "n_tokens": "n_tokens",
    "share": "share",
    "logprob": "logprob",
    "model": "model",
    "standing": "standing",
}
"""Columns of the pairs behind `chosen_` and `rejected_`, and of the candidates."""


def is_verbatim() -> pl.Expr:
    """Return whether the answer is the raw completion: drawn in chat by a model of this run."""
    return (pl.col("template") == "chat") & (pl.col("backend") != "files")


def asked() -> pl.Expr:
    """Return the user message that the candidate's answer follows."""
    has_prompt = (pl.col("template") == "chat") & (pl.col("prompt").str.strip_chars() != "")
    return pl.when(has_prompt).then("prompt").otherwise("problem_prompt")


def answer() -> pl.Expr:
    """Return the text of the assistant's answer, white space at its end left out; empty for no answer."""
    code = pl.col("code").str.strip_chars_end()
    fenced = pl.format("```{}\n{}\n```", "language", code)
    is_raw = is_verbatim() | (pl.col("extraction") == Extraction.NO_CODE.value)
    return (
        pl.when(is_raw)
        .then(pl.col("completion").str.strip_chars_end())
        .when(code.str.strip_chars() != "")
        .then(fenced)
        .otherwise(pl.lit(""))
    )


def messages(role: str, text: pl.Expr) -> pl.Expr:
    """Return texts as TRL's conversational format: lists of one message."""
    return pl.concat_list(pl.struct(role=pl.lit(role), content=text))


def join_texts(rows: pl.LazyFrame, tables: PairingTables) -> pl.LazyFrame:
    """Return entries with `asked`, `answer`, `code`, `model` and `detail`, and tags as one text.

    Args:
        rows: entries with `candidate_id`, `problem_id`, `tags` and `standing`; only their texts are read.
        tables: the tables that the entries were made of.
    """
    keys = rows.select("candidate_id")
    for table in (
        tables.candidates.select("candidate_id", "backend", "template", "prompt", "completion", "model"),
        tables.programs.select("candidate_id", "code", "extraction"),
        tables.verdicts.select("candidate_id", "detail"),
    ):
        rows = rows.join(table.join(keys, on="candidate_id", how="semi"), on="candidate_id", how="left")
    problems = tables.problems.select("problem_id", "language", problem_prompt="prompt")
    return rows.join(problems, on="problem_id", how="left").with_columns(
        asked=asked(),
        answer=answer(),
        tags=pl.col("tags").list.join(" "),
        standing=pl.col("standing").fill_null(""),
    )


def pair_rows(kept: pl.DataFrame, entries: pl.DataFrame, tables: PairingTables) -> pl.DataFrame:
    """Return the rows of the dataset, sorted; only now are texts read, and only those of the pairs.

    Args:
        kept: the pairs, `chosen` and `rejected` as places of entries.
        entries: all candidates; see `pipeline.pairing.entries`.
        tables: the tables that the entries were made of.
    """
    places = pl.concat([kept["chosen"], kept["rejected"]]).unique().sort()
    used = entries[places.to_list()] if len(places) else entries.head(0)
    texts = join_texts(used.lazy(), tables).select(
        *("place", "cause", "detail", "n_cases", "asked", "answer"),
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
    rows = rows.with_columns(
        *(
            pl.col(name + suffix).alias(f"{side}_{column}")
            for side, suffix in (("chosen", ""), ("rejected", "_rejected"))
            for column, name in _SIDES.items()
        ),
        prompt=messages("user", pl.col("asked")),
        chosen=messages("assistant", pl.col("answer")),
        rejected=messages("assistant", pl.col("answer_rejected")),
        rejected_cause="cause_rejected",
        rejected_detail="detail_rejected",
    )
    empty = empty_frame(Pair)
    return rows.select(empty.columns).cast(empty.schema).sort("split", "pair_id")
