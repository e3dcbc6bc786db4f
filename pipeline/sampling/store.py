"""The sample store: what was drawn, by candidate id, in one SQLite file that several runs may share.

Each sample is committed as it is drawn, so a killed run loses only what the model was working on. SQLite's
write-ahead log lets runs of one machine read and write at the same time; the file must lie on a local disk.
"""

import contextlib
import dataclasses
import json
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pairsmith.pipeline.sampling.errors import SamplingError
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.pair import Message

FORMAT = 1  # raise it when a row can't be read as before
_WAIT_S = 60.0  # for another run's commit
_ASKED_AT_ONCE = 500  # SQLite takes at least 999 parameters a statement
_LEVEL = 1  # zlib's fastest halves a candidate


class SampleStore:
    """Samples by candidate id. May be used from several threads."""

    def __init__(self, path: Path) -> None:
        """Open a store, making it if it isn't there.

        Raises:
            SamplingError: if the file can't be made, is no store, or was written by a newer pairsmith.
        """
        self.path = path
        self._lock = threading.Lock()
        with self._told():
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
        if found not in (0, FORMAT):
            self._database.close()
            raise SamplingError(f"{path}: a sample store of format {found}, not {FORMAT}; set sampling.store")

    def add(self, candidate: Candidate) -> None:
        """Keep a sample, at once; one that is there stays as it is.

        Raises:
            SamplingError: if it can't be written.
        """
        row = zlib.compress(json.dumps(dataclasses.asdict(candidate)).encode(), _LEVEL)
        with self._told(), self._lock:
            self._database.execute(
                "INSERT OR IGNORE INTO sample VALUES (?, ?)", (bytes.fromhex(candidate.candidate_id), row)
            )

    def find(self, ids: Iterable[str]) -> dict[str, Candidate]:
        """Return those samples that are there, by candidate id."""
        keys = [bytes.fromhex(identity) for identity in ids]
        found = {}
        for start in range(0, len(keys), _ASKED_AT_ONCE):
            part = keys[start : start + _ASKED_AT_ONCE]
            marks = ", ".join("?" * len(part))
            with self._told(), self._lock:
                rows = self._database.execute(f"SELECT id, row FROM sample WHERE id IN ({marks})", part).fetchall()
            found.update({key.hex(): _candidate(row) for key, row in rows})
        return found

    def __len__(self) -> int:
        """Return how many samples there are."""
        with self._told(), self._lock:
            (n,) = self._database.execute("SELECT count(*) FROM sample").fetchone()
        return int(n)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, zlib.error, ValueError) as error:
            raise SamplingError(
                f"{self.path}: the sample store can't be used ({error}); move it away, or set sampling.store"
            ) from error


def _candidate(row: bytes) -> Candidate:
    values: dict[str, Any] = json.loads(zlib.decompress(row))
    values["context"] = tuple(Message(**message) for message in values["context"])
    values["token_logprobs"] = tuple(values["token_logprobs"])
    return Candidate(**values)
