"""The pairs, made of all shards of all stages at once."""

from pathlib import Path

import polars as pl

from pairsmith.pipeline.chain.stages.common import PAIRED, VERSIONS, stage_folder
from pairsmith.pipeline.pairing import make_pairs, scan_tables
from pairsmith.pipeline.pairing.export import write_dataset
from pairsmith.pipeline.pairing.summary import report_to_json, summarise
from pairsmith.pipeline.pairing.user_marks import dropping, marks_digest, read_marks
from pairsmith.pipeline.run.digests import digest, file_digest
from pairsmith.pipeline.run.folder import Shard, shard_name, write_whole
from pairsmith.schemas.config import RunConfig


def pairs_key(chain: Path, config: RunConfig) -> str:
    """Return the key of the pairs, which read all shards of all stages but the executions'."""
    contents = []
    for stage in PAIRED:
        folder = stage_folder(chain, stage)
        names = folder.shard_names()
        # Timings are measured, so their content says nothing of them; and yet they decide who is the faster one.
        measured = stage == "timings"
        contents += [file_digest(folder.path / name) if measured else folder.content(name) for name in names]
    version = str(VERSIONS["pairs"])
    marked = marks_digest(chain)
    contents += [marked] if marked else []
    return digest("pairs", version, config.pairs.model_dump_json(), str(config.seed), *contents)


def write_pairs(chain: Path, config: RunConfig) -> list[Path]:
    """Write the pairs, one file a split; a split without pairs has none, since `datasets` can't load an empty one.

    What was left out is counted in the first file. The whole dataset, as it is published, is written beside: see
    `pipeline.pairing.export`; and `pairing.json`, the counts.
    """
    files = {
        stage: [stage_folder(chain, stage).path / name for name in stage_folder(chain, stage).shard_names()]
        for stage in PAIRED
    }
    tables = scan_tables(files, dropping(read_marks(chain)))
    made = make_pairs(tables, config.pairs, config.seed)
    key = pairs_key(chain, config)
    write_dataset(made, tables, chain / "dataset", key)
    write_whole(chain / "pairing.json", report_to_json(summarise(made, tables)).encode())
    dropped = {str(reason): n for reason, n in made.dropped.items()}
    n_in, paths = made.entries.height, []
    for split in ("train", "test"):
        rows = made.pairs.filter(pl.col("split") == split)
        if rows.height:
            counts = {f"{split}.pairs": rows.height, f"{split}.problems": rows["problem_id"].n_unique()}
            shard = Shard(rows.to_arrow(), n_in, dropped, counts)
            paths.append(stage_folder(chain, "pairs").write_shard(shard_name(0, split), key, shard))
            n_in, dropped = 0, {}
    return paths
