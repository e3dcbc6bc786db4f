"""Near-duplicates over all problems of a run: what one problem's training may tell of another's test.

MinHash proposes, exact Jaccard similarity decides, as in `pipeline.syntax.duplicates`, but over arrays of 64-bit
hashes of shingles, of which two are equal by chance with probability 2**-64. Band by band, programs with one key
are compared with their neighbours, by signature and, where that says near, exactly; a pair that other pairs join
already is left out.

Source of the method: Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", chapter 3.
"""

import io
import multiprocessing
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq
import xxhash
from rensa import RMinHash
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.syntax.duplicates import BAND_ROWS, N_PERMUTATIONS, SEED, SHINGLE_TOKENS
from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.candidate import Program, Repeat
from pairsmith.schemas.problem import Problem

N_BANDS = N_PERMUTATIONS // BAND_ROWS
NEIGHBOURS = 4  # programs of one key that each is compared with; a chain of them joins larger groups
_AT_ONCE = 20_000  # programs, or pairs, that one step holds copies of
MARGIN = 0.1  # how far an estimate may lie below: at 0.85 three standard errors, sqrt(0.85 * 0.15 / 128) = 0.032
NAME = "repeats.parquet"

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NearPairs:
    """What was found."""

    labels: Places  # number of each program's cluster
    edges: Places  # pairs (i, j), each with a similarity of at least the threshold, that join the clusters
    n_compared: int  # pairs whose similarity was computed


def hash_shingles(tokens: Sequence[bytes]) -> Hashes:
    """Return the hashes of a program's 5-grams of tokens, sorted, each once; a shorter program is one shingle."""
    if len(tokens) < SHINGLE_TOKENS:
        grams: Iterable[bytes] = [b"\0".join(tokens)]
    else:
        parts = zip(*(tokens[start:] for start in range(SHINGLE_TOKENS)), strict=False)
        grams = set(map(b"\0".join, parts))
    return np.sort(np.fromiter(map(xxhash.xxh3_64_intdigest, grams), np.uint64))


class Corpus:
    """Programs as the hashes of their shingles, one program behind the other."""

    def __init__(self, programs: Sequence[Hashes]) -> None:
        """Take the hashes of each program, as `hash_shingles` returned them."""
        self.values: Hashes = np.concatenate([*programs, np.zeros(0, np.uint64)])
        self.starts: Places = np.cumsum([0, *map(len, programs)], dtype=np.int64)

    def signatures(self) -> npt.NDArray[np.uint32]:
        """Return the MinHash signature of each program, [programs, N_PERMUTATIONS]."""
        rows = np.empty((len(self.starts) - 1, N_PERMUTATIONS), np.uint32)
        for first in range(0, len(rows), _AT_ONCE):
            starts = self.starts[first : first + _AT_ONCE + 1]
            own = np.ascontiguousarray(self.values[starts[0] : starts[-1]])
            offsets = (starts - starts[0]).astype(np.uint64)
            matrix = RMinHash.digest_matrix_from_flat_token_hashes(own, offsets, N_PERMUTATIONS, SEED)
            rows[first : first + _AT_ONCE] = matrix.to_rows()
        return rows

    def similarities(self, pairs: Places) -> npt.NDArray[np.float64]:
        """Return the exact Jaccard similarity of each pair of programs."""
        places = pairs.T.ravel()
        sizes = np.diff(self.starts)[places]
        begins = np.cumsum(sizes) - sizes
        spots = np.repeat(self.starts[places] - begins, sizes) + np.arange(int(sizes.sum()))
        owner = np.repeat(np.tile(np.arange(len(pairs)), 2), sizes)
        values = self.values[spots]
        order = np.lexsort((values, owner))
        values, owner = values[order], owner[order]
        twice = (values[1:] == values[:-1]) & (owner[1:] == owner[:-1])
        common = np.bincount(owner[1:][twice], minlength=len(pairs))
        both = sizes[: len(pairs)] + sizes[len(pairs) :]
        return np.asarray(common / np.maximum(both - common, 1), np.float64)


def cluster_corpus(programs: Sequence[Hashes], threshold: float) -> NearPairs:
    """Return the clusters of near programs.

    Args:
        threshold: Jaccard similarity from which two programs are near, in (0, 1].
    """
    corpus = Corpus(programs)
    signatures = corpus.signatures()
    labels = np.arange(len(signatures), dtype=np.int64)
    edges = [np.zeros((0, 2), np.int64)]
    n_compared = 0
    for band in range(N_BANDS):
        pairs = _neighbours(signatures[:, band * BAND_ROWS : (band + 1) * BAND_ROWS], labels)
        n_compared += len(pairs)
        near = [np.zeros((0, 2), np.int64)]
        for first in range(0, len(pairs), _AT_ONCE):
            part = pairs[first : first + _AT_ONCE]
            estimates = (signatures[part[:, 0]] == signatures[part[:, 1]]).mean(axis=1)
            part = part[estimates >= threshold - MARGIN]
            near.append(part[corpus.similarities(part) >= threshold - 1e-12])
        edges += near
        labels = _relabel(labels, np.concatenate(near))
    return NearPairs(labels, np.concatenate(edges), n_compared)


def _neighbours(rows: npt.NDArray[np.uint32], labels: Places) -> Places:
    """Return the pairs of programs with equal rows of a band, next to each other, that no cluster joins yet.

    All members of a cluster take part, since one that stands for it need not be near to what another is near to.
    """
    keys = np.zeros(len(rows), np.uint64)
    for row in rows.T:  # one hash of the band's rows: multiply and mix, as in splitmix64
        keys = (keys ^ row) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    order = np.argsort(keys, kind="stable")
    ordered, clusters = keys[order], labels[order]
    found = []
    for distance in range(1, NEIGHBOURS + 1):
        same = ordered[distance:] == ordered[:-distance]
        same &= clusters[distance:] != clusters[:-distance]
        found.append(np.stack([order[:-distance][same], order[distance:][same]], axis=1))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _relabel(labels: Places, pairs: Places) -> Places:
    """Return the clusters with these pairs joined too."""
    n = len(labels)
    joined = labels[pairs]
    graph = coo_matrix((np.ones(len(pairs), np.int8), (joined[:, 0], joined[:, 1])), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    return np.array(component[labels], np.int64)


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
        threshold: Jaccard similarity from which two programs are near, in (0, 1].
        workers: processes that read shards.

    Raises:
        PairsmithError: if the run has no programs.
    """
    names = stage_folder(run, "programs").shard_names()
    if not names:
        raise PairsmithError(f"{run}: no programs in there; name a folder that `pairsmith build` wrote")
    context = multiprocessing.get_context("spawn")  # threads of Arrow and polars don't survive a fork
    with ProcessPoolExecutor(workers, mp_context=context) as processes:
        found = [row for part in processes.map(_read_shard, [run] * len(names), names) for row in part]
    labels = cluster_corpus([hashes for _, hashes in found], threshold).labels.tolist()
    rows = _across_problems([program for program, _ in found], labels, _splits(run))
    sink = io.BytesIO()
    pq.write_table(to_table(rows, Repeat), sink, compression="zstd")
    write_whole(run / NAME, sink.getvalue())
    return Repeats(len(found), len(set(labels)), rows)


def _read_shard(run: Path, name: str) -> list[tuple[tuple[str, str], Hashes]]:
    """Return candidate and problem of each program of a shard that parses, with the hashes of its shingles."""
    problems: list[Problem] = stage_folder(run, "problems").read(name)
    languages = {row.problem_id: row.language for row in problems}
    programs: list[Program] = stage_folder(run, "programs").read(name)
    return [
        ((row.candidate_id, row.problem_id), hash_shingles(tokens))
        for row in programs
        if (tokens := analyse(row.code, languages[row.problem_id]).tokens) is not None
    ]


def _splits(run: Path) -> dict[str, str]:
    files = sorted((run / "pairs").glob("*.parquet"))
    if not files:
        return {}
    rows = pl.scan_parquet(files).select("problem_id", "split").unique().collect()
    return dict(rows.iter_rows())


def _across_problems(
    programs: Sequence[tuple[str, str]], labels: Sequence[int], splits: dict[str, str]
) -> tuple[Repeat, ...]:
    problems: dict[int, set[str]] = defaultdict(set)
    for (_, problem_id), label in zip(programs, labels, strict=True):
        problems[label].add(problem_id)
    rows = (
        Repeat(candidate_id, problem_id, splits.get(problem_id, ""), label)
        for (candidate_id, problem_id), label in zip(programs, labels, strict=True)
        if len(problems[label]) > 1
    )
    return tuple(sorted(rows, key=lambda row: (row.cluster, row.candidate_id)))
