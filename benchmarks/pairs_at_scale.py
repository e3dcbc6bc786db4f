"""Seconds and memory for the pairs of a million candidates: 10,000 problems of 100, made from real ones.

    python -m benchmarks.pairs_at_scale --samples humaneval_codegen16b_100_samples.jsonl.gz --cache folder

The CodeGen samples on HumanEval, judged on the base tests, are repeated under new ids, each copy with
fingerprints, clusters and prompts of its own. The pairing itself runs in a process of its own, from Parquet shards
to a Parquet file.
"""

import argparse
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import polars as pl

from benchmarks.codegen import RECORDS, judged_tables
from pairsmith.pipeline.pairing.pairs import make_pairs
from pairsmith.pipeline.pairing.tables import scan_tables
from pairsmith.schemas.config.pairs import PairsConfig, PolicyConfig

_SHARD_PROBLEMS = 1_000
_OWN = ("candidate_id", "exact", "renamed", "cluster", "duplicate_of", "prompt", "signature")
CONFIGS = {
    "default": PairsConfig(),
    "four policies": PairsConfig(
        policies=(
            PolicyConfig(weight=2.0),
            PolicyConfig(name="nearest_wrong"),
            PolicyConfig(name="partial_credit"),
            PolicyConfig(name="cleaner"),
        )
    ),
}


def main() -> None:
    """Make the tables, then time each configuration in a process of its own."""
    options = _options()
    if options.run:
        _pair(options.tables, CONFIGS[options.run])
        return
    files = judged_tables(options.samples, options.per_problem, options.cache, options.workers)
    tables = options.cache / f"scaled-{options.problems}"
    if not (tables / "done").exists():
        _repeat(files, tables, options.problems)
    for name in CONFIGS:
        command = [sys.executable, "-m", "benchmarks.pairs_at_scale", "--run", name, "--tables", str(tables)]
        subprocess.run(command, check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, help="JSONL of samples on HumanEval")
    parser.add_argument("--cache", type=Path, help="folder for the judged samples and the tables")
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--per-problem", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--run", choices=list(CONFIGS), help=argparse.SUPPRESS)
    parser.add_argument("--tables", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _repeat(files: dict[str, Path], folder: Path, n_problems: int) -> None:
    """Write shards of `_SHARD_PROBLEMS` problems, the real ones again and again under new ids."""
    frames = {name: pl.read_parquet(path) for name, path in files.items()}
    # With their cases all copies of a task would be near-duplicates, and make no pairs beside held-out ones.
    frames["problems"] = frames["problems"].with_columns(cases=pl.col("cases").list.head(0))
    ids = frames["problems"]["problem_id"].to_list()
    for start in range(0, n_problems, _SHARD_PROBLEMS):
        numbers = range(start, min(start + _SHARD_PROBLEMS, n_problems))
        copies = pl.DataFrame(
            {"problem_id": [ids[n % len(ids)] for n in numbers], "copy": [n // len(ids) for n in numbers]}
        )
        for name, frame in frames.items():
            rows = frame.join(copies, on="problem_id")
            own = [column for column in ("problem_id", *_OWN) if column in frame.columns]
            rows = rows.with_columns(
                pl.when(pl.col(column) == "")
                .then(pl.lit(""))
                .otherwise(pl.format("{}#{}", column, "copy"))
                .alias(column)
                for column in own
            )
            (folder / name).mkdir(parents=True, exist_ok=True)
            if name == "problems":
                rows = rows.with_columns(prompt=_own_words(rows))
            rows.drop("copy").write_parquet(folder / name / f"part-{start:05d}.parquet")
    (folder / "done").touch()


def _own_words(rows: pl.DataFrame) -> pl.Series:
    """Return prompts of the same length in words that no other copy uses."""
    texts = zip(rows["prompt"], rows["copy"], strict=True)
    return pl.Series([re.sub(r"(\w+)", rf"\g<1>{number}", text) for text, number in texts], dtype=pl.String)


def _pair(tables: Path, config: PairsConfig) -> None:
    name = next(key for key, value in CONFIGS.items() if value == config)
    start = time.monotonic()
    made = make_pairs(
        scan_tables({kind: sorted((tables / kind).glob("*.parquet")) for kind in RECORDS}), config, 0
    )
    made.pairs.write_parquet(tables / "pairs.parquet", compression="zstd")
    wall_s = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak_mib, cpu_s = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
    n_problems = made.pairs["problem_id"].n_unique()
    print(
        f"{name}: {made.entries.height} candidates to {made.pairs.height} pairs of {n_problems} problems "
        f"in {wall_s:.1f} s ({cpu_s:.1f} CPU seconds), {peak_mib / 1024:.2f} GiB at most"
    )


if __name__ == "__main__":
    main()
