"""Seconds and memory for looking at a run of many shards in which nothing is left to make.

    python -m benchmarks.resume_at_scale --shards 1000 10000 --draws 6 62

One shard of 16 starter problems is built from samples in a file, then stands under as many names as asked for
(hard links, so that a disk holds them): rows, keys and digests are those of a real run, only the disk is spared.
Each measure runs in a process of its own: a build that finds all done (`Chain.list_done`), and the table of
`pairsmith status` (`examine_run`). Loading of problems is left out.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.state import examine_run
from pairsmith.pipeline.chain.table import shard_stages, stage_folder
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.pipeline.problems.stage import load_shards
from pairsmith.pipeline.run.folder import MANIFEST, shard_name, write_whole
from pairsmith.schemas.config import RunConfig, load_config

N_PROBLEMS = 16
MEASURES = ("build", "status")


def build_one(folder: Path, n_draws: int) -> Path:
    """Build a run of one shard; return its configuration."""
    items = load_starter(starter_folder())[:N_PROBLEMS]
    rows = []
    for item in items:
        codes = [item.problem.reference, *(wrong.code for wrong in item.wrong)]
        rows += [
            {"task_id": item.problem.problem_id, "solution": f"{codes[i % len(codes)]}\n# {i}\n"}
            for i in range(n_draws)
        ]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = folder / "run.toml"
    config.write_text(
        f'run = "{folder / "run"}"\nproblems.ids = {json.dumps([item.problem.problem_id for item in items])}\n'
        f'[sampling]\nbackend = "files"\nsamples = "{folder / "samples.jsonl"}"\nn = {n_draws}\n'
        '[sandbox]\nbackend = "bubblewrap"\n[crosscheck]\nn_inputs = 24\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-c", "from pairsmith.flows.cli import main; main()", "build", str(config)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return config


def repeat(config: RunConfig, n_shards: int) -> None:
    """Have the one shard stand under many names, with the manifests that a run of these would have."""
    names = [shard_name(i) for i in range(n_shards)]
    chain = looked_at(config, n_shards)
    for stage in shard_stages():
        folder = stage_folder(config.run, stage.name)
        manifest = folder.manifest()
        assert manifest is not None
        for name in names:
            if not (folder.path / name).exists():
                os.link(folder.path / names[0], folder.path / name)
        files = tuple(replace(manifest.files[0], name=name) for name in names)
        fingerprint = chain.fingerprint(stage.name, names)
        whole = replace(manifest, files=files, n_out=n_shards * manifest.files[0].rows, fingerprint=fingerprint)
        write_whole(folder.path / MANIFEST, whole.to_json().encode())
    pairs = stage_folder(config.run, "pairs")
    made = pairs.manifest()
    assert made is not None
    write_whole(pairs.path / MANIFEST, replace(made, fingerprint=chain.key("pairs")).to_json().encode())


def looked_at(config: RunConfig, n_shards: int) -> Chain:
    """Return a chain whose shards all hold the same problems."""
    (problems,) = load_shards(config.model_copy(update={"run": Path("/nowhere")}), Path(), print).values()
    chain = Chain(config.run, config)
    chain.sources["problems"] = {shard_name(i): problems for i in range(n_shards)}
    return chain


def measure(config: RunConfig, what: str, n_shards: int) -> None:
    """Print seconds and memory of one look."""
    chain = looked_at(config, n_shards)
    problems = chain.sources["problems"]
    started, cpu = time.monotonic(), time.process_time()
    if what == "build":
        n_done = len(chain.list_done(problems))
        assert n_done == len(shard_stages()) + 1, n_done
    else:
        states = examine_run(config.run, config, problems)
        assert all(one.state in ("done", "missing") for one in states), states
    wall_s, cpu_s = time.monotonic() - started, time.process_time() - cpu
    candidates = stage_folder(config.run, "candidates").manifest()
    n_bytes = sum(path.stat().st_size for path in config.run.glob("*/part-*.parquet"))
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:<7} {n_shards:>6} shards {candidates.n_out if candidates else 0:>11,} candidates "
        f"{n_bytes / 1e9:>6.1f} GB {wall_s:>7.1f} s {cpu_s:>7.1f} CPU s {peak_mib:>6.0f} MiB",
        flush=True,
    )


def main() -> None:
    """Measure each number of shards with each number of draws a problem."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shards", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--draws", type=int, nargs="+", default=[6, 62])
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "CONFIG"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(load_config(Path(options.measure[1])), options.measure[0], options.shards[0])
        return
    for n_draws in options.draws:
        with tempfile.TemporaryDirectory() as folder:
            config = build_one(Path(folder), n_draws)
            for n_shards in sorted(options.shards):
                repeat(load_config(config), n_shards)
                for what in MEASURES:
                    command = [sys.executable, "-m", "benchmarks.resume_at_scale", "--shards", str(n_shards)]
                    subprocess.run([*command, "--measure", what, str(config)], check=True)


if __name__ == "__main__":
    main()
