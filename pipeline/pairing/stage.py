"""The stage `pairs`, made of all shards of the stages before at once."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from pairsmith.pipeline.chain.stage import Stage, count_words
from pairsmith.pipeline.pairing.drops import marks_digest
from pairsmith.pipeline.run.folder import Shard, shard_name, write_whole
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.pair import Pair

PART_CANDIDATES = 200_000  # that pairs are made of at once: about 1 GiB
_READS = ("problems", "candidates", "programs", "verdicts", "syntax", "standings", "problem_standings")


def _whole(files: Mapping[str, list[Path]], run_dir: Path, config: RunConfig, key: str) -> dict[str, Shard]:
    """Return the pairs, a shard a split; a split without pairs has none, since `datasets` can't load an empty one.

    What was left out is counted in the first shard. The whole dataset, as it is published, is written beside (see
    `pipeline.pairing.export`), and so is `pairing.json`, the counts.
    """
    import polars as pl

    from pairsmith.pipeline.pairing.beside import read_tables
    from pairsmith.pipeline.pairing.export import REPORT, summarise, write_dataset
    from pairsmith.pipeline.pairing.pairs import make_pairs

    tables = read_tables(files, run_dir, config)
    parts = [read_tables(part, run_dir, config) for part in _cut(files)]
    aside = run_dir / "pairing.partial"
    shutil.rmtree(aside, ignore_errors=True)  # a killed run's
    if len(parts) > 1:
        aside.mkdir()
    made = make_pairs(tables, config.pairs, config.seed, parts, aside if len(parts) > 1 else None)
    write_dataset(made, run_dir / "dataset", key)
    write_whole(run_dir / "pairing.json", REPORT.dump_json(summarise(made, tables), indent=1) + b"\n")
    dropped = {str(reason): n for reason, n in made.dropped.items()}
    n_in, shards = made.n_candidates, {}
    for split in ("train", "test"):
        rows = made.pairs.filter(pl.col("split") == split)
        if rows.height:
            counts = {f"{split}.pairs": rows.height, f"{split}.problems": rows["problem_id"].n_unique()}
            shards[shard_name(0, split)] = Shard(rows.to_arrow(), n_in, dropped, counts)
            n_in, dropped = 0, {}
    shutil.rmtree(aside, ignore_errors=True)
    return shards


def _cut(files: Mapping[str, list[Path]]) -> list[dict[str, list[Path]]]:
    """Return the files of all stages by groups of shards of about `PART_CANDIDATES` candidates."""
    import pyarrow.parquet as pq

    groups: list[list[str]] = [[]]
    n = 0
    for path in files["candidates"]:
        if n >= PART_CANDIDATES:
            groups.append([])
            n = 0
        groups[-1].append(path.name)
        n += pq.read_metadata(path).num_rows
    known = {stage: {path.name: path for path in paths} for stage, paths in files.items()}
    return [
        {stage: [paths[name] for name in names if name in paths] for stage, paths in known.items()}
        for names in groups
    ]


def _by_hand(run_dir: Path) -> str:
    """Return a digest of what no stage holds: marks of users, and repairs; empty without any."""
    from pairsmith.pipeline.pairing.beside import repairs_digest

    return " ".join(part for part in (marks_digest(run_dir), repairs_digest(run_dir)) if part)


def _external(config: RunConfig) -> list[str]:
    from pairsmith.pipeline.pairing.beside import earlier_digests

    return earlier_digests(config.pairs)


STAGE = Stage(
    name="pairs",
    about="seven policies under guards and caps, split by problem",
    record=Pair,
    reads=_READS,
    settings=("pairs", "seed"),
    by_content=("pairs.earlier",),
    external=_external,
    version=4,
    whole=_whole,
    marks=_by_hand,
    packages=("polars", "scikit-learn", "rapidfuzz", "rensa"),
    unit="pairs",
    counted=("train.", "test."),
    count_word=count_words,
    planned=lambda planned: f"at most {planned.n_problems * planned.config.pairs.max_per_problem} pairs",
)
