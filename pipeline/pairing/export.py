"""Writes the dataset as the Hub has it (Parquet by configuration and split, a card), and the counts of a pairing.

Configurations: `pairs` (in `data/`), `unpaired`, `sft`, `sharegpt`, and `candidates`, which holds the
evidence. `dataset_info.json` describes the `sharegpt` one for LLaMA-Factory: the folder is a dataset_dir of it.
All configurations are lazy frames over the entries that the pairs were made of, in the order of their ids; of a
large run part by part.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
from pydantic import TypeAdapter

from pairsmith.pipeline.pairing.entries import TRIVIAL
from pairsmith.pipeline.pairing.pairs import SPLITS, PairingResult, Part
from pairsmith.pipeline.pairing.tables import PairingTables, empty_frame, join_texts, messages
from pairsmith.pipeline.run.folder import as_parquet, write_whole
from pairsmith.schemas.arrow import arrow_schema
from pairsmith.schemas.dataset import Conversation, Demonstration, Evidence, Unpaired
from pairsmith.schemas.manifest import DropCount, NamedCount, PairingReport, WeakProblem
from pairsmith.schemas.pair import Pair

CONFIGS: Mapping[str, tuple[str, type]] = {
    "pairs": ("data", Pair),
    "unpaired": ("unpaired", Unpaired),
    "sft": ("sft", Demonstration),
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


def write_dataset(made: PairingResult, folder: Path, fingerprint: str) -> Path:
    """Write all configurations and the card; what was in the folder before is replaced at once.

    A split without rows has no file, since `datasets` can't load an empty one.

    Args:
        fingerprint: goes into every file's metadata, next to the schema's version.
    """
    partial = folder.with_name(folder.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    frames = {
        "pairs": [rows.lazy() for rows in made.pairs.iter_slices(_SHARD_ROWS)],
        "unpaired": [unpaired_rows(part) for part in made.parts],
        "sft": [demonstration_rows(part, made.pairs) for part in made.parts],
        "sharegpt": [conversation_rows(part, made.pairs) for part in made.parts],
        "candidates": [evidence_rows(part, made.pairs) for part in made.parts],
    }
    sizes = {}
    for config, parts in frames.items():
        name, record = CONFIGS[config]
        sizes[config] = _write_config(parts, record, partial / name, fingerprint)
    write_whole(partial / "README.md", _card(sizes).encode())
    write_whole(partial / "dataset_info.json", (json.dumps(_LLAMA_FACTORY, indent=1) + "\n").encode())
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder


def _write_config(
    parts: Sequence[pl.LazyFrame], record: type, folder: Path, fingerprint: str
) -> dict[str, dict[str, int]]:
    """Write the splits of one configuration; return rows, bytes in memory and bytes on disk of each."""
    sizes: dict[str, dict[str, int]] = {}
    schema = arrow_schema(record)
    schema = schema.with_metadata({**(schema.metadata or {}), b"pairsmith:fingerprint": fingerprint.encode()})
    for split in SPLITS:
        waiting, n_rows, n_bytes, on_disk, n_files = schema.empty_table(), 0, 0, 0, 0
        for number, rows in enumerate(parts, start=1):
            table = rows.filter(pl.col("split") == split).collect(engine="streaming").to_arrow()
            table = table.select(schema.names).cast(schema)
            n_rows, n_bytes = n_rows + table.num_rows, n_bytes + table.nbytes
            waiting = pa.concat_tables([waiting, table]) if waiting.num_rows else table
            while waiting.num_rows >= _SHARD_ROWS or (waiting.num_rows and number == len(parts)):
                data = _parquet(waiting.slice(0, _SHARD_ROWS))
                on_disk += len(data)
                write_whole(folder / f"{split}-{n_files:05d}.parquet", data)
                waiting, n_files = waiting.slice(_SHARD_ROWS), n_files + 1
        if n_rows:
            sizes[split] = {"num_examples": n_rows, "num_bytes": n_bytes, "on_disk": on_disk}
    return sizes


def _parquet(table: pa.Table) -> bytes:
    """Return a table as Parquet; unchanged rows keep their bytes as it grows, if the writer supports that."""
    has_chunking = int(pa.__version__.partition(".")[0]) >= 21  # content-defined chunking came with pyarrow 21
    options = {"use_content_defined_chunking": True} if has_chunking else {}
    return as_parquet(table, compression_level=3, write_page_index=True, **options)


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


def unpaired_rows(part: Part) -> pl.LazyFrame:
    """Return the candidates that may be part of a pair, each with its label; of equal programs one."""
    rows = _with_messages(_usable(part), part.tables)
    return _shaped(rows.with_columns(label="passed"), Unpaired)


def demonstration_rows(part: Part, pairs: pl.DataFrame) -> pl.LazyFrame:
    """Return the right candidates that some pair chooses, each once."""
    chosen = pairs.lazy().select(candidate_id="chosen_id").unique()
    usable = _usable(part).filter("passed").join(chosen, on="candidate_id", how="semi")
    return _shaped(_with_messages(usable, part.tables), Demonstration)


def conversation_rows(part: Part, pairs: pl.DataFrame) -> pl.LazyFrame:
    """Return the pairs of some problems with one message a side."""
    own = pairs.lazy().join(part.tables.problems.select("problem_id"), on="problem_id", how="semi")
    sides = {side: pl.col(side).list.first() for side in ("chosen", "rejected")}
    return _shaped(own.with_columns(conversations="prompt", **sides), Conversation)


def evidence_rows(part: Part, pairs: pl.DataFrame) -> pl.LazyFrame:
    """Return all candidates with all that is known of them."""
    tables = part.tables
    uses = [
        pairs.lazy().group_by(candidate_id=f"{side}_id").agg(pl.len().cast(pl.Int64).alias(f"pairs_{side}"))
        for side in ("chosen", "rejected")
    ]
    entries = part.entries.select(
        "candidate_id",
        "split",
        "cluster",
        "standing",
        "repaired_from",
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


def _usable(part: Part) -> pl.LazyFrame:
    entries = part.entries.filter(
        pl.col("reason").is_null() & pl.col("problem_reason").fill_null("").is_in(["", "all_passed", "all_failed"])
    )
    entries = entries.filter(pl.col("repaired_from").is_null())
    return entries.filter(~pl.col("is_repeat") & pl.col("split").is_not_null()).select(
        "candidate_id", "problem_id", "split", "passed", "share", "cause", "tags", "standing", "form"
    )


def _with_messages(usable: pl.LazyFrame, tables: PairingTables) -> pl.LazyFrame:
    """Return usable entries with prompt and completion as messages."""
    return join_texts(usable, tables).with_columns(
        prompt=messages("user", pl.col("asked")), completion=messages("assistant", pl.col("answer"))
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


HARD_SHARE = 0.5  # of the cases: rejected candidates that pass at least this share are hard
REPORT = TypeAdapter(PairingReport)
"""Reads and writes `pairing.json`."""


def summarise(made: PairingResult, tables: PairingTables) -> PairingReport:
    """Return the counts of one pairing."""
    pairs, weak = made.pairs, tables.problem_standings.collect()
    standings = tables.standings.select("standing").collect(engine="streaming")["standing"]
    return PairingReport(
        n_candidates=made.n_candidates,
        n_train=pairs.filter(pl.col("split") == "train").height,
        n_test=pairs.filter(pl.col("split") == "test").height,
        n_problems=pairs["problem_id"].n_unique(),
        drops=tuple(DropCount(str(reason), reason.unit, n) for reason, n in made.dropped.items()),
        policies=_counts(pairs["policy"]),
        rejects=_counts(pairs["rejected_cause"].replace("", "passed")),
        n_trivial=pairs.filter(pl.col("rejected_cause").is_in(TRIVIAL)).height,
        n_hard=pairs.filter(pl.col("rejected_share") >= HARD_SHARE).height,
        leaks=made.leaks,
        n_approaches_before=made.approaches.n_before,
        n_approaches_after=made.approaches.n_after,
        standings=_counts(standings),
        weak=_weak(weak),
        n_mutants=int(weak["n_mutants"].sum()),
        n_killed=int(weak["n_killed"].sum()),
    )


def _counts(names: pl.Series) -> tuple[NamedCount, ...]:
    rows = names.value_counts().sort("count", names.name, descending=[True, False])
    return tuple(NamedCount(name, n) for name, n in rows.iter_rows())


def _weak(standings: pl.DataFrame) -> tuple[WeakProblem, ...]:
    names = ["problem_id", "n_passed", "n_groups", "top_support", "splitting_inputs"]
    rows = standings.filter("is_weak").sort("top_support", "problem_id").select(names)
    return tuple(
        WeakProblem(**{**row, "splitting_inputs": tuple(row["splitting_inputs"])})
        for row in rows.iter_rows(named=True)
    )
