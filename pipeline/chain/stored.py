"""What a store holds of a run, for commands that look: no lease is taken, and of runs nothing is made."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pairsmith.pipeline.chain.table import stored_stages
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.stores import Lease, Mirror, RemoteFolder, mirrored
from pairsmith.schemas.config import RunConfig


@dataclass(frozen=True)
class Stored:
    """A copy of what a store holds.

    Attributes:
        run: folder of the copy; not the one that the run works in.
        is_empty: nothing is there yet.
        words: who works on it, and what this machine has and the store lacks; a line each.
    """

    run: Path
    is_empty: bool
    words: tuple[str, ...] = ()


def tells_of_stages(name: str) -> bool:
    """Return whether a file of a run shows the state of its stages: no weights, no dataset."""
    head, slash, _ = name.partition("/")
    return not slash or head in stored_stages() or name.endswith(".json")


def is_read(name: str) -> bool:
    """Return whether a file of a run is one that people look at: no weights."""
    return not name.startswith("training/") or name.endswith(".json")


def look(
    address: str, cache: Path, run: Path | None = None, only: Callable[[str], bool] | None = tells_of_stages
) -> Stored:
    """Copy what a store holds of a run.

    Args:
        address: of the folder in the store.
        cache: folder of what this user's runs share; the copy lies there, and a second look fetches what is new.
        run: folder that this machine works in.
        only: returns whether a path within the run is wanted; None takes all.

    Raises:
        StoreError: the store can't be used.
    """
    remote = RemoteFolder(address)
    near = Mirror(run, remote) if run is not None else None
    copy = Mirror(_folder(address, cache, "looks"), remote)
    copy.pull(only)
    there, words = copy.names(), []
    if not there:  # a run keeps its files where a store was emptied; this is none
        shutil.rmtree(copy.run, ignore_errors=True)
    holder = Lease(remote).holder()
    if holder:
        words.append(f"{remote.address}: {holder}")
    if near is not None:
        known = near.names()
        n_waiting = sum(
            only is None or only(name) for name in near.changed() if name in known or name not in there
        )
        if n_waiting:
            words.append(f"{run}: {n_waiting} files are not in the store; the next run puts them there")
    return Stored(copy.run, not there, tuple(words))


def as_stored(
    config: RunConfig, cache: Path, only: Callable[[str], bool] | None = tells_of_stages
) -> tuple[RunConfig, tuple[str, ...]]:
    """Return the configuration with the run as its store holds it, and what to log about it, a line each.

    One without a store is returned as it is.
    """
    if not config.store:
        return config, ()
    stored = look(config.store, cache, config.run, only)
    return config.model_copy(update={"run": stored.run}), stored.words


def open_stored(address: str, cache: Path) -> AbstractContextManager[Mirror]:
    """Return the mirror of what a store holds for a command that adds files to it, such as marks.

    Raises:
        PairsmithError: nothing is at the address.
        StoreError: the store can't be used.
    """
    if not RemoteFolder(address).list():
        raise nothing_at(address)
    return mirrored(_folder(address, cache, "stores"), address, is_alone=False)


def nothing_at(address: str) -> PairsmithError:
    """Return the error of an address where nothing is."""
    return PairsmithError(f"{address}: nothing is there; look at the address, and at who may read it")


def _folder(address: str, cache: Path, kind: str) -> Path:
    """Return the folder of a copy."""
    address = address.rstrip("/")
    return cache / kind / digest(address)[:8] / address.rpartition("/")[2]
