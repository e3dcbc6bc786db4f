"""How fast the viewer answers at 100,000 pairs: `python -m benchmarks.viewing RUN [--pairs 100000]`.

A real run is tiled: its problems, candidates and pairs are written again and again under other names, in shards as
a build writes them. Then a browser's requests are made over HTTP, one after another: pages of the list under every
kind of filter, and single pairs, each of a problem that was not asked for before.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.chain.table import find_stage, stage_folder
from pairsmith.pipeline.run.folder import shard_name
from pairsmith.pipeline.viewer.index import Filter, PairIndex
from pairsmith.schemas.arrow import arrow_schema
from tests.viewer_kit import served

_COPIES = 4  # of the run's problems in one shard
_IDS = ("candidate_id", "problem_id", "pair_id", "chosen_id", "rejected_id", "cluster", "duplicate_of", "near")
LIMIT_S = 0.2


def tile(run: Path, out: Path, n_pairs: int) -> int:
    """Write a run of at least so many pairs; return how many."""
    stages = [
        stage for stage in (*find_stage("pairs").reads, "executions") if stage_folder(run, stage).shard_names()
    ]
    tables = {stage: _read(run, stage) for stage in (*stages, "pairs")}
    n_copies = -(-n_pairs // tables["pairs"].height)
    for stage in stages:
        names = []
        for index, first in enumerate(range(0, n_copies, _COPIES)):
            copies = range(first, min(first + _COPIES, n_copies))
            rows = pl.concat([_renamed(tables[stage], copy) for copy in copies])
            names.append(_write(out, stage, shard_name(index), rows))
        stage_folder(out, stage).finish(names, "tiled", {})
    pairs = pl.concat([_renamed(tables["pairs"], copy) for copy in range(n_copies)]).sort("split", "pair_id")
    names = [_write(out, "pairs", shard_name(0, str(split)), part) for (split,), part in pairs.group_by("split")]
    stage_folder(out, "pairs").finish(names, "tiled", {})
    return pairs.height


def addresses(run: Path, n_each: int) -> Iterator[tuple[str, str]]:
    """Give kinds of pages with addresses, by chance but the same each time."""
    draw = random.Random(0)
    index = PairIndex(run)
    ids = index.facts["pair_id"].to_list()
    choices = index.choices()
    filters = [Filter(), Filter(problem="string"), Filter(doubt="any"), Filter(split="test")]
    filters += [Filter(cause=cause) for cause, _ in choices["cause"]]
    filters += [Filter(tag=tag) for tag, _ in choices["tag"][:8]]
    for one in filters:
        yield "list, first time under a filter", f"/?{one.query()}"
    for _ in range(n_each):
        one = draw.choice(filters)
        yield "list, any page", f"/?{one.query(page=draw.randint(1, 400))}"
    for _ in range(n_each):
        yield "pair", f"/pairs/{draw.choice(ids)}?{draw.choice(filters).query()}"


def measure(run: Path, n_each: int) -> float:
    """Print what was measured; return the slowest answer, seconds."""
    began = time.perf_counter()
    pages = list(addresses(run, n_each))
    print(f"index of {len(PairIndex(run).row_of):,} pairs, twice: {time.perf_counter() - began:.1f} s")
    seconds: dict[str, list[float]] = {}
    with served(run) as address, httpx.Client(base_url=address) as client:
        client.get("/")
        for kind, path in pages:
            began = time.perf_counter()
            answer = client.get(path)
            seconds.setdefault(kind, []).append(time.perf_counter() - began)
            answer.raise_for_status()
    for kind, times in seconds.items():
        times.sort()
        print(
            f"{kind:<32} {len(times):>4} pages: median {1000 * statistics.median(times):5.0f} ms, "
            f"95% within {1000 * times[int(0.95 * (len(times) - 1))]:5.0f} ms, slowest {1000 * times[-1]:5.0f} ms"
        )
    return max(map(max, seconds.values()))


def main() -> None:
    """Tile, measure, and say whether the limit held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=150)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        n = tile(given.run, Path(folder), given.pairs)
        print(f"tiled to {n:,} pairs in {time.perf_counter() - began:.0f} s")
        slowest = measure(Path(folder), given.pages)
    print(f"slowest {1000 * slowest:.0f} ms: {'within' if slowest <= LIMIT_S else 'over'} {1000 * LIMIT_S:.0f} ms")


def _read(run: Path, stage: str) -> pl.DataFrame:
    folder = stage_folder(run, stage)
    return pl.read_parquet([folder.path / name for name in folder.shard_names()], glob=False)


def _renamed(rows: pl.DataFrame, copy: int) -> pl.DataFrame:
    """Return rows whose ids are of this copy; a pair's stays 32 hex digits."""
    digits = f"{copy:08x}"
    changes = []
    for name in _IDS:
        if name not in rows.columns:
            continue
        if name == "problem_id":
            changes.append(pl.concat_str("problem_id", pl.lit(f"_{digits}")))
        else:
            own = pl.concat_str(pl.col(name).str.slice(0, 12), pl.lit(digits), pl.col(name).str.slice(20))
            changes.append(pl.when(pl.col(name) == "").then(pl.lit("")).otherwise(own).alias(name))
    return rows.with_columns(changes)


def _write(out: Path, stage: str, name: str, rows: pl.DataFrame) -> str:
    schema = arrow_schema(stage_folder(out, stage).record)
    counted = {
        "pairsmith:content": "tiled",
        "pairsmith:n_in": "0",
        "pairsmith:dropped": "{}",
        "pairsmith:counts": "{}",
    }
    table = rows.to_arrow().select(schema.names).cast(pa.schema(schema)).replace_schema_metadata(counted)
    path = stage_folder(out, stage).path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd", compression_level=3, write_page_index=True)
    return name


if __name__ == "__main__":
    main()
