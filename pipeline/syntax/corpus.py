"""Near-duplicates of a whole set of programs: bounded memory, several processes, work on disk.

MinHash proposes, exact Jaccard similarity decides, as in `pipeline.syntax.near`, but over files:

1. `write_shingles`: a shard of programs becomes two arrays, the 64-bit hashes of its shingles and where each
   program's begin. Two shingles share a hash with probability 2**-64.
2. `cluster_corpus`: shard by shard, signatures (rensa) and from them one key a band, a column of keys a band on
   disk. Band by band, programs with one key are compared with their neighbours, by signature and, where that says
   near, exactly; a pair that other pairs join already is left out. What grows with the programs in memory is one
   column of keys, the labels, and one band's pairs.

Source of the method: Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", chapter 3.
"""

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash
from rensa import RMinHash
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from pairsmith.pipeline.syntax.near import BAND_ROWS, N_PERMUTATIONS, SEED, SHINGLE_TOKENS

N_BANDS = N_PERMUTATIONS // BAND_ROWS
NEIGHBOURS = 4  # programs of one key that each is compared with; a chain of them joins larger groups
PAIRS_AT_ONCE = 20_000  # of which the hashes are in memory at the same time
MARGIN = 0.1  # how far an estimate may lie below: at 0.85 three standard errors, sqrt(0.85 * 0.15 / 128) = 0.032

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shard:
    """Files of one shard: `hashes` has all programs' shingles one behind the other, `starts` one place more."""

    hashes: Path
    starts: Path

    def load(self) -> tuple[Hashes, Places]:
        """Return both arrays, mapped from disk."""
        return np.load(self.hashes, mmap_mode="r"), np.load(self.starts)


@dataclass(frozen=True, slots=True)
class NearPairs:
    """What was found.

    Attributes:
        labels: number of each program's cluster, in the order of the shards.
        edges: pairs (i, j), each with a similarity of at least the threshold, that join the clusters.
        n_compared: pairs whose similarity was computed.
    """

    labels: Places
    edges: Places
    n_compared: int


def hash_shingles(tokens: Sequence[bytes]) -> Hashes:
    """Return the hashes of a program's 5-grams of tokens, sorted, each once; a shorter program is one shingle."""
    if len(tokens) < SHINGLE_TOKENS:
        grams: Iterable[bytes] = [b"\0".join(tokens)]
    else:
        parts = zip(*(tokens[start:] for start in range(SHINGLE_TOKENS)), strict=False)
        grams = set(map(b"\0".join, parts))
    return np.sort(np.fromiter(map(xxhash.xxh3_64_intdigest, grams), np.uint64))


def write_shingles(programs: Iterable[Hashes], folder: Path, name: str) -> Shard:
    """Write one shard of programs' hashed shingles."""
    rows = list(programs)
    starts = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=starts[1:])
    shard = Shard(folder / f"{name}.hashes.npy", folder / f"{name}.starts.npy")
    np.save(shard.hashes, np.concatenate(rows) if rows else np.zeros(0, np.uint64))
    np.save(shard.starts, starts)
    return shard


def cluster_corpus(shards: Sequence[Shard], threshold: float, folder: Path, workers: int = 1) -> NearPairs:
    """Return the clusters of near programs over all shards.

    Args:
        shards: as `write_shingles` made them.
        threshold: Jaccard similarity from which two programs are near, in (0, 1].
        folder: for signatures and columns of keys, removed at the end.
        workers: processes.
    """
    n = sum(len(np.load(shard.starts, mmap_mode="r")) - 1 for shard in shards)
    context = multiprocessing.get_context("spawn")  # threads of Arrow and polars don't survive a fork
    with ProcessPoolExecutor(workers, mp_context=context) as processes:
        parts = [folder / f"keys.{number}.npy" for number in range(len(shards))]
        signatures = [folder / f"signatures.{number}.npy" for number in range(len(shards))]
        list(processes.map(_write_signatures, shards, parts, signatures))
        labels = np.arange(n, dtype=np.int64)
        edges: list[Places] = []
        n_compared = 0
        for band in range(N_BANDS):
            keys = (
                np.concatenate([np.load(part, mmap_mode="r")[band] for part in parts])
                if parts
                else np.zeros(0, np.uint64)
            )
            pairs = _neighbours(keys, labels)
            n_compared += len(pairs)
            chunks = [pairs[start : start + PAIRS_AT_ONCE] for start in range(0, len(pairs), PAIRS_AT_ONCE)]
            k = len(chunks)
            kept = processes.map(_are_near, chunks, [shards] * k, [signatures] * k, [threshold] * k)
            near = [chunk[keep] for chunk, keep in zip(chunks, kept, strict=True)]
            new = np.concatenate(near) if near else np.zeros((0, 2), np.int64)
            if len(new):
                new = _spanning(new, labels)
                edges.append(new)
                labels = _relabel(labels, new)
    for part in (*parts, *signatures):
        part.unlink()
    return NearPairs(labels, np.concatenate(edges) if edges else np.zeros((0, 2), np.int64), n_compared)


def _write_signatures(shard: Shard, keys_path: Path, signatures_path: Path) -> None:
    """Write a shard's signatures, one row a program, and their keys, one row a band."""
    hashes, starts = shard.load()
    n, step = len(starts) - 1, 20_000
    keys = np.empty((N_BANDS, n), np.uint64)
    signatures = np.empty((n, N_PERMUTATIONS), np.uint32)
    for first in range(0, n, step):
        last = min(first + step, n)
        own = np.ascontiguousarray(hashes[starts[first] : starts[last]])
        offsets = (starts[first : last + 1] - starts[first]).astype(np.uint64)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(own, offsets, N_PERMUTATIONS, SEED)
        signatures[first:last] = matrix.to_rows()
        bands = signatures[first:last].reshape(last - first, N_BANDS, BAND_ROWS)
        mixed = np.zeros((last - first, N_BANDS), np.uint64)
        for row in range(BAND_ROWS):  # one hash of the band's rows: multiply and mix, as in splitmix64
            mixed = (mixed ^ bands[:, :, row]) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        keys[:, first:last] = mixed.T
    np.save(keys_path, keys)
    np.save(signatures_path, signatures)


def _neighbours(keys: Hashes, labels: Places) -> Places:
    """Return the pairs of programs of one key, next to each other, that no cluster joins yet.

    All members of a cluster take part, since one that stands for it need not be near to what another is near to.
    """
    order = np.argsort(keys, kind="stable")
    ordered, clusters = keys[order], labels[order]
    found = []
    for distance in range(1, NEIGHBOURS + 1):
        same = ordered[distance:] == ordered[:-distance]
        same &= clusters[distance:] != clusters[:-distance]
        found.append(np.stack([order[:-distance][same], order[distance:][same]], axis=1))
    pairs: Places = np.sort(np.concatenate(found), axis=1)
    return pairs


def _are_near(
    pairs: Places, shards: Sequence[Shard], signatures: Sequence[Path], threshold: float
) -> npt.NDArray[np.bool_]:
    """Return which pairs have an exact Jaccard similarity of at least the threshold."""
    near = _estimates(pairs, signatures) >= threshold - MARGIN
    near[near] = similarities(pairs[near], shards) >= threshold - 1e-12
    return near


def _estimates(pairs: Places, signatures: Sequence[Path]) -> npt.NDArray[np.float64]:
    """Return the similarity of each pair as their signatures tell it: the share of equal places."""
    loaded = [np.load(path, mmap_mode="r").view(np.ndarray) for path in signatures]
    ends = np.cumsum([len(part) for part in loaded])
    rows = np.empty((pairs.size, N_PERMUTATIONS), np.uint32)
    places = pairs.T.ravel()
    home = np.searchsorted(ends, places, side="right")
    for number, part in enumerate(loaded):
        mine = home == number
        rows[mine] = part[places[mine] - (int(ends[number - 1]) if number else 0)]
    return np.array((rows[: len(pairs)] == rows[len(pairs) :]).mean(axis=1), np.float64)


def similarities(pairs: Places, shards: Sequence[Shard]) -> npt.NDArray[np.float64]:
    """Return the exact Jaccard similarity of each pair."""
    owner, values = _gather(pairs.T.ravel(), shards)
    sizes = np.bincount(owner, minlength=pairs.size)
    owner %= max(len(pairs), 1)
    order = np.lexsort((values, owner))
    values, owner = values[order], owner[order]
    twice = (values[1:] == values[:-1]) & (owner[1:] == owner[:-1])
    common = np.bincount(owner[1:][twice], minlength=len(pairs))
    both = sizes[: len(pairs)] + sizes[len(pairs) :]
    return np.asarray(common / np.maximum(both - common, 1), np.float64)


def _gather(places: Places, shards: Sequence[Shard]) -> tuple[Places, Hashes]:
    """Return the hashes of programs, and for each hash the number of its program in `places`, in any order."""
    loaded = [shard.load() for shard in shards]
    ends = np.cumsum([len(starts) - 1 for _, starts in loaded])
    home = np.searchsorted(ends, places, side="right")
    owners: list[Places] = [np.zeros(0, np.int64)]
    values: list[Hashes] = [np.zeros(0, np.uint64)]
    for number, (hashes, starts) in enumerate(loaded):
        mine = np.flatnonzero(home == number)
        own = places[mine] - (int(ends[number - 1]) if number else 0)
        sizes = starts[own + 1] - starts[own]
        begins = np.cumsum(sizes) - sizes
        spots = np.repeat(starts[own] - begins, sizes) + np.arange(int(sizes.sum()))
        owners.append(np.repeat(mine, sizes))
        values.append(hashes.view(np.ndarray)[spots])
    return np.concatenate(owners), np.concatenate(values)


def _spanning(pairs: Places, labels: Places) -> Places:
    """Return pairs once each, without those that join programs of one cluster."""
    pairs = np.unique(pairs, axis=0)
    apart: Places = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]
    return apart


def _relabel(labels: Places, pairs: Places) -> Places:
    """Return the clusters with these pairs joined too."""
    n = len(labels)
    joined = labels[pairs]
    graph = coo_matrix((np.ones(len(pairs), np.int8), (joined[:, 0], joined[:, 1])), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    return np.array(component[labels], np.int64)
