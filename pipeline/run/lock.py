"""Keeps other processes, and other machines, off a run folder."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from pairsmith.pipeline.run.errors import PairsmithError

_LOOK_EVERY_S = 0.5  # whether a lock is free
_LOOK_STORE_EVERY_S = 5.0  # likewise; a store bills each look


class RunLockedError(PairsmithError):
    """Another process works on this run folder."""


@contextmanager
def locked(run: Path, wait_s: float = 0.0, store: str = "") -> Iterator[None]:
    """Keep other processes off a run folder; a dead holder's lock is gone with it.

    Args:
        wait_s: seconds to wait for another process.
        store: address of the folder in a store that it is kept in, which other machines are kept off too; what is
            there is fetched first. Empty for none.

    Raises:
        RunLockedError: if another process holds it for longer.
        StoreError: if the store can't be used.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        lock = (run / ".lock").open("w")
    except OSError as error:
        raise PairsmithError(f"{run}: {error.strerror}; give another folder with --set run=...") from None
    with lock, ExitStack() as stack:
        deadline = time.monotonic() + wait_s
        while not _lock_now(lock):
            if time.monotonic() >= deadline:
                raise RunLockedError(f"{run}: another pairsmith works on it; wait for its end")
            time.sleep(min(_LOOK_EVERY_S, wait_s))
        while store:
            from pairsmith.pipeline.run.stores import StoreBusyError, mirrored

            try:
                stack.enter_context(mirrored(run, store))
                break
            except StoreBusyError as error:
                if time.monotonic() >= deadline:
                    raise RunLockedError(str(error)) from None
                time.sleep(min(_LOOK_STORE_EVERY_S, wait_s))
        yield


def _lock_now(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_locked(run: Path) -> bool:
    """Return whether some process works on a run folder now."""
    try:
        with (run / ".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
