"""The sample store: what was drawn, by candidate id, in one SQLite file that several runs may share.

Each sample is committed as it is drawn, so a killed run loses only what the model was working on. SQLite's
write-ahead log lets runs of one machine read and write at the same time; the file must lie on a local disk. Rows
are checked as they are read: a damaged one, or one with impossible numbers, counts as missing and is drawn again.
A file whose pages are damaged is reported in one line; SQLite's own `.recover` keeps what can be read of it.
"""

import contextlib
import dataclasses
import json
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator
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
        """Keep a sample, at once; one that is there and whole stays as it is."""
        row = zlib.compress(json.dumps(dataclasses.asdict(candidate)).encode(), _LEVEL)
        with self._in_one_line(), self._lock:
            what = "REPLACE" if candidate.candidate_id in self._damaged else "IGNORE"
            self._database.execute(
                f"INSERT OR {what} INTO sample VALUES (?, ?)", (bytes.fromhex(candidate.candidate_id), row)
            )
            self._damaged.discard(candidate.candidate_id)

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

    @contextlib.contextmanager
    def _in_one_line(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, zlib.error, ValueError) as error:
            raise SamplingError(
                f"{self.path}: the sample store can't be used ({error}); `sqlite3 {self.path} .recover` keeps "
                "what can be read, or set sampling.store"
            ) from error


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
