"""Makes the pairs of judged candidates."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl

from pairsmith.pipeline.pairing.drops import Drop, barred_pairs, drop_marked, first_reason
from pairsmith.pipeline.pairing.entries import join_entries, tie_breaks
from pairsmith.pipeline.pairing.guards import (
    Approaches,
    Balanced,
    balance_split,
    count_approaches,
    right_approaches,
    share_of_approach,
)
from pairsmith.pipeline.pairing.policies import NEEDS_FAILED, NEEDS_PASSED
from pairsmith.pipeline.pairing.selection import Selection, select_pairs
from pairsmith.pipeline.pairing.splits import STYLE_COLUMNS, What, Wording, find_groups, split_of
from pairsmith.pipeline.pairing.tables import PairingTables, pair_rows, refuse_repeats
from pairsmith.schemas.arrow import from_table
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.manifest import LeakRow

SPLITS = ("train", "test")
_READ_AT_ONCE = 10_000  # problems that stand in memory as Python's lists and dicts


@dataclass(frozen=True, slots=True)
class Part:
    """Some problems with all that is known of them, so that not all need to be in memory."""

    tables: PairingTables
    # Every candidate: see `pipeline.pairing.entries.join_entries`; `split` is null without a problem.
    entries: pl.LazyFrame


@dataclass(frozen=True, slots=True)
class PairingResult:
    """Pairs, and what became of everything else."""

    # Columns of `schemas.pair.Pair`, sorted by split and pair_id, a digest: the order mixes problems.
    pairs: pl.DataFrame
    # Count by reason, reasons without a count left out; `Drop.unit` tells what is counted.
    dropped: Mapping[Drop, int]
    approaches: Approaches  # right approaches before and after selection
    # How length and style predict the choice in each split, before the guards of a whole split and after.
    leaks: tuple[LeakRow, ...]
    parts: tuple[Part, ...]
    n_candidates: int

    @property
    def entries(self) -> pl.DataFrame:
        """Return every candidate, in memory."""
        return pl.concat([part.entries for part in self.parts]).collect()


def make_pairs(
    tables: PairingTables,
    config: PairsConfig,
    seed: int,
    parts: Sequence[PairingTables] = (),
    folder: Path | None = None,
) -> PairingResult:
    """Return the pairs of all problems; the order of the rows given doesn't matter.

    Give all problems at once: some guards hold over a whole split. What holds of each problem alone is done part
    by part, so memory grows with the largest part and with the pairs.

    Args:
        seed: breaks ties between candidates that are equally welcome.
        parts: the tables again, cut by problems; none for one part.
        folder: where the candidates of parts are kept, as long as the result is used; None keeps them in memory.

    Raises:
        PairingError: if an id comes twice in a table, or tables disagree on a candidate's problem.
    """
    known = _list_problems(tables, config, seed)
    opened, solutions, places = [], [], [0]
    for number, part in enumerate(parts or [tables]):
        entries, problems = _open_entries(part, config, known)
        solutions.append(_held_out_solutions(entries))
        places.append(places[-1] + entries.height)
        opened.append((part, _put_away(entries, folder, number), problems))
    if len(opened) > 1:
        refuse_repeats(tables.candidates, "candidate_id", "candidates")
    every_solution, dropped = pl.concat(solutions).unique(), Counter[Drop]()
    selected, used, right, done = [], [], [], []
    for number, (part, waiting, problems) in enumerate(opened):
        entries = _close_entries(waiting.collect(), every_solution, seed, places[number])
        selection = select_pairs(_free_entries(entries, part, config), config, barred_pairs(entries, part.marks))
        dropped += _count_reasons(entries, problems, config, selection)
        right.append(right_approaches(entries))
        entries = entries.with_columns(approach_share=share_of_approach())
        sides = pl.concat([selection.pairs["chosen"], selection.pairs["rejected"]]).unique()
        selected.append(selection.pairs)
        used.append(entries.filter(pl.col("place").is_in(sides.implode())))
        done.append(Part(part, _put_away(entries, folder, number)))
    sides_of_pairs = pl.concat(used)
    balanced = _balance(pl.concat(selected), sides_of_pairs, config, seed)
    for split in balanced.values():
        dropped += split.dropped
    kept = pl.concat([split.pairs for split in balanced.values()])
    approaches = count_approaches(pl.concat(right), sides_of_pairs, kept)
    rows = [
        pair_rows(kept.filter(pl.col("chosen").is_between(low, high, closed="left")), sides, part.tables)
        for low, high, sides, part in zip(places, places[1:], used, done, strict=False)
    ]
    return PairingResult(
        pairs=pl.concat(rows).sort("split", "pair_id"),
        dropped={reason: dropped[reason] for reason in Drop if dropped[reason]},
        approaches=approaches,
        leaks=tuple(_leak_row(name, what, split) for name, split in balanced.items() for what in split.before),
        parts=tuple(done),
        n_candidates=places[-1],
    )


def _put_away(entries: pl.DataFrame, folder: Path | None, number: int) -> pl.LazyFrame:
    """Return entries to be read again, from a file where there is a folder for it."""
    if folder is None:
        return entries.lazy()
    file = folder / f"part-{number:05d}.parquet"
    partial = file.with_suffix(".partial")
    entries.write_parquet(partial)
    partial.rename(file)
    return pl.scan_parquet(file)


def _open_entries(
    tables: PairingTables, config: PairsConfig, known: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the candidates as policies see them, with why one may be part of no pair; and the problems.

    Args:
        known: see `_list_problems`.
    """
    entries = drop_marked(join_entries(tables), tables.marks)
    problems = _judge_problems(tables, entries, config, known)
    entries = entries.join(
        problems.select("problem_id", "problem_reason", "split", "problem_tie"),
        on="problem_id",
        how="left",
        maintain_order="left",
    )
    return entries, problems


def _close_entries(entries: pl.DataFrame, solutions: pl.Series, seed: int, first: int) -> pl.DataFrame:
    """Return opened entries with what looks at other problems, and numbers from `first` on."""
    drawn = pl.when(pl.col("repaired_from").is_null()).then(pl.col("passed"))
    return _drop_held_out(entries, solutions).with_columns(
        tie=tie_breaks(entries["candidate_id"], seed),
        place=pl.int_range(first, first + pl.len(), dtype=pl.Int64),
        approach=pl.concat_str("cluster", "behaviour", separator="/"),
        pass_rate=drawn.mean().over("problem_id").fill_null(0.0),
    )


def _free_entries(entries: pl.DataFrame, tables: PairingTables, config: PairsConfig) -> pl.DataFrame:
    """Return the entries that may be part of a pair, with their code where `nearest_wrong` looks at it."""
    free = entries.filter(pl.col("reason").is_null() & pl.col("problem_reason").is_null())
    if all(policy.name != "nearest_wrong" for policy in config.policies):
        return free
    codes = tables.programs.select("candidate_id", "code").join(
        free.lazy().select("candidate_id"), on="candidate_id", how="semi"
    )
    return free.join(codes.collect(), on="candidate_id", how="left", maintain_order="left")


def _list_problems(tables: PairingTables, config: PairsConfig, seed: int) -> pl.DataFrame:
    """Return the problems with their split, and which are near held-out ones."""
    refuse_repeats(tables.problems, "problem_id", "problems")
    problems = tables.problems.select("problem_id").collect().sort("problem_id")
    ids = problems["problem_id"].to_list()
    split = {key: split_of(key, config.test_share) for key in ids}
    near = _near_held_out(tables, split, config)
    return problems.with_columns(
        split=pl.Series([split[key] for key in ids], dtype=pl.String),
        problem_tie=tie_breaks(problems["problem_id"], seed),
        is_near=pl.col("problem_id").is_in(near),
    )


def _judge_problems(
    tables: PairingTables, entries: pl.DataFrame, config: PairsConfig, known: pl.DataFrame
) -> pl.DataFrame:
    """Return the problems of some tables, with why one makes no pairs."""
    own = tables.problems.select("problem_id").collect()
    is_drawn = pl.col("passed").is_not_null() & pl.col("repaired_from").is_null()
    decided = entries.filter(is_drawn).group_by("problem_id")
    sides = decided.agg(any_passed=pl.col("passed").any(), all_passed=pl.col("passed").all())
    names = {policy.name for policy in config.policies}
    one_sided = [
        (Drop.NEAR_TEST_PROBLEM, pl.col("is_near")),
        (Drop.NO_DECIDED, pl.col("any_passed").is_null()),
        (Drop.ALL_PASSED, pl.col("all_passed") & (names <= NEEDS_FAILED)),
        (Drop.ALL_FAILED, ~pl.col("any_passed") & (names <= NEEDS_PASSED)),
    ]
    problems = known.join(own, on="problem_id", how="semi", maintain_order="left")
    problems = problems.join(sides, on="problem_id", how="left", maintain_order="left")
    return problems.with_columns(problem_reason=first_reason(one_sided))


def _near_held_out(tables: PairingTables, split: Mapping[str, str], config: PairsConfig) -> list[str]:
    """Return the problems of the train split that are near-duplicates of held-out ones."""
    if config.near_problems is None or set(split.values()) != set(SPLITS):
        return []
    frame = tables.problems.select(field.name for field in fields(Wording)).collect()
    problems = (row for rows in frame.iter_slices(_READ_AT_ONCE) for row in from_table(rows.to_arrow(), Wording))
    groups = find_groups(list(problems), config.near_problems)
    held_out = {group for key, group in groups.items() if split[key] == "test"}
    return sorted(key for key, group in groups.items() if split[key] == "train" and group in held_out)


def _held_out_solutions(entries: pl.DataFrame) -> pl.Series:
    """Return the right programs of held-out problems, by the digest of their tokens."""
    is_right = (pl.col("split") == "test") & pl.col("passed") & (pl.col("exact") != "")
    return entries.filter(is_right)["exact"].unique()


def _drop_held_out(entries: pl.DataFrame, solutions: pl.Series) -> pl.DataFrame:
    """Drop candidates of the train split with a program that solves a held-out problem: a leak.

    Across problems only equal tokens count. What is the same as such a program up to names goes with it.
    """
    # A column of its own first: within `over` each group would get a copy of all solutions.
    is_solution = (pl.col("split") == "train") & pl.col("exact").is_in(solutions.implode())
    entries = entries.with_columns(is_solution=is_solution)
    leaks = pl.col("reason").is_null() & pl.col("is_solution").any().over("problem_id", "fingerprint")
    reason = pl.when(leaks).then(pl.lit(Drop.HELD_OUT.value)).otherwise("reason")
    return entries.with_columns(reason=reason).drop("is_solution")


def _count_reasons(
    entries: pl.DataFrame, problems: pl.DataFrame, config: PairsConfig, selection: Selection
) -> Counter[Drop]:
    dropped = selection.dropped.copy()
    for frame, column in ((entries, "reason"), (problems, "problem_reason")):
        for reason, n in frame[column].drop_nulls().value_counts().iter_rows():
            dropped[Drop(reason)] += n
    dropped[Drop.DUPLICATE] += int(entries["is_repeat"].sum())
    open_ones = problems.filter(pl.col("problem_reason").is_null())["problem_id"]
    dropped[Drop.ONE_SIDE_LEFT] += sum(key not in selection.n_possible for key in open_ones)
    return dropped


def _balance(pairs: pl.DataFrame, entries: pl.DataFrame, config: PairsConfig, seed: int) -> dict[str, Balanced]:
    """Return the remaining pairs of each split; of the entries those of the pairs are enough."""
    shared = entries.select("place", "split", "pass_rate", "problem_tie")
    chosen = entries.select("place", *STYLE_COLUMNS, "candidate_id", "approach_share")
    rejected = entries.select("place", *STYLE_COLUMNS, "candidate_id", "is_trivial")
    rows = pairs.join(shared, left_on="chosen", right_on="place")
    rows = rows.join(chosen, left_on="chosen", right_on="place")
    rows = rows.join(rejected, left_on="rejected", right_on="place", suffix="_rejected")
    names = [policy.name for policy in config.policies]
    rows = rows.with_columns(
        policy=pl.col("policy").replace_strict(dict(enumerate(names)), return_dtype=pl.String)
    )
    rows = rows.with_columns(pair_id=_pair_ids(rows))
    rows = rows.with_columns(pair_tie=tie_breaks(rows["pair_id"], seed)).sort("pair_tie")
    return {split: balance_split(rows.filter(pl.col("split") == split), config) for split in SPLITS}


def _pair_ids(rows: pl.DataFrame) -> pl.Series:
    """Return 32 hex digits a row, over both candidates and the policy."""
    names = rows.select(text=pl.concat_str("candidate_id", "candidate_id_rejected", "policy", separator="\0"))[
        "text"
    ]
    halves = np.stack([tie_breaks(names, half).to_numpy() for half in (1, 2)], axis=1)
    digits = halves.astype(">u8").tobytes().hex()
    return pl.Series([digits[start : start + 32] for start in range(0, len(digits), 32)], dtype=pl.String)


def _leak_row(split: str, what: What, part: Balanced) -> LeakRow:
    leaks = (part.before[what], part.after[what])
    values = [value for leak in leaks for value in ((leak.within, leak.overall) if leak else (None, None))]
    return LeakRow(split, what, *values)
