"""The run folder: one folder a stage, whole shards only, the manifest last.

A shard is a Parquet file written under a temporary name, synced, then renamed. Its metadata carries a key: the
digest of the stage's configuration and of its inputs' content. A shard whose key is the wanted one is never made
again, whatever killed the run that made it. A manifest is written when all shards are there, and says so.
"""

import contextlib
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.run.digests import as_table, content_digest, file_digest, some_files
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.arrow import from_table
from pairsmith.schemas.manifest import Manifest, ShardFile

MANIFEST = "manifest.json"
_COMPRESSION_LEVEL = 3  # zstd 3 halves snappy's size on code at little cost
_TEMPORARY = ".partial"
_SUM = "pairsmith:sum"  # of a shard's other metadata; older shards have none
_written: dict[Path, "_Written"] = {}  # shards that this process wrote; what they hold need not be read again
_followers: dict[Path, Callable[[Path], None]] = {}  # of this process, by the folder that they follow


class FolderError(PairsmithError):
    """The run folder can't be read or written."""


@dataclass(frozen=True)
class Shard:
    """What a stage makes of one shard."""

    records: Sequence[Any] | pa.Table  # the rows, sorted; a table has the record's columns
    n_in: int  # rows read
    dropped: Mapping[str, int] = field(default_factory=dict)  # rows left out, by reason
    counts: Mapping[str, int] = field(default_factory=dict)  # what else is worth counting
    # digest of what each row depends on besides its own candidate, of all rows or by `problem_id`; empty where
    # rows aren't reused
    reuse: str | Mapping[str, str] = ""


@dataclass(frozen=True, slots=True)
class _Written:
    """A shard as this process wrote it. It holds while the file has the same `mark`: inode, bytes, time."""

    mark: tuple[int, int, int]
    metadata: Mapping[str, str]
    n_rows: int
    sha256: str


class StageFolder:
    """The folder of one stage; made when it is first written to."""

    def __init__(self, run: Path, stage: str, record: type) -> None:
        """Name a stage of a run and the type of its rows; touches nothing."""
        self.stage, self.path, self.record = stage, run / stage, record

    def manifest(self) -> Manifest | None:
        """Return the manifest, None if the stage is not done (or was begun again)."""
        try:
            return Manifest.from_json((self.path / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            raise FolderError(f"{self.path / MANIFEST}: {error}; delete it to make the stage again") from None

    def holds(self, fingerprint: str) -> bool:
        """Return whether the stage is done for this fingerprint, its files there and whole (see `some_files`)."""
        manifest = self.manifest()
        if manifest is None or manifest.fingerprint != fingerprint:
            return False
        files = {self.path / file.name: file.sha256 for file in manifest.files}
        return all(map(Path.is_file, files)) and all(_sha256(path) == files[path] for path in some_files(files))

    def has_shard(self, name: str, key: str) -> bool:
        """Return whether a whole shard of this name and key is there, its rows as they were written."""
        try:
            metadata = _metadata(self.path / name)
            if metadata.get("pairsmith:key") != key or metadata.get(_SUM) not in (None, _sum(metadata)):
                return False
            if self.was_just_written(name):
                return True
            return content_digest(self.read(name), self.record) == metadata.get("pairsmith:content")
        except (FolderError, OSError, ValueError, pa.ArrowException):
            return False

    def was_just_written(self, name: str) -> bool:
        """Return whether a shard is as this process wrote it."""
        return _known(self.path / name) is not None

    def write_shard(self, name: str, key: str, shard: Shard) -> Path:
        """Write one shard at once or not at all; return its path. The stage is not done from then on."""
        data, metadata, n_rows = self._encode(key, shard)
        with contextlib.suppress(OSError):  # a folder that can't be changed is told by the write
            (self.path / MANIFEST).unlink(missing_ok=True)
        path = self.path / name
        write_whole(path, data)
        _written[path] = _Written(_mark(path), metadata, n_rows, hashlib.sha256(data).hexdigest())
        return path

    def _encode(self, key: str, shard: Shard) -> tuple[bytes, dict[str, str], int]:
        """Return the bytes of a shard, its metadata, and its number of rows: equal shards, equal bytes."""
        table = as_table(shard.records, self.record)
        metadata = {
            **_plain(table.schema.metadata or {}),
            "pairsmith:key": key,
            "pairsmith:content": content_digest(shard.records, self.record),
            "pairsmith:n_in": str(shard.n_in),
            "pairsmith:dropped": json.dumps(dict(shard.dropped), sort_keys=True),
            "pairsmith:counts": json.dumps(dict(shard.counts), sort_keys=True),
        }
        if reuse := shard.reuse:
            text = reuse if isinstance(reuse, str) else json.dumps(dict(reuse), sort_keys=True)
            metadata["pairsmith:reuse"] = text
        metadata[_SUM] = _sum(metadata)
        table = table.replace_schema_metadata(metadata)
        options = {"write_page_index": True, "write_page_checksum": True}
        data = as_parquet(table, compression_level=_COMPRESSION_LEVEL, **options)
        return data, metadata, table.num_rows

    def _sign(self, name: str) -> None:
        """Have an earlier process's shard be what its rows give: no check of rows sees an index or statistics."""
        if self.was_just_written(name):
            return
        records, path = self.read(name), self.path / name
        metadata = _metadata(path)
        dropped, counts = (json.loads(metadata[f"pairsmith:{part}"]) for part in ("dropped", "counts"))
        shard = Shard(
            records, int(metadata["pairsmith:n_in"]), dropped, counts, metadata.get("pairsmith:reuse", "")
        )
        data, _, _ = self._encode(metadata["pairsmith:key"], shard)
        if data != path.read_bytes():
            write_whole(path, data)

    def read(self, name: str) -> list[Any]:
        """Return the records of one shard.

        Raises:
            FolderError: if it is not there or broken.
        """
        path = self.path / name
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:  # `read_table` loads pandas
                return from_table(file.read(), self.record)
        except FileNotFoundError:
            raise FolderError(f"{path}: no such shard; run the stage again") from None
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            words = error.args[0] if isinstance(error, KeyError) else error
            reason = str(words).partition("\n")[0]
            raise FolderError(f"{path}: can't be read ({reason}); delete it to make it again") from None

    def reusable(self, name: str, reuse: str) -> list[Any]:
        """Return the rows of a whole shard that was written with this `Shard.reuse`, else none."""
        return (self._whole_rows(name) or []) if self._noted(name, "reuse") == reuse else []

    def reusable_by_problem(self, name: str, reuse: Mapping[str, str]) -> dict[str, list[Any]]:
        """Return by problem the rows of a whole shard that was written with these `Shard.reuse` of them.

        A problem that had none has an empty list; one with outdated rows is left out.
        """
        try:
            written = json.loads(self._noted(name, "reuse") or "{}")
            same = {problem for problem, key in reuse.items() if written.get(problem) == key}
        except (ValueError, AttributeError):
            return {}
        rows = self._whole_rows(name) if same else None
        if rows is None:
            return {}
        found: dict[str, list[Any]] = {problem: [] for problem in same}
        for row in rows:
            if row.problem_id in same:
                found[row.problem_id].append(row)
        return found

    def _noted(self, name: str, part: str) -> str:
        """Return one entry of a shard's metadata; empty where it has none or can't be read."""
        try:
            return _metadata(self.path / name).get(f"pairsmith:{part}", "")
        except (OSError, ValueError, pa.ArrowException):
            return ""

    def _whole_rows(self, name: str) -> list[Any] | None:
        """Return the rows of a shard, None where they are not as they were written."""
        try:
            rows = self.read(name)
            content = _metadata(self.path / name).get("pairsmith:content")
        except (FolderError, OSError, ValueError, pa.ArrowException):
            return None
        return rows if content_digest(rows, self.record) == content else None

    def read_all(self) -> list[Any]:
        """Return the records of all shards, in the order of their names."""
        return [record for name in self.shard_names() for record in self.read(name)]

    def shard_names(self) -> list[str]:
        """Return the names of the manifest's shards, else of those that are there, sorted."""
        manifest = self.manifest()
        if manifest is not None:
            return [file.name for file in manifest.files]  # a stray copy beside them doesn't count
        return sorted(path.name for path in self.path.glob("*.parquet"))

    def counts(self, name: str) -> dict[str, int]:
        """Return what one shard counted; nothing for a file that can't be read."""
        counts: dict[str, int] = json.loads(self._noted(name, "counts") or "{}")
        return counts

    def n_rows(self, name: str) -> int:
        """Return the number of rows of one shard."""
        known = _known(self.path / name)
        return known.n_rows if known is not None else int(pq.read_metadata(self.path / name).num_rows)

    def key(self, name: str) -> str:
        """Return the key under which a shard was written; empty for a file that has none or can't be read."""
        return self._noted(name, "key")

    def content(self, name: str) -> str:
        """Return the content digest of one shard: equal rows, measured columns apart, give equal digests."""
        return _metadata(self.path / name)["pairsmith:content"]

    def finish(self, names: Sequence[str], fingerprint: str, versions: Mapping[str, str]) -> Manifest:
        """Write the manifest over these shards, and remove all others. The stage is done then."""
        (self.path / MANIFEST).unlink(missing_ok=True)
        for name in set(self.shard_names()) - set(names):
            (self.path / name).unlink()
        for left in self.path.glob(f"*{_TEMPORARY}"):
            left.unlink()
        for name in names:
            self._sign(name)
        files, n_in = [], 0
        dropped: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        for name in sorted(names):
            metadata = _metadata(self.path / name)
            sha256, content = _sha256(self.path / name), metadata["pairsmith:content"]
            files.append(ShardFile(name, self.n_rows(name), sha256, content))
            n_in += int(metadata["pairsmith:n_in"])
            dropped.update(json.loads(metadata["pairsmith:dropped"]))
            counts.update(json.loads(metadata["pairsmith:counts"]))
        n_out = sum(file.rows for file in files)
        manifest = Manifest(
            self.stage, fingerprint, n_in, n_out, dict(dropped), dict(counts), tuple(files), dict(versions)
        )
        write_whole(self.path / MANIFEST, manifest.to_json().encode())
        return manifest


def shard_name(index: int, prefix: str = "part") -> str:
    """Return the file name of a shard, such as `part-00003.parquet`."""
    return f"{prefix}-{index:05d}.parquet"


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    """Return a table as a file, compressed by zstd."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", **options)
    return sink.getvalue()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, sync it, then rename it: it is there whole or not at all.

    Raises:
        FolderError: no space, no permission; names the file.
    """
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = error.strerror or error
        raise FolderError(f"{path}: {reason}; fix this and run again, files already written are kept") from None
    for root, on_written in list(_followers.items()):
        if path.is_relative_to(root):
            on_written(path)


def read_tree(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds; empty where there is none that can be read."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


@contextlib.contextmanager
def following(root: Path, on_written: Callable[[Path], None]) -> Iterator[None]:
    """Have `on_written` called with each file below a folder that `write_whole` has written, once it is there."""
    _followers[root] = on_written
    try:
        yield
    finally:
        del _followers[root]


def _metadata(path: Path) -> Mapping[str, str]:
    known = _known(path)
    return known.metadata if known is not None else _plain(pq.read_schema(path).metadata or {})


def _plain(metadata: Mapping[str | bytes, str | bytes]) -> dict[str, str]:
    def text(given: str | bytes) -> str:
        return given.decode() if isinstance(given, bytes) else given

    return {text(key): text(value) for key, value in metadata.items()}


def _sum(metadata: Mapping[str, str]) -> str:
    named = {key: value for key, value in metadata.items() if key.startswith("pairsmith:") and key != _SUM}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]


def _known(path: Path) -> _Written | None:
    """Return what this process wrote at a path, None where the file is another one by now."""
    written = _written.get(path)
    try:
        return written if written is not None and written.mark == _mark(path) else None
    except OSError:
        return None


def _mark(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _sha256(path: Path) -> str:
    known = _known(path)
    return known.sha256 if known is not None else file_digest(path)
