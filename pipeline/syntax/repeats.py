"""Near-duplicate programs over all problems of a run: what one problem's training may tell of another's test."""

import io
import multiprocessing
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.syntax.corpus import Shard, cluster_corpus, hash_shingles, write_shingles
from pairsmith.pipeline.syntax.fingerprints import SORTED
from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.repeat import Repeat

NAME = "repeats.parquet"


@dataclass(frozen=True, slots=True)
class Repeats:
    """What was found.

    Attributes:
        n_programs: programs that parse; n_clusters near-duplicate clusters among them.
        rows: the programs of clusters that span several problems, by cluster and candidate.
    """

    n_programs: int
    n_clusters: int
    rows: tuple[Repeat, ...]

    def clusters(self) -> dict[int, list[Repeat]]:
        """Return the clusters that span several problems."""
        found: dict[int, list[Repeat]] = defaultdict(list)
        for row in self.rows:
            found[row.cluster].append(row)
        return dict(found)

    def crossing(self) -> list[int]:
        """Return the clusters that hold programs of problems of both splits."""
        return [key for key, rows in self.clusters().items() if {"train", "test"} <= {row.split for row in rows}]


def find_repeats(run: Path, threshold: float, workers: int = 1) -> Repeats:
    """Return the near-duplicates over all problems of a run, and write them into `repeats.parquet` there.

    Memory is bounded (see `pipeline.syntax.corpus`): a shard is read at a time, by each worker.

    Args:
        run: folder of a run whose programs are there.
        threshold: Jaccard similarity from which two programs are near, in (0, 1].
        workers: processes.

    Raises:
        PairsmithError: if the run has no programs.
    """
    names = stage_folder(run, "programs").shard_names()
    if not names:
        raise PairsmithError(f"{run}: no programs in there; name a folder that `pairsmith build` wrote")
    context = multiprocessing.get_context("spawn")  # threads of Arrow and polars don't survive a fork
    with tempfile.TemporaryDirectory(dir=run) as temporary:
        folder = Path(temporary)
        with ProcessPoolExecutor(workers, mp_context=context) as processes:
            parts = list(processes.map(_write_shard, [run] * len(names), names, [folder] * len(names)))
        labels = cluster_corpus([shard for shard, _ in parts], threshold, folder, workers).labels.tolist()
    owners = [owner for _, part in parts for owner in part]
    rows = _across_problems(owners, labels, _splits(run))
    sink = io.BytesIO()
    pq.write_table(to_table(rows, Repeat), sink, compression="zstd")
    write_whole(run / NAME, sink.getvalue())
    return Repeats(len(owners), len(set(labels)), rows)


def _write_shard(run: Path, name: str, folder: Path) -> tuple[Shard, list[tuple[str, str]]]:
    """Write the shingles of one shard's programs; return it with each program's candidate and problem."""
    problems: list[Problem] = stage_folder(run, "problems").read(name)
    languages = {row.problem_id: row.language for row in problems}
    programs: list[Program] = stage_folder(run, "programs").read(name)
    hashes, owners = [], []
    for row in programs:
        tokens = analyse(row.code, languages[row.problem_id], SORTED).tokens
        if tokens is not None:
            hashes.append(hash_shingles(tokens))
            owners.append((row.candidate_id, row.problem_id))
    return write_shingles(hashes, folder, Path(name).stem), owners


def _splits(run: Path) -> dict[str, str]:
    files = sorted((run / "pairs").glob("*.parquet"))
    if not files:
        return {}
    rows = pl.scan_parquet(files).select("problem_id", "split").unique().collect()
    return dict(rows.iter_rows())


def _across_problems(
    owners: list[tuple[str, str]], labels: list[int], splits: dict[str, str]
) -> tuple[Repeat, ...]:
    problems: dict[int, set[str]] = defaultdict(set)
    for (_, problem_id), label in zip(owners, labels, strict=True):
        problems[label].add(problem_id)
    rows = (
        Repeat(candidate_id, problem_id, splits.get(problem_id, ""), label)
        for (candidate_id, problem_id), label in zip(owners, labels, strict=True)
        if len(problems[label]) > 1
    )
    return tuple(sorted(rows, key=lambda row: (row.cluster, row.candidate_id)))
