"""A run on two Ray nodes beside one on a single machine, and one whose second node is killed in the middle.

    python -m benchmarks.two_nodes
    python -m benchmarks.two_nodes --store s3
    python -m benchmarks.two_nodes --vllm ~/.cache/pairsmith/vllm

With `--vllm` the embedded model draws for trivial starter problems, served by `vllm serve` on a CPU: one server
alone, then one a node, of which one is killed in the third run, in the place of a node. Starts are counted.

Both nodes are on this machine (`ray.cluster_utils.Cluster`). Prints the seconds of each
run and whether pairs and dataset are the same, byte for byte; exits with 1 where they are not.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from ray.cluster_utils import Cluster

from pairsmith.flows.build import build
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.pipeline.run.digests import file_digest
from pairsmith.schemas.config import load_config
from tests.refresh_kit import write_problems
from tests.stores_kit import BUCKET, s3_server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--problems", type=int, default=24)
    parser.add_argument(
        "--store",
        choices=("file", "s3"),
        help="shards go from node to node through a store, not a common folder; s3 is a server on loopback",
    )
    parser.add_argument("--seconds", type=float, default=0.5, help="that each program sleeps")
    parser.add_argument("--vllm", type=Path, help="environment with vLLM for CPU")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pairsmith-nodes-"))
    if options.vllm:
        config = write_served(folder, options.problems, options.vllm.expanduser())
    else:
        config = write_problems(folder, options.problems, published=False, slow_s=options.seconds)
    serve = s3_server() if options.store == "s3" else contextlib.nullcontext()
    address = {"file": f"file://{folder}/store", "s3": f"s3://{BUCKET}/nodes"}.get(options.store, "")
    with serve:
        alone = run_once(config, folder / "alone")
        together = run_once(config, folder / "together", 2, store=address)
        bereft = run_once(config, folder / "bereft", 2, kill_after_shards=1 if options.vllm else 3, store=address)
    same = [alone == other for other in (together, bereft)]
    what = "server" if options.vllm else "node"
    print(f"{len(alone)} files; two nodes the same: {same[0]}; a {what} killed, the same: {same[1]}")
    return 0 if all(same) else 1


def write_served(folder: Path, n_problems: int, environment: Path) -> Path:
    """Write a configuration whose model is served by vLLM, by way of an interpreter that notes its starts."""
    python = folder / "vllm" / "bin" / "python"
    python.parent.mkdir(parents=True)
    real = environment / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "$$" >> {folder}/starts\nexec {real} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    (python.with_name("vllm")).touch()
    marker = {"device": "cpu", "command": "no"}
    (folder / "vllm" / "pairsmith.json").write_text(json.dumps(marker), encoding="utf-8")
    ids = [item.problem.problem_id for item in load_starter(starter_folder()) if item.problem.level == "trivial"]
    path = folder / "run.toml"
    path.write_text(
        f'run = "{folder}/run"\nshard_problems = 2\nproblems.ids = {json.dumps(ids[:n_problems])}\n'
        f'[sampling]\nbackend = "vllm"\nn = 8\nmax_tokens = 64\nstore = "run"\n'
        f'[sampling.vllm]\nenvironment = "{folder}/vllm"\n'
        # Two servers share the memory of this machine, with whatever else runs.
        'engine = { dtype = "float32", max_num_seqs = 16, gpu_memory_utilization = 0.1 }\n'
        '[sandbox]\nbackend = "bubblewrap"\n[crosscheck]\nn_inputs = 8\nn_mutants = 0\n'
        "[pairs]\ntest_share = 0.3\n",
        encoding="utf-8",
    )
    return path


def run_once(
    config: Path, run: Path, n_nodes: int = 0, kill_after_shards: int = 0, store: str = ""
) -> dict[str, str]:
    """Build once; return the digests of pairs and dataset by path."""
    overrides = [f"run={run}", "sandbox.workers=1"]
    if store:
        overrides.append(f"store='{store}/{run.name}'")
    cluster = None
    if n_nodes:
        cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1, "include_dashboard": False}
        )
        others = [cluster.add_node(num_cpus=1, num_gpus=1) for _ in range(n_nodes - 1)]
        overrides += ["engine.kind=ray", f"engine.address='{cluster.address}'"]
        if kill_after_shards:
            threading.Thread(
                target=kill_later, args=(cluster, others[0], run, kill_after_shards), daemon=True
            ).start()
    began = time.monotonic()
    try:
        build(load_config(config, overrides), run / "cache")
    finally:
        seconds = time.monotonic() - began
        if cluster is not None:
            import ray

            ray.shutdown()
            cluster.shutdown()
    starts = run.parent / "starts"
    n_starts = len(starts.read_text(encoding="utf-8").splitlines()) if starts.exists() else 0
    starts.unlink(missing_ok=True)
    served = f", {n_starts} starts of vLLM" if n_starts else ""
    print(f"{run.name:<10} {n_nodes or 1} nodes: {seconds:.1f} s{served}", flush=True)
    files = [*(run / "pairs").glob("*.parquet"), *(run / "dataset").rglob("*.parquet")]
    return {path.relative_to(run).as_posix(): file_digest(path) for path in sorted(files)}


def kill_later(cluster: Cluster, node: object, run: Path, n_shards: int) -> None:
    """Kill a node, its workers and all, when so many shards are judged; a server of vLLM where there are some."""
    while len(list((run / "verdicts").glob("part-*.parquet"))) < n_shards:
        time.sleep(0.1)
    starts = run.parent / "starts"
    if starts.exists():
        os.kill(int(starts.read_text(encoding="utf-8").splitlines()[-1]), signal.SIGKILL)
        print("a server was killed", flush=True)
        return
    cluster.remove_node(node, allow_graceful=False)
    there = len(list((run / "verdicts").glob("part-*.parquet")))
    print(f"a node was killed with {there} shards judged", flush=True)


if __name__ == "__main__":
    sys.exit(main())
