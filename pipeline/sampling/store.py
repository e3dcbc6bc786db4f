"""The sample store: what was drawn, by candidate id, in one SQLite file that several runs may share.

Each sample is committed as it is drawn, so a killed run loses only what the model was working on. SQLite's
write-ahead log lets runs of one machine read and write at the same time; the file must lie on a local disk. Rows
are checked as they are read: a damaged one, or one with impossible numbers, counts as missing and is drawn again.
A file whose pages are damaged is reported in one line; `repair` keeps what can be read of it.
"""

import contextlib
import dataclasses
import json
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from pairsmith.pipeline.sampling.protocol import SamplingError, check_row
from pairsmith.schemas.candidate import Candidate

FORMAT = 1  # raise it when a row can't be read as before
_WAIT_S = 60.0  # for another run's commit
_ASKED_AT_ONCE = 500  # SQLite takes at least 999 parameters a statement
_LEVEL = 1  # zlib's fastest halves a candidate
_MAX_ROW_BYTES = 64 << 20  # unpacked; a completion of a million tokens has a tenth
_ROW = TypeAdapter(Candidate)
_TEXTS = tuple(field.name for field in dataclasses.fields(Candidate) if field.type in (str, "str"))


@dataclass(frozen=True, slots=True)
class StoreState:
    """What reading a whole store found."""

    n_rows: int  # samples that can be read
    n_damaged: int  # rows that can't: a run draws them again
    fault: str  # what SQLite says of the file itself; empty for a whole one


class SampleStore:
    """Samples by candidate id. May be used from several threads."""

    def __init__(self, path: Path) -> None:
        """Open a store, making it if it isn't there.

        Raises:
            SamplingError: if the file can't be made, is no store, or was written by a newer pairsmith.
        """
        self.path = path
        self._lock = threading.Lock()
        self._damaged: set[str] = set()
        with self._in_one_line():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS sample (id BLOB PRIMARY KEY, row BLOB NOT NULL) WITHOUT ROWID"
            )
            (found,) = self._database.execute("PRAGMA user_version").fetchone()
            if found == 0:
                self._database.execute(f"PRAGMA user_version = {FORMAT}")
            self._database.execute("SELECT id, row FROM sample LIMIT 1").fetchall()  # of this form, and readable
        if found not in (0, FORMAT):
            self._database.close()
            raise SamplingError(f"{path}: a sample store of format {found}, not {FORMAT}; set sampling.store")

    def add(self, candidate: Candidate) -> None:
        """Keep a sample, at once; an existing intact one is kept."""
        row = zlib.compress(json.dumps(dataclasses.asdict(candidate)).encode(), _LEVEL)
        with self._in_one_line(), self._lock:
            what = "REPLACE" if candidate.candidate_id in self._damaged else "IGNORE"
            self._database.execute(
                f"INSERT OR {what} INTO sample VALUES (?, ?)", (bytes.fromhex(candidate.candidate_id), row)
            )
            self._damaged.discard(candidate.candidate_id)

    def replace(self, identity: str) -> None:
        """Have the next `add` of a sample replace the one that is there."""
        self._damaged.add(identity)

    def find(self, ids: Iterable[str]) -> dict[str, Candidate]:
        """Return those samples that are there and whole, by candidate id."""
        keys = [bytes.fromhex(identity) for identity in ids]
        found = {}
        for start in range(0, len(keys), _ASKED_AT_ONCE):
            part = keys[start : start + _ASKED_AT_ONCE]
            marks = ", ".join("?" * len(part))
            with self._in_one_line(), self._lock:
                rows = self._database.execute(f"SELECT id, row FROM sample WHERE id IN ({marks})", part).fetchall()
            for key, row in rows:
                candidate = _read_candidate(key.hex(), row)
                if candidate is None:
                    self._damaged.add(key.hex())
                else:
                    found[key.hex()] = candidate
        return found

    def __len__(self) -> int:
        """Return how many samples there are."""
        with self._in_one_line(), self._lock:
            (n,) = self._database.execute("SELECT count(*) FROM sample").fetchone()
        return int(n)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def check(self) -> StoreState:
        """Read every row and page; minutes for a store of gigabytes."""
        try:
            (fault,) = self._database.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.Error as error:
            fault = str(error)
        is_whole = [candidate is not None for candidate in _readable(self._database)]
        return StoreState(sum(is_whole), is_whole.count(False), "" if fault == "ok" else fault)

    @contextlib.contextmanager
    def _in_one_line(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, zlib.error, ValueError) as error:
            raise SamplingError(
                f"{self.path}: the sample store can't be used ({error}); `pairsmith store repair` keeps the "
                "readable samples, or set sampling.store"
            ) from error


def repair(path: Path) -> tuple[int, int, Path]:
    """Make a store anew of the samples that can be read of it; no run may use it meanwhile.

    Returns how many samples were kept, how many damaged rows were left out, and where the old file lies now.

    Raises:
        SamplingError: if there is no such file, or no sample in it can be read.
    """
    if not path.is_file():
        raise SamplingError(f"{path}: no such sample store")
    partial, old = path.with_name(path.name + ".partial"), path.with_name(path.name + ".damaged")
    partial.unlink(missing_ok=True)
    with (
        contextlib.closing(SampleStore(partial)) as fresh,
        contextlib.closing(sqlite3.connect(path, timeout=_WAIT_S)) as damaged,
    ):
        n_kept = n_dropped = 0
        for candidate in _readable(damaged):
            if candidate is None:
                n_dropped += 1
            else:
                fresh.add(candidate)
                n_kept += 1
    if not n_kept:
        partial.unlink()
        raise SamplingError(f"{path}: no sample can be read; move the file")
    for end in ("-wal", "-shm"):  # what they held was read
        path.with_name(path.name + end).unlink(missing_ok=True)
    path.replace(old)
    partial.replace(path)
    return n_kept, n_dropped, old


def _readable(database: sqlite3.Connection) -> Iterator[Candidate | None]:
    """Yield each row that SQLite can read, from both ends up to a damaged page; None for a damaged row."""
    for order in ("ASC", "DESC"):
        try:
            rows = database.execute(f"SELECT CAST(id AS BLOB), CAST(row AS BLOB) FROM sample ORDER BY id {order}")
            for key, row in rows:
                yield _read_candidate(key.hex(), row)
            return
        except sqlite3.Error:
            continue


def _read_candidate(identity: str, row: bytes) -> Candidate | None:
    """Return the sample of a row; None where it is damaged, of wrong types, or holds impossible numbers."""
    try:
        inflate = zlib.decompressobj()
        unpacked = inflate.decompress(row, _MAX_ROW_BYTES)
        if not inflate.eof:
            return None
        candidate = _ROW.validate_json(unpacked, strict=True)
        check_row(candidate)
        texts = [getattr(candidate, name) for name in _TEXTS]
        for text in (*texts, *(message.content + message.role for message in candidate.context)):
            text.encode()
    except (ValueError, TypeError, zlib.error):  # pydantic's and UTF-8's errors are ValueErrors
        return None
    return candidate if candidate.candidate_id == identity else None
