"""The texts of a pair: what the user asked and what the assistant answered.

DPO compares log-probabilities of the answers under the model that is trained. They mean something where the
answer is what the model wrote, so a candidate drawn in chat keeps its raw completion: prose, fences and all.
A continuation of code (or a sample from a file, of which nobody knows how it was asked) is no chat answer:
its code goes into a fenced block, under the problem's own prompt. An answer without code keeps its raw text
either way, since there is nothing else to show.

All expressions are over candidates joined with `extraction` and `code` of their program, and with `language` and
`problem_prompt` of their problem.
"""

import polars as pl

from pairsmith.schemas.candidate import Extraction


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
