"""A run on two Ray nodes beside one on a single machine, and one whose second node is killed in the middle.

    python -m benchmarks.two_nodes
    python -m benchmarks.two_nodes --store s3

Both nodes are on this machine (`ray.cluster_utils.Cluster`). Prints the seconds of each
run and whether pairs and dataset are the same, byte for byte; exits with 1 where they are not.
"""

import argparse
import contextlib
import sys
import tempfile
import threading
import time
from pathlib import Path

from ray.cluster_utils import Cluster

from pairsmith.flows.build import build
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
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pairsmith-nodes-"))
    config = write_problems(folder, options.problems, published=False, slow_s=options.seconds)
    serve = s3_server() if options.store == "s3" else contextlib.nullcontext()
    address = {"file": f"file://{folder}/store", "s3": f"s3://{BUCKET}/nodes"}.get(options.store, "")
    with serve:
        alone = run_once(config, folder / "alone")
        together = run_once(config, folder / "together", 2, store=address)
        bereft = run_once(config, folder / "bereft", 2, kill_after_shards=3, store=address)
    same = [alone == other for other in (together, bereft)]
    print(f"{len(alone)} files; two nodes the same: {same[0]}; a node killed, the same: {same[1]}")
    return 0 if all(same) else 1


def run_once(
    config: Path, run: Path, n_nodes: int = 0, kill_after_shards: int = 0, store: str = ""
) -> dict[str, str]:
    """Build once; return the digests of pairs and dataset by path."""
    overrides = [f"run={run}", "crosscheck.n_timed_runs=0", "sandbox.workers=1"]
    if store:
        overrides.append(f"store='{store}/{run.name}'")
    cluster = None
    if n_nodes:
        cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1, "include_dashboard": False}
        )
        others = [cluster.add_node(num_cpus=1, num_gpus=1) for _ in range(n_nodes - 1)]
        overrides += ["engine.kind=ray", f"engine.address='{cluster.address}'", "engine.judge_cpus=1"]
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
    print(f"{run.name:<10} {n_nodes or 1} nodes: {seconds:.1f} s", flush=True)
    files = [*(run / "pairs").glob("*.parquet"), *(run / "dataset").rglob("*.parquet")]
    return {path.relative_to(run).as_posix(): file_digest(path) for path in sorted(files)}


def kill_later(cluster: Cluster, node: object, run: Path, n_shards: int) -> None:
    """Kill a node, its workers and all, when so many shards are judged."""
    while len(list((run / "verdicts").glob("part-*.parquet"))) < n_shards:
        time.sleep(0.1)
    cluster.remove_node(node, allow_graceful=False)
    there = len(list((run / "verdicts").glob("part-*.parquet")))
    print(f"a node was killed with {there} shards judged", flush=True)


if __name__ == "__main__":
    sys.exit(main())
