"""Seconds and memory for pairs and dataset of a million candidates: 10,000 problems of 100, from real ones.

    python -m benchmarks.pairs_at_scale --built runs/codegen --cache folder
    python -m benchmarks.pairs_at_scale --built runs/codegen --cache folder --problems 100000

`--built` is a run folder whose stages up to problem standings are made, such as that of the CodeGen samples on
HumanEval. Its rows are repeated under new ids, each copy with fingerprints, clusters and prompts of its own, as
shards of 100 problems; where a problem has fewer candidates, these are repeated too, as other programs that do the
same. The stage `pairs` runs in a process of its own, over these files, and writes pairs and dataset. With
`--samples` the CodeGen samples are judged on the base tests first, without the checks beyond them.
"""

import argparse
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl

from benchmarks.codegen import judged_tables
from pairsmith.pipeline.pairing.stage import STAGE
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.pairs import PairsConfig, PolicyConfig

_SHARD_PROBLEMS = 100
_OWN = ("problem_id", "cluster", "prompt", "signature")
_OWN_OF_TWINS = ("candidate_id", "exact", "renamed", "duplicate_of")
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
    tables = options.cache / f"scaled-{options.problems}"
    if not (tables / "done").exists():
        _repeat(_frames(options), tables, options.problems, options.per_problem)
    for name in options.configs:
        command = [sys.executable, "-m", "benchmarks.pairs_at_scale", "--run", name, "--tables", str(tables)]
        subprocess.run(command, check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, help="JSONL of samples on HumanEval")
    parser.add_argument("--built", type=Path, help="folder of a run, in the place of samples")
    parser.add_argument("--cache", type=Path, help="folder for the judged samples and the tables")
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--per-problem", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--configs", nargs="+", choices=list(CONFIGS), default=list(CONFIGS))
    parser.add_argument("--run", choices=list(CONFIGS), help=argparse.SUPPRESS)
    parser.add_argument("--tables", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _frames(options: argparse.Namespace) -> dict[str, pl.DataFrame]:
    if options.built:
        return {name: pl.read_parquet(options.built / name / "*.parquet") for name in STAGE.reads}
    files = judged_tables(options.samples, options.per_problem, options.cache, options.workers)
    return {name: pl.read_parquet(path) for name, path in files.items()}


def _repeat(frames: dict[str, pl.DataFrame], folder: Path, n_problems: int, n_each: int) -> None:
    """Write shards of `_SHARD_PROBLEMS` problems, the real ones again and again under new ids."""
    # With their cases all copies of a task would be near-duplicates, and make no pairs beside held-out ones.
    frames["problems"] = frames["problems"].with_columns(cases=pl.col("cases").list.head(0))
    ids = frames["problems"]["problem_id"].to_list()
    twins = pl.DataFrame({"twin": range(-(-n_each * len(ids) // frames["candidates"].height))})
    for start in range(0, n_problems, _SHARD_PROBLEMS):
        numbers = range(start, min(start + _SHARD_PROBLEMS, n_problems))
        copies = pl.DataFrame(
            {"problem_id": [ids[n % len(ids)] for n in numbers], "copy": [n // len(ids) for n in numbers]}
        )
        for name, frame in frames.items():
            rows = frame.join(copies, on="problem_id")
            if "candidate_id" in frame.columns:
                rows = rows.join(twins, how="cross")
            rows = rows.with_columns(
                pl.when(pl.col(column) == "")
                .then(pl.lit(""))
                .otherwise(pl.format(text, column, *number))
                .alias(column)
                for columns, text, number in (
                    (_OWN, "{}#{}", ["copy"]),
                    (_OWN_OF_TWINS, "{}#{}-{}", ["copy", "twin"]),
                )
                for column in columns
                if column in frame.columns
            )
            (folder / name).mkdir(parents=True, exist_ok=True)
            if name == "problems":
                rows = rows.with_columns(prompt=_own_words(rows))
            rows.drop("copy", "twin", strict=False).write_parquet(
                folder / name / f"part-{start:06d}.parquet", compression_level=1
            )
    (folder / "done").touch()


def _own_words(rows: pl.DataFrame) -> pl.Series:
    """Return prompts of the same length in words that no other copy uses."""
    texts = zip(rows["prompt"], rows["copy"], strict=True)
    return pl.Series([re.sub(r"(\w+)", rf"\g<1>{number}", text) for text, number in texts], dtype=pl.String)


def _pair(tables: Path, config: PairsConfig) -> None:
    name = next(key for key, value in CONFIGS.items() if value == config)
    files = {stage: sorted((tables / stage).glob("*.parquet")) for stage in STAGE.reads}
    run = tables / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    start = time.monotonic()
    assert STAGE.whole is not None
    shards = STAGE.whole(files, run, RunConfig(run=run, pairs=config), "")
    wall_s = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    n_pairs, n_in = (
        sum(len(shard.records) for shard in shards.values()),
        sum(shard.n_in for shard in shards.values()),
    )
    print(
        f"{name}: {n_in:,} candidates to {n_pairs:,} pairs and the dataset in {wall_s:.0f} s "
        f"({used.ru_utime + used.ru_stime:.0f} CPU s), {used.ru_maxrss / 2**20:.2f} GiB at most",
        flush=True,
    )


if __name__ == "__main__":
    main()
