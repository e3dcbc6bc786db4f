"""The other shapes of the dataset: unpaired answers, demonstrations, ranked lists, and the evidence.

All are lazy frames over the same entries that the pairs were made of, in the order of their ids.
"""

import polars as pl

from pairsmith.pipeline.pairing import answers
from pairsmith.pipeline.pairing.frames import PairingTables, empty_frame
from pairsmith.pipeline.pairing.pairs import PairingResult
from pairsmith.schemas.dataset import Conversation, Demonstration, Evidence, Ranked, Unpaired


def unpaired_rows(made: PairingResult, tables: PairingTables) -> pl.LazyFrame:
    """Return the candidates that may be part of a pair, each with its label; of equal programs one."""
    rows = _told(made, tables, _usable(made))
    return _shaped(rows.with_columns(label="passed"), Unpaired)


def demonstration_rows(made: PairingResult, tables: PairingTables) -> pl.LazyFrame:
    """Return the right candidates that some pair chooses, each once."""
    chosen = made.pairs.lazy().select(candidate_id="chosen_id").unique()
    usable = _usable(made).filter("passed").join(chosen, on="candidate_id", how="semi")
    return _shaped(_told(made, tables, usable), Demonstration)


def ranked_rows(made: PairingResult, tables: PairingTables) -> pl.LazyFrame:
    """Return one row a problem and prompt that has two usable answers or more, the best answer first."""
    rows = _told(made, tables, _usable(made)).sort(
        "problem_id", "passed", "share", "candidate_id", descending=[False, True, True, False]
    )
    lists = rows.group_by("problem_id", "split", "asked", "form", maintain_order=True).agg(
        answers="answer",
        candidate_ids="candidate_id",
        labels="passed",
        shares="share",
        ranks=pl.struct(~pl.col("passed"), -pl.col("share")).rank("dense").cast(pl.Int64),
    )
    lists = lists.filter(pl.col("answers").list.len() > 1).with_columns(
        prompt=answers.messages("user", pl.col("asked"))
    )
    return _shaped(lists, Ranked)


def conversation_rows(made: PairingResult) -> pl.LazyFrame:
    """Return the pairs with one message a side."""
    sides = {side: pl.col(side).list.first() for side in ("chosen", "rejected")}
    return _shaped(made.pairs.lazy().with_columns(conversations="prompt", **sides), Conversation)


def evidence_rows(made: PairingResult, tables: PairingTables) -> pl.LazyFrame:
    """Return all candidates with all that is known of them."""
    uses = [
        made.pairs.lazy().group_by(candidate_id=f"{side}_id").agg(pl.len().cast(pl.Int64).alias(f"pairs_{side}"))
        for side in ("chosen", "rejected")
    ]
    entries = made.entries.lazy().select(
        "candidate_id",
        "split",
        "cluster",
        "standing",
        tags=pl.col("tags").list.join(" "),
        reason=pl.coalesce("reason", pl.when("is_repeat").then(pl.lit("duplicate")), "problem_reason"),
    )
    rows = tables.candidates.select(
        "candidate_id", "problem_id", "model", "temperature", "top_p", "seed", "completion", "mean_logprob"
    )
    verdicts = tables.verdicts.drop("problem_id")
    syntax = tables.syntax.select(
        "candidate_id", "exact", "renamed", "n_tokens", "n_lines", "nesting_depth", "cyclomatic", "comment_share"
    )
    standings = tables.standings.select("candidate_id", "group", "n_agreed", n_derived="n_inputs")
    for table in (tables.programs.select("candidate_id", "code"), verdicts, entries, syntax, standings, *uses):
        rows = rows.join(table, on="candidate_id", how="left")
    return _shaped(rows, Evidence)


def _usable(made: PairingResult) -> pl.LazyFrame:
    entries = made.entries.lazy().filter(
        pl.col("reason").is_null() & pl.col("problem_reason").fill_null("").is_in(["", "all_passed", "all_failed"])
    )
    return entries.filter(~pl.col("is_repeat") & pl.col("split").is_not_null()).select(
        "candidate_id", "problem_id", "split", "passed", "share", "cause", "tags", "standing", "form"
    )


def _told(made: PairingResult, tables: PairingTables, usable: pl.LazyFrame) -> pl.LazyFrame:
    """Return usable entries with the texts of prompt and answer."""
    candidates = tables.candidates.select("candidate_id", "backend", "template", "prompt", "completion")
    programs = tables.programs.select("candidate_id", "code", "extraction")
    problems = tables.problems.select("problem_id", "language", problem_prompt="prompt")
    rows = usable.join(problems, on="problem_id", how="left")
    for table in (candidates, programs):
        rows = rows.join(table, on="candidate_id", how="left")
    return rows.with_columns(
        asked=answers.asked(),
        answer=answers.answer(),
        tags=pl.col("tags").list.join(" "),
        standing=pl.col("standing").fill_null(""),
    ).with_columns(
        prompt=answers.messages("user", pl.col("asked")),
        completion=answers.messages("assistant", pl.col("answer")),
    )


def _shaped(rows: pl.LazyFrame, record: type) -> pl.LazyFrame:
    """Return rows with a record's columns and types, texts and counts filled where nothing is known, sorted."""
    empty = empty_frame(record)
    nullable = {"mean_logprob"}
    columns = []
    for name, kind in empty.schema.items():
        column = pl.col(name)
        if name not in nullable:
            column = (
                column.fill_null("" if kind == pl.String else 0)
                if kind.is_numeric() or kind == pl.String
                else column
            )
        columns.append(column.cast(kind))
    keys = [name for name in ("problem_id", "candidate_id") if name in empty.columns]
    return rows.select(columns).sort(keys)
