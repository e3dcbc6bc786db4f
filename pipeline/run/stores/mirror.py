"""Keeps a run folder and a folder of a store alike."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from pairsmith.pipeline.run.folder import FolderError, following, read_tree, write_whole
from pairsmith.pipeline.run.stores.remote import BEAT_S, Lease, RemoteFolder, StoreError

_NOTED = ".store.json"
_OWN = frozenset({"cache", "logs", "progress.json", "samples.sqlite"})  # of each machine, at the top of a run
_DEPTHS = {"starts": 2, "shared": 3, "cells": 4}  # of a study's runs, below it (`pipeline.evaluation.study`)
# Files that mark others as whole; `whole` is a checkpoint's.
_LAST = ("whole", "gains.json", "score.json", "summary.json", "manifest.json")
_PUSH_EVERY_S = 60.0  # what is not written whole, such as checkpoints

_mirrors: dict[Path, "Mirror"] = {}


class Mirror:
    """A run folder that is kept in a store. Safe to call from several threads.

    Attributes:
        run: the folder on this machine.
        remote: the folder of the store.
        lease: right to write there; None on machines that work for its holder.
        fetched: what `pull` has brought since this was made.
    """

    def __init__(self, run: Path, remote: RemoteFolder, lease: Lease | None = None) -> None:
        """Name both; touches neither."""
        self.run, self.remote, self.lease = run, remote, lease
        self.fetched: set[str] = set()
        self._busy = threading.RLock()
        # By path: version in the store, bytes and time of the file when both were alike.
        self._noted: dict[str, tuple[str, int, int]] = self._read_noted()

    def pull(self, only: Callable[[str], bool] | None = None) -> int:
        """Fetch what the store has and this folder lacks or has in an older version; return how many files.

        Files that changed only here are kept for `push`. Files removed from the store are removed here.

        Args:
            only: returns whether a path within the folder is included; None takes all.
        """
        with self._busy:
            there = {name: one for name, one in self.remote.list().items() if self._is_mirrored(name)}
            if not there:  # a new store, or one that was emptied: all goes there again, and nothing goes here
                self._noted.clear()
            asked = {*there, *self._noted}
            return self._fetch(there, asked if only is None else filter(only, asked))

    def pull_files(self, names: Iterable[str]) -> int:
        """Do so for some files, by their paths within the folder, without a look at all others."""
        asked = set(names)
        with self._busy:
            return self._fetch(self.remote.look(asked), asked)

    def _fetch(self, there: Mapping[str, tuple[str, int]], asked: Iterable[str]) -> int:
        names = sorted(asked)
        newer = [name for name in names if name in there and self._is_newer(name, there[name][0])]
        self.remote.get({name: self.run / name for name in newer})
        self.fetched.update(newer)
        for name in newer:
            self._note(name, there[name][0])
        for name in names:
            if name in self._noted and name not in there:
                if self._is_unchanged(name):
                    (self.run / name).unlink(missing_ok=True)
                del self._noted[name]
        self._keep_noted()
        return len(newer)

    def names(self) -> set[str]:
        """Return the files that were alike here and in the store when they were last put or fetched."""
        return set(self._noted)

    def changed(self) -> list[str]:
        """Return the files that were made or changed here since."""
        names = [path.relative_to(self.run).as_posix() for path in self.run.rglob("*") if path.is_file()]
        return [name for name in names if self._is_mirrored(name) and not self._is_unchanged(name)]

    def push(self) -> int:
        """Put what was changed here, files that mark others as whole last; return how many files.

        What was removed here goes from the store.
        """
        with self._busy:
            n_put = sum(self._put(name) for name in sorted(self.changed(), key=_order))
            gone = [name for name in self._noted if not (self.run / name).is_file()]
            self._remove(gone)
            self._keep_noted()
            return n_put

    def put(self, path: Path) -> None:
        """Put one file that was just written; a manifest after all else."""
        name = path.relative_to(self.run).as_posix()
        if not self._is_mirrored(name):
            return
        if path.name in _LAST:
            self.push()
            return
        with self._busy:
            manifest = path.with_name("manifest.json")
            if not manifest.exists():  # the stage was begun again
                self._remove({manifest.relative_to(self.run).as_posix()} & self._noted.keys())
            self._put(name)

    def _put(self, name: str) -> bool:
        if self.lease is not None:
            self.lease.check()
        path = self.run / name
        try:
            was = path.stat()
            token = self.remote.put(path, name)
        except FileNotFoundError:
            return False  # removed meanwhile
        self._noted[name] = token, was.st_size, was.st_mtime_ns
        return True

    def _remove(self, names: Iterable[str]) -> None:
        if self.lease is not None:
            self.lease.check()
        for name in list(names):
            self.remote.remove([name])
            del self._noted[name]

    def _is_newer(self, name: str, token: str) -> bool:
        noted = self._noted.get(name)
        if noted is None or noted[0] != token:
            return True
        return not (self.run / name).is_file()

    def _is_unchanged(self, name: str) -> bool:
        try:
            now = (self.run / name).stat()
        except FileNotFoundError:
            return False
        return self._noted.get(name, ("", -1, -1))[1:] == (now.st_size, now.st_mtime_ns)

    def _note(self, name: str, token: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            now = (self.run / name).stat()
            self._noted[name] = token, now.st_size, now.st_mtime_ns

    def _is_mirrored(self, name: str) -> bool:
        parts = name.split("/")
        if any(part.startswith(".") or ".partial" in part for part in parts):
            return False
        below = parts[_DEPTHS.get(parts[0], 0) :]
        return parts[0] not in _OWN and not (below and below[0] in _OWN)

    def _read_noted(self) -> dict[str, tuple[str, int, int]]:
        """Return what was noted of this store; of another one nothing."""
        noted = read_tree(self.run / _NOTED)
        if noted.get("address") != self.remote.address:
            return {}
        try:
            return {name: (str(token), int(size), int(at)) for name, (token, size, at) in noted["files"].items()}
        except (ValueError, TypeError, LookupError, AttributeError):
            return {}

    def _keep_noted(self) -> None:
        noted = {"address": self.remote.address, "files": self._noted}
        write_whole(self.run / _NOTED, json.dumps(noted, sort_keys=True).encode())


@contextlib.contextmanager
def mirrored(run: Path, address: str, is_alone: bool = True) -> Iterator[Mirror]:
    """Bring a folder up to date with a store, and keep the store up to date while it is written.

    Args:
        is_alone: no other process may do so meanwhile; False for machines that work for the holder.

    Raises:
        StoreBusyError: another process is using it.
        StoreError: the store can't be used; what was written here is put by the next run.
    """
    remote = RemoteFolder(address)
    lease = Lease(remote) if is_alone else None
    if lease is not None:
        lease.acquire()
    mirror, ended = Mirror(run, remote, lease), threading.Event()
    watch = threading.Thread(target=_keep_up, args=(mirror, ended), name="store", daemon=True)
    try:
        mirror.pull()
        _mirrors[run] = mirror
        watch.start()
        with following(run, mirror.put):
            yield mirror
    except BaseException:
        with contextlib.suppress(StoreError, FolderError):  # the error that ended the run is the one to report
            mirror.push()
        raise
    else:
        mirror.push()
    finally:
        ended.set()
        if watch.ident is not None:
            watch.join()
        _mirrors.pop(run, None)
        if lease is not None:
            lease.release()


def mirror_of(run: Path) -> Mirror | None:
    """Return the mirror of a folder that is at work in this process, None for none."""
    return _mirrors.get(run)


def _keep_up(mirror: Mirror, ended: threading.Event) -> None:
    """Say that this process is alive, and put what is not written whole."""
    n_beats = 0
    while not ended.wait(BEAT_S):
        n_beats += 1
        with contextlib.suppress(StoreError, FolderError):  # reported by the next put, if it fails too
            if mirror.lease is not None:
                mirror.lease.beat()
            if n_beats * BEAT_S % _PUSH_EVERY_S == 0:
                mirror.push()


def _order(name: str) -> tuple[int, str]:
    last = name.rpartition("/")[2]
    return (_LAST.index(last) + 1 if last in _LAST else 0), name
