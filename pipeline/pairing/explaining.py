"""Why a problem's pairs are as they are: every pair that some policy considered, and what became of it."""

import polars as pl

from pairsmith.pipeline.pairing.frames import PairingTables
from pairsmith.pipeline.pairing.marked import barred_pairs
from pairsmith.pipeline.pairing.pairs import free_entries, open_entries
from pairsmith.pipeline.pairing.selecting import judge_offers
from pairsmith.schemas.config.pairs import PairsConfig

_SCHEMA = {
    "policy": pl.String,
    "chosen_id": pl.String,
    "rejected_id": pl.String,
    "value": pl.Float64,
    "reason": pl.String,
}


def offers_of_problem(tables: PairingTables, config: PairsConfig, seed: int, problem_id: str) -> pl.DataFrame:
    """Return every pair that was considered for a problem, as `make_pairs` saw it.

    Guards over a whole split are left out: they look at other problems too. So are candidates left out because of
    other problems.

    Args:
        tables: of the whole run, or of this problem alone.
        config: the policies, guards and bounds that the pairs were made with.
        seed: likewise.
        problem_id: the problem.

    Returns:
        `policy`, `chosen_id`, `rejected_id`, the policy's measure `value`, and `reason`: why it was not taken (see
        `pipeline.pairing.reasons.Drop`), null where it was.
    """
    tables = tables.only(problem_id)
    entries, _ = open_entries(tables, config, seed)
    free = free_entries(entries, tables, config)
    if free.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    offers, _ = judge_offers(free, config, barred_pairs(entries, tables.marks))
    ids = entries.select("place", "candidate_id")
    names = dict(enumerate(policy.name for policy in config.policies))
    offers = offers.join(ids, left_on="chosen", right_on="place").rename({"candidate_id": "chosen_id"})
    offers = offers.join(ids, left_on="rejected", right_on="place").rename({"candidate_id": "rejected_id"})
    return offers.with_columns(pl.col("policy").replace_strict(names, return_dtype=pl.String)).select(
        pl.col(name).cast(kind) for name, kind in _SCHEMA.items()
    )
