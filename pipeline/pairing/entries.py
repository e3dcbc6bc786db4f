"""Candidates joined with all that is known of them, and why some may be part of no pair.

Only what guards and policies look at is read here: texts become digests and lengths on their way, so that a
million candidates fit into memory. This module is the one place that reads the columns of syntax.
"""

from typing import get_args

import numpy as np
import polars as pl

from pairsmith.pipeline.pairing.drops import Drop, PairingError, first_reason
from pairsmith.pipeline.pairing.tables import PairingTables, answer_text, asked_text, is_verbatim, refuse_repeats
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.config.pairs import Dimension
from pairsmith.schemas.problem import JudgedBy
from pairsmith.schemas.verdict import Cause, CrosscheckResult, Label

TRIVIAL = tuple(
    cause.value for cause in (Cause.NO_CODE, Cause.SYNTAX_ERROR, Cause.COMPILE_ERROR, Cause.MISSING_ENTRY_POINT)
)
_DOUBTED = (CrosscheckResult.DOUBTFUL.value, CrosscheckResult.OUTVOTED.value, CrosscheckResult.REFUTED.value)
_FLAKY = "flaky"  # cause of a candidate whose answers differ from run to run


def join_entries(tables: PairingTables) -> pl.DataFrame:
    """Return one row a candidate, sorted by problem and candidate, whatever the order of the tables.

    Returns:
        Ids; `passed` (null without a label), `share` of the cases passed in [0, 1] (0 for a failed one under a
        tester, which says only yes or no), `cause`, `n_cases`, `is_trivial`; `fingerprint`, `exact` and
        `renamed`, equal for programs that differ by form or names only; `approach`, `behaviour`; `tags`,
        `n_lines`, `n_tokens` and other measures; `asked_key`, `answer_key` and `form`, equal for equal texts;
        `n_chars` of the answer; `logprob`, `index` and `standing`. `reason` is why it
        may be part of no pair (see `Drop`), null where it may; `is_repeat` marks all but one of equal programs.

    Raises:
        PairingError: if an id comes twice in a table, or tables disagree on a candidate's problem.
    """
    for kind in ("problems", "candidates", "programs", "verdicts", "syntax", "standings"):
        refuse_repeats(getattr(tables, kind), "problem_id" if kind == "problems" else "candidate_id", kind)
    joined = _join(tables).collect(engine="streaming")
    _refuse_mixed(joined)
    entries = joined.with_columns(**_derive()).with_columns(_own_reason())
    return _reason_among_others(entries.sort("problem_id", "candidate_id"))


def tie_breaks(ids: pl.Series, seed: int) -> pl.Series:
    """Return a number a text, the same on every machine, that orders equals as if by chance.

    SipHash of the text under a key made of the seed: neither length nor place of a candidate decides.
    """
    from pandas.util import hash_array  # 0.4 s to import: only where pairs are made

    key = f"{seed % 10**16:016d}"
    values = hash_array(ids.to_numpy().astype(object), encoding="utf8", hash_key=key, categorize=False)
    return pl.Series(ids.name, np.asarray(values, dtype=np.uint64))


def _join(tables: PairingTables) -> pl.LazyFrame:
    problems = tables.problems.select(
        "problem_id", "language", "judged_by", problem_prompt="prompt", is_known=pl.lit(True)
    )
    programs = tables.programs.select(
        "candidate_id", "extraction", "code", program_of="problem_id", has_program=pl.lit(True)
    )
    verdicts = tables.verdicts.select(
        "candidate_id", "label", "cause", "n_cases", "n_passed", "signature", verdict_of="problem_id"
    )
    joined = tables.candidates.select(
        "candidate_id",
        "problem_id",
        "index",
        "backend",
        "template",
        "prompt",
        "completion",
        logprob="mean_logprob",
    )
    joined = joined.join(problems, on="problem_id", how="left")
    for table in (programs, verdicts, _syntax_columns(tables.syntax), _standing_columns(tables.standings)):
        joined = joined.join(table, on="candidate_id", how="left")
    repairs = tables.repairs.select("candidate_id", "repaired_from", "step")
    joined = joined.join(repairs, on="candidate_id", how="left")
    answer, asked = answer_text(), asked_text()
    return joined.with_columns(
        asked_key=asked.hash(),
        answer_key=answer.hash(),
        n_chars=answer.str.len_chars(),
        form=is_verbatim(),
        is_blank=answer.str.strip_chars() == "",
    ).drop("prompt", "completion", "code", "problem_prompt", "language", "backend", "template")


def _syntax_columns(syntax: pl.LazyFrame) -> pl.LazyFrame:
    return syntax.select(
        "candidate_id",
        "exact",
        "renamed",
        "cluster",
        "tags",
        "n_tokens",
        "n_lines",
        "nesting_depth",
        "cyclomatic",
        "comment_share",
        *(f"quality_{name}" for name in get_args(Dimension)),
        is_marked_repeat=pl.col("duplicate_of") != "",
        is_contaminated=pl.col("contaminated_by") != "",
        syntax_of="problem_id",
        has_syntax=pl.lit(True),
    )


def _standing_columns(standings: pl.LazyFrame) -> pl.LazyFrame:
    return standings.select("candidate_id", "standing", "group", standing_of="problem_id")


def _refuse_mixed(joined: pl.DataFrame) -> None:
    for kind in ("program", "verdict", "syntax", "standing"):
        mixed = joined.filter(pl.col(f"{kind}_of") != pl.col("problem_id")).sort("candidate_id").head(1)
        for row in mixed.iter_rows(named=True):
            raise PairingError(
                f"candidate {row['candidate_id']}: drawn for {row['problem_id']}, but its {kind} is of "
                f"{row[f'{kind}_of']}; were the shards of two runs mixed?"
            )


def _derive() -> dict[str, pl.Expr]:
    has_code = pl.col("extraction") != Extraction.NO_CODE.value
    has_tree = has_code & pl.col("has_syntax").is_not_null()
    label_passed = pl.col("label") == Label.PASSED.value
    by_tester = pl.col("judged_by").is_in([JudgedBy.TESTER.value, JudgedBy.IN_PROCESS.value])
    share = (pl.col("n_passed") / pl.col("n_cases")).clip(0.0, 1.0)
    own = pl.col("candidate_id")

    def first_filled(*columns: str) -> pl.Expr:
        filled = [pl.when(has_tree & (pl.col(name) != "")).then(name) for name in columns]
        return pl.when(~has_code).then(pl.lit("no code")).otherwise(pl.coalesce(*filled, own))

    decided = pl.col("label").is_in([Label.PASSED.value, Label.FAILED.value]) & (pl.col("cause") != _FLAKY)
    return {
        "passed": pl.when(decided).then(label_passed),
        "share": pl.when(label_passed)
        .then(1.0)
        .when(by_tester | (pl.col("n_cases") <= 0))
        .then(0.0)
        .otherwise(share),
        "is_trivial": pl.col("cause").is_in(TRIVIAL),
        "fingerprint": first_filled("renamed", "exact"),
        "cluster": first_filled("cluster"),
        "behaviour": pl.concat_str(
            pl.when(pl.col("signature") != "").then("signature").otherwise("cause"),
            pl.col("group").fill_null(""),
            separator="/",
        ),
        "exact": pl.when(has_tree).then("exact").fill_null(""),
        "renamed": pl.when(has_tree).then("renamed").fill_null(""),
        "has_code": has_code,
        "tags": pl.when(has_tree).then("tags").otherwise(pl.lit([], dtype=pl.List(pl.String))),
    }


def _own_reason() -> pl.Expr:
    """Return why a candidate alone may be part of no pair."""
    label_passed = pl.col("label") == Label.PASSED.value
    lacks_tree = pl.col("has_code") & pl.col("has_syntax").is_null()
    lacks_program = label_passed & (pl.col("extraction") != Extraction.OK.value)
    is_flaky = (pl.col("cause") == _FLAKY) | (pl.col("label") == _FLAKY)
    doubted = label_passed & pl.col("standing").is_in(_DOUBTED).fill_null(False)
    # The tests hold the case that the model was shown: what proves a repair is that it agrees beyond them.
    is_repair = pl.col("repaired_from").is_not_null()
    is_confirmed = (pl.col("standing") == CrosscheckResult.CONFIRMED.value).fill_null(False)
    rules = [
        (Drop.UNKNOWN_PROBLEM, pl.col("is_known").is_null()),
        (Drop.INCOMPLETE, pl.col("has_program").is_null() | pl.col("label").is_null()),
        (Drop.FLAKY, is_flaky),
        (Drop.UNDECIDED, pl.col("passed").is_null()),
        (Drop.INCOMPLETE, lacks_tree | lacks_program),
        (Drop.DOUBTFUL, doubted),
        (Drop.UNPROVEN_REPAIR, is_repair & pl.col("passed") & ~is_confirmed),
        (Drop.CONTAMINATED, pl.col("is_contaminated").fill_null(False)),
    ]
    return first_reason(rules).alias("reason")


def _reason_among_others(entries: pl.DataFrame) -> pl.DataFrame:
    """Return the entries with the reasons that follow from other candidates of the problem.

    Of equal programs one is kept. A program that passed as one candidate and failed as another proves nothing on
    either side: all its candidates go. *Near*-duplicates stay, whatever their labels: a right program and a
    wrong one beside it show the mistake most finely, and policies spread what is chosen over clusters.
    """
    free = pl.col("reason").is_null()
    alike = ["problem_id", "fingerprint"]
    passed = pl.when(free).then(pl.col("passed"))
    entries = entries.with_columns(is_conflict=free & (passed.min() != passed.max()).over(alike).fill_null(False))
    rules = [
        (Drop.LABEL_CONFLICT, pl.col("is_conflict")),
        (Drop.TIE, ~pl.col("passed") & (pl.col("share") >= 1.0)),
        (Drop.EMPTY_ANSWER, pl.col("is_blank")),
    ]
    entries = entries.with_columns(reason=pl.coalesce("reason", pl.when(free).then(first_reason(rules))))
    # Representatives first, then by id: of the rows that may be part of a pair the first of each program stays.
    order = (pl.col("repaired_from").is_not_null(), pl.col("is_marked_repeat").fill_null(False), "candidate_id")
    place = pl.struct(*order).rank("ordinal")
    is_drawn = pl.col("passed").is_not_null() & pl.col("repaired_from").is_null()
    is_first = pl.when(pl.col("reason").is_null()).then(place).over("reason", *alike) == 1
    entries = entries.with_columns(
        is_repeat=pl.col("reason").is_null() & ~is_first, n_decided=is_drawn.sum().over("problem_id")
    )
    return entries.drop(
        "judged_by", "is_known", "program_of", "has_program", "verdict_of", "syntax_of", "is_marked_repeat",
        "is_contaminated",
        "standing_of", "is_blank", "is_conflict", "n_passed", "label", "signature", "extraction",
    )  # fmt: skip
