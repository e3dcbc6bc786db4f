"""A folder in a store: list, get, put whole, remove, create once; every fault is one line; and its lease.

Stores have no locks, but they have a conditional put: an object is created only if none of its name exists. A
process locks the folder by creating the object of the next number in `.lease/`; of two that try, one succeeds. The
holder renews its object every few seconds. If it finds a higher number, it was taken for dead and must not write.
"""

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec

from pairsmith.pipeline.run.errors import InfrastructureError, PairsmithError, first_line
from pairsmith.pipeline.run.lock import Owner

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
# Object stores: what is put appears at once when all of it is there. On others it is put beside, then renamed.
_PUTS_WHOLE = frozenset({*_EXTRAS, "abfs", "abfss", "az", "adl"})
_TOKENS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created")  # first known one tells versions apart
_AT_ONCE = 32  # files in work at the same time
_N_LISTINGS = 20


class StoreError(InfrastructureError):
    """The store can't be used, or is away."""


class RemoteFolder:
    """One folder of a store.

    Attributes:
        address: such as `s3://bucket/runs/mine`.
    """

    def __init__(self, address: str) -> None:
        """Name a folder; connects to nothing yet.

        Credentials, regions and addresses of servers come from where each library looks for them, such as
        `AWS_ENDPOINT_URL` and `~/.aws`, or from fsspec's own configuration.

        Raises:
            StoreError: the address is of no known kind, or its library is not installed.
        """
        self.address = address.rstrip("/")
        protocol = address.partition("://")[0]
        try:
            # Listings are never taken from a cache: other machines write too.
            self._system, self._root = fsspec.core.url_to_fs(self.address, use_listings_cache=False)
        except ImportError:
            extra = _EXTRAS.get(protocol)
            remedy = (
                f"pip install 'pairsmith[{extra}]'"
                if extra
                else f"install the package that fsspec needs for {protocol}"
            )
            raise StoreError(f"{self.address}: its library is not installed; {remedy}") from None
        except ValueError as error:
            raise StoreError(f"{self.address}: {error}; known ones are s3, gs, file, memory") from None
        self._puts_whole = protocol in _PUTS_WHOLE

    def list(self, below: str = "") -> dict[str, tuple[str, int]]:
        """Return for each file its path within the folder, its version, and its bytes."""
        with self._in_one_line(below):
            found = self._find(self._path(below))
            cut = len(self._root.rstrip("/")) + 1
            return {name[cut:]: (_token(info), int(info["size"])) for name, info in found.items()}

    def look(self, names: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Return the same as `list` for those of some files that are there; asks for no other."""
        found = {}
        for name in names:
            with self._in_one_line(name), contextlib.suppress(FileNotFoundError):
                info = self._system.info(self._path(name))
                if info["type"] == "file":
                    found[name] = _token(info), int(info["size"])
        return found

    def _find(self, path: str) -> Mapping[str, Any]:
        for _ in range(_N_LISTINGS):
            try:
                return dict(self._system.find(path, detail=True))
            except FileNotFoundError:  # no such folder, or one of its files went during the listing
                if not self._system.exists(path):
                    return {}
        raise StoreError(f"{self.address}: files change while they are listed; run again")

    def get(self, wanted: Mapping[str, Path]) -> None:
        """Fetch files, each under a temporary name first. One that is gone meanwhile is left out."""
        names = list(wanted)
        for at in range(0, len(names), _AT_ONCE):
            part = names[at : at + _AT_ONCE]
            partial = [wanted[name].with_name(wanted[name].name + ".partial") for name in part]
            for path in partial:
                path.parent.mkdir(parents=True, exist_ok=True)
            with self._in_one_line(part[0]):
                try:
                    self._system.get([self._path(name) for name in part], [str(path) for path in partial])
                except FileNotFoundError:
                    for name, path in zip(part, partial, strict=True):
                        with contextlib.suppress(FileNotFoundError):
                            self._system.get_file(self._path(name), str(path))
            for name, path in zip(part, partial, strict=True):
                if path.is_file():
                    path.replace(wanted[name])

    def put(self, source: Path, name: str) -> str:
        """Put one file: whole or not at all; return its version.

        Raises:
            FileNotFoundError: the file is gone.
            StoreError: the store did not take it.
        """
        size = source.stat().st_size
        try:
            with self._in_one_line(name):
                self._make_parent(name)
                path = self._path(name)
                beside = path if self._puts_whole else f"{path}.{uuid.uuid4().hex}.partial"
                self._system.put_file(str(source), beside)
                if beside != path:
                    self._system.mv(beside, path)
                info = self._system.info(path)
        except FileNotFoundError:
            if not source.exists():
                raise
            raise StoreError(
                f"{self.address}/{name}: can't be written; does the bucket or folder exist?"
            ) from None
        if int(info["size"]) != size:
            raise StoreError(f"{self.address}/{name}: {info['size']} of {size} bytes arrived; run again")
        return _token(info)

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; those that are gone already are no fault."""
        for name in names:
            with self._in_one_line(name), contextlib.suppress(FileNotFoundError):
                self._system.rm_file(self._path(name))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; none where there is no such file."""
        with self._in_one_line(name), contextlib.suppress(FileNotFoundError):
            return bytes(self._system.cat_file(self._path(name)))
        return b""

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""
        with self._in_one_line(name):
            self._make_parent(name)
            self._system.pipe_file(self._path(name), data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file if there is none of this name; return whether that was so."""
        with self._in_one_line(name):
            self._make_parent(name)
            try:
                if self._puts_whole:  # one request carries the condition; what opens a file sends several
                    self._system.pipe_file(self._path(name), data, mode="create")
                else:  # fsspec's own `pipe_file` looks first and then writes: two would both succeed
                    with self._system.open(self._path(name), "xb") as file:
                        file.write(data)
            except FileExistsError:
                return False
        return True

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}" if name else self._root

    def _make_parent(self, name: str) -> None:
        if not self._puts_whole:
            self._system.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)

    @contextlib.contextmanager
    def _in_one_line(self, name: str) -> Iterator[None]:
        """Make one line of whatever the store's library raises: botocore's errors are not OSErrors."""
        try:
            yield
        except (FileNotFoundError, StoreError):
            raise
        except Exception as error:
            remedy = "check that the store exists and is writable, then run again"
            raise StoreError(f"{self.address}/{name}: {first_line(error)}; {remedy}") from None


def _token(info: Mapping[str, Any]) -> str:
    found = next((info[key] for key in _TOKENS if info.get(key) is not None), "")
    return str(found.timestamp() if isinstance(found, datetime) else found)  # listings and looks differ


_FOLDER = ".lease"
BEAT_S = 15.0
# Silence after which a holder counts as dead. Clocks of machines may differ by what lies between the two.
DEAD_AFTER_S = 120.0
_N_READS, _READ_EVERY_S = 10, 0.3


class StoreBusyError(PairsmithError):
    """Another process works on the folder of the store."""


class Lease:
    """The right to write into one folder of a store.

    Attributes:
        lost: another process has taken the folder.
    """

    def __init__(self, remote: RemoteFolder, now: Callable[[], float] = time.time) -> None:
        """Name the folder; `now` is the clock."""
        self.lost = False
        self._remote, self._now, self._number = remote, now, 0

    def acquire(self) -> None:
        """Take the folder.

        Raises:
            StoreBusyError: another process is using it.
            StoreError: the store can't be used.
        """
        newest = max(self._numbers(), default=0)
        holder = self._describe(newest)
        if holder:
            raise StoreBusyError(
                f"{self._remote.address}: {holder}; wait until it ends, or for {DEAD_AFTER_S:.0f} s if "
                "it was killed"
            )
        is_created = self._remote.create(_name(newest + 1), self._record())
        numbers = self._numbers()
        if not is_created or max(numbers) > newest + 1:  # a higher number: this process looked too long ago
            raise StoreBusyError(f"{self._remote.address}: another process has just started to use it")
        self._number = newest + 1
        self._remote.remove([_name(number) for number in numbers if number < self._number])

    def holder(self) -> str:
        """Return in words which process works on the folder, empty for none; takes nothing."""
        return self._describe(max(self._numbers(), default=0))

    def beat(self) -> None:
        """Renew the lease; note whether the folder was taken."""
        self.lost = self.lost or max(self._numbers(), default=self._number) > self._number
        if not self.lost:
            self._remote.write(_name(self._number), self._record())

    def check(self) -> None:
        """Raise StoreError where another process has taken the folder."""
        if self.lost:
            raise StoreError(
                f"{self._remote.address}: another process assumed that this one was dead and uses the folder; "
                "run again when it has ended"
            )

    def release(self) -> None:
        """Let the folder go."""
        if self._number and not self.lost:
            with contextlib.suppress(StoreError):  # silence releases it too, later
                self._remote.write(_name(self._number), self._record(released=True))
        self._number = 0

    def _numbers(self) -> list[int]:
        stems = (name.rpartition("/")[2].partition(".")[0] for name in self._remote.list(_FOLDER))
        return sorted(int(stem) for stem in stems if stem.isdigit())

    def _describe(self, number: int) -> str:
        """Return the holder of the folder; empty without a holder, or if it is dead."""
        for _ in range(_N_READS if number else 0):
            try:
                record = json.loads(self._remote.read(_name(number)))
                owner, silent_s = Owner.from_text(record["owner"]), self._now() - float(record["at"])
            except (ValueError, TypeError, KeyError, RecursionError):
                if number not in self._numbers():
                    break
                time.sleep(_READ_EVERY_S)  # in a file system a record exists a moment before its text
                continue
            if record["released"] or silent_s > DEAD_AFTER_S or owner.is_gone():
                break
            return f"process {owner.pid} of {owner.host} is using it, seen {max(0.0, silent_s):.0f} s ago"
        return ""

    def _record(self, released: bool = False) -> bytes:
        return json.dumps({"owner": Owner.here().to_text(), "at": self._now(), "released": released}).encode()


def _name(number: int) -> str:
    return f"{_FOLDER}/{number:08d}.json"
