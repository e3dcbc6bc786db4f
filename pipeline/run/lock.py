"""Keeps other processes, and other machines, off a run folder; knows whether a process is still alive."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pairsmith.pipeline.run.errors import PairsmithError


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, distinct from every other one, also from one with its number later on."""

    host: str  # name of its machine
    boot: str  # of its machine since the last start; empty where the system does not say
    space: str  # of process numbers; a container has its own
    pid: int  # number of the process
    started: int  # clock ticks from the start of the machine to that of the process

    @classmethod
    def here(cls) -> "Owner":
        """Return this process."""
        try:
            space = str(Path("/proc/self/ns/pid").readlink())
        except OSError:
            space = ""
        return cls(socket.gethostname(), _boot(), space, os.getpid(), _started(os.getpid()) or 0)

    @classmethod
    def from_text(cls, text: str) -> "Owner":
        """Return what `to_text` wrote."""
        host, boot, space, pid, started = text.split(" ")
        return cls(host, boot, space, int(pid), int(started))

    def to_text(self) -> str:
        """Return it in one line."""
        return f"{self.host} {self.boot} {self.space} {self.pid} {self.started}"

    def is_gone(self) -> bool:
        """Return whether it is known to be gone; of other machines and containers nothing is known."""
        mine = Owner.here()
        if self.host != mine.host or not self.boot:
            return False
        if self.boot != mine.boot:
            return True  # this machine was started again since
        return self.space == mine.space and _started(self.pid) != self.started


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """Return when a process was started, None where there is none or it is but a zombie: proc(5), field 22."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


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
                raise RunLockedError(f"{run}: another pairsmith process is using it; wait until it ends")
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
