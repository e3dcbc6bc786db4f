"""Writes the dataset as the Hub has it: Parquet by configuration and split, and a card of what is there.

Configurations: `pairs` (in `data/`), `unpaired`, `sft`, `ranked`, `sharegpt`, and `candidates`, which holds the
evidence. `dataset_info.json` tells LLaMA-Factory of the `sharegpt` one: the folder is a dataset_dir of it.
"""

import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.pairing.frames import PairingTables
from pairsmith.pipeline.pairing.outputs import (
    conversation_rows,
    demonstration_rows,
    evidence_rows,
    ranked_rows,
    unpaired_rows,
)
from pairsmith.pipeline.pairing.pairs import SPLITS, PairingResult
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.arrow import arrow_schema
from pairsmith.schemas.dataset import Conversation, Demonstration, Evidence, Ranked, Unpaired
from pairsmith.schemas.pair import Pair

CONFIGS: Mapping[str, tuple[str, type]] = {
    "pairs": ("data", Pair),
    "unpaired": ("unpaired", Unpaired),
    "sft": ("sft", Demonstration),
    "ranked": ("ranked", Ranked),
    "sharegpt": ("sharegpt", Conversation),
    "candidates": ("candidates", Evidence),
}
"""Configuration to its folder and the record of its rows."""
# LLaMA-Factory's data/README.md: a ranking dataset in sharegpt format, loaded through this folder's card.
_LLAMA_FACTORY = {
    f"pairsmith_{split}": {
        "script_url": ".",
        "subset": "sharegpt",
        "split": split,
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
    }
    for split in SPLITS
}
_SHARD_ROWS = 100_000
_PARTIAL = ".partial"


def write_dataset(made: PairingResult, tables: PairingTables, folder: Path, fingerprint: str) -> Path:
    """Write all configurations and the card; what was in the folder before is replaced at once.

    A split without rows has no file, since `datasets` can't load an empty one.

    Args:
        made: the pairs, and the entries that they were made of.
        tables: what these were made of.
        folder: the dataset's folder.
        fingerprint: goes into every file's metadata, next to the schema's version.
    """
    partial = folder.with_name(folder.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    frames = {
        "pairs": made.pairs.lazy(),
        "unpaired": unpaired_rows(made, tables),
        "sft": demonstration_rows(made, tables),
        "ranked": ranked_rows(made, tables),
        "sharegpt": conversation_rows(made),
        "candidates": evidence_rows(made, tables),
    }
    sizes = {}
    for config, rows in frames.items():
        name, record = CONFIGS[config]
        sizes[config] = _write_config(rows, record, partial / name, fingerprint)
    write_whole(partial / "README.md", _card(sizes).encode())
    write_whole(partial / "dataset_info.json", (json.dumps(_LLAMA_FACTORY, indent=1) + "\n").encode())
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder


def _write_config(rows: pl.LazyFrame, record: type, folder: Path, fingerprint: str) -> dict[str, dict[str, int]]:
    """Write the splits of one configuration; return rows, bytes in memory and bytes on disk of each."""
    sizes: dict[str, dict[str, int]] = {}
    for split in SPLITS:
        table = rows.filter(pl.col("split") == split).collect(engine="streaming").to_arrow()
        if not table.num_rows:
            continue
        table = _with_metadata(table.select(arrow_schema(record).names).cast(arrow_schema(record)), fingerprint)
        n_shards = -(-table.num_rows // _SHARD_ROWS)
        on_disk = 0
        for shard in range(n_shards):
            part = table.slice(shard * _SHARD_ROWS, _SHARD_ROWS)
            data = _parquet(part)
            on_disk += len(data)
            write_whole(folder / f"{split}-{shard:05d}.parquet", data)
        sizes[split] = {"num_examples": table.num_rows, "num_bytes": table.nbytes, "on_disk": on_disk}
    return sizes


def _parquet(table: pa.Table) -> bytes:
    """Return a table as Parquet whose unchanged rows keep their bytes as it grows, where the writer can do so."""
    sink = io.BytesIO()
    options: dict[str, Any] = {"compression": "zstd", "compression_level": 3, "write_page_index": True}
    if int(pa.__version__.partition(".")[0]) >= 21:  # content-defined chunking came with pyarrow 21
        options["use_content_defined_chunking"] = True
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def _with_metadata(table: pa.Table, fingerprint: str) -> pa.Table:
    metadata = {**(table.schema.metadata or {}), b"pairsmith:fingerprint": fingerprint.encode()}
    return table.replace_schema_metadata(metadata)


def _card(sizes: Mapping[str, Mapping[str, Mapping[str, int]]]) -> str:
    """Return the card: what `datasets` reads of it, and each column's meaning."""
    from datasets import Features

    configs, infos = [], []
    for config, splits in sizes.items():
        name, record = CONFIGS[config]
        if not splits:
            continue
        files = [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in splits]
        configs.append(
            {"config_name": config, "data_files": files} | ({"default": True} if config == "pairs" else {})
        )
        schema = arrow_schema(record).remove_metadata()
        infos.append(
            {
                "config_name": config,
                "features": Features.from_arrow_schema(schema)._to_yaml_list(),
                "splits": [
                    {"name": split, "num_bytes": size["num_bytes"], "num_examples": size["num_examples"]}
                    for split, size in splits.items()
                ],
                "download_size": sum(size["on_disk"] for size in splits.values()),
                "dataset_size": sum(size["num_bytes"] for size in splits.values()),
            }
        )
    # JSON is YAML: a card that no YAML writer can break.
    head = json.dumps({"configs": configs, "dataset_info": infos, "tags": ["preference", "code"]}, indent=1)
    return f"---\n{head}\n---\n\n{_describe(sizes)}"


def _describe(sizes: Mapping[str, Mapping[str, Mapping[str, int]]]) -> str:
    lines = [
        "# Preference data for code",
        "",
        "Made by pairsmith: candidates were run in sandboxes and judged outside.",
    ]
    for config, splits in sizes.items():
        name, record = CONFIGS[config]
        counts = ", ".join(f"{size['num_examples']} {split}" for split, size in splits.items()) or "no rows"
        lines += ["", f"## `{config}` ({name}/): {counts}", "", (record.__doc__ or "").strip()]
    return "\n".join(lines) + "\n"
