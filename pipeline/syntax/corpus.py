"""Near-duplicates over all problems of a run: training on one problem may leak the test of another.

MinHash proposes, exact Jaccard similarity decides, as in `pipeline.syntax.duplicates`. Programs with equal
shingles are compared once, and a pair that other pairs join already is not compared.
"""

import multiprocessing
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scipy.cluster.hierarchy import DisjointSet

from pairsmith.pipeline.chain.table import scan_stage, stage_folder
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import as_parquet, write_whole
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.syntax.duplicates import Shingles, hash_shingles, jaccard
from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.candidate import Program, Repeat
from pairsmith.schemas.problem import Problem

NAME = "repeats.parquet"


def cluster_corpus(programs: Sequence[Shingles], threshold: float) -> list[int]:
    """Return the number of each program's cluster: that of its first program.

    Args:
        threshold: Jaccard similarity from which two programs are near, in [0.7, 1].
    """
    firsts: dict[Shingles, int] = {}
    for place, shingles in enumerate(programs):
        firsts.setdefault(shingles, place)
    distinct = list(firsts)
    index, hashes = hash_shingles(distinct)
    clusters = DisjointSet(range(len(distinct)))
    for j, hashed in enumerate(hashes):
        for i in index.query(hashed):
            if i < j and not clusters.connected(i, j) and jaccard(distinct[i], distinct[j]) >= threshold:
                clusters.merge(i, j)
    labels = {distinct[place]: firsts[distinct[min(part)]] for part in clusters.subsets() for place in part}
    return [labels[shingles] for shingles in programs]


@dataclass(frozen=True, slots=True)
class Repeats:
    """What was found in a run."""

    n_programs: int  # programs that parse; n_clusters near-duplicate clusters among them
    n_clusters: int
    rows: tuple[Repeat, ...]  # the programs of clusters that span several problems, by cluster and candidate

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

    Args:
        threshold: Jaccard similarity from which two programs are near, in [0.7, 1].

    Raises:
        PairsmithError: if the run has no programs.
    """
    names = stage_folder(run, "programs").shard_names()
    if not names:
        raise PairsmithError(f"{run}: no programs; give a folder that `pairsmith build` wrote")
    context = multiprocessing.get_context("spawn")  # threads of Arrow and polars don't survive a fork
    with ProcessPoolExecutor(workers, mp_context=context) as processes:
        found = [row for part in processes.map(_read_shard, [run] * len(names), names) for row in part]
    labels = cluster_corpus([shingles for _, shingles in found], threshold)
    problems: dict[int, set[str]] = defaultdict(set)
    for ((_, problem_id), _), label in zip(found, labels, strict=True):
        problems[label].add(problem_id)
    splits = _splits(run)
    rows = [
        Repeat(candidate_id, problem_id, splits.get(problem_id, ""), label)
        for ((candidate_id, problem_id), _), label in zip(found, labels, strict=True)
        if len(problems[label]) > 1
    ]
    rows.sort(key=lambda row: (row.cluster, row.candidate_id))
    write_whole(run / NAME, as_parquet(to_table(rows, Repeat)))
    return Repeats(len(found), len(problems), tuple(rows))


def _read_shard(run: Path, name: str) -> list[tuple[tuple[str, str], Shingles]]:
    """Return candidate and problem of each program of a shard that parses, with its shingles."""
    problems: list[Problem] = stage_folder(run, "problems").read(name)
    languages = {row.problem_id: row.language for row in problems}
    programs: list[Program] = stage_folder(run, "programs").read(name)
    return [
        ((row.candidate_id, row.problem_id), shingles)
        for row in programs
        if (shingles := analyse(row.code, languages[row.problem_id]).shingles()) is not None
    ]


def _splits(run: Path) -> dict[str, str]:
    return dict(scan_stage(run, "pairs").select("problem_id", "split").unique().collect().iter_rows())
