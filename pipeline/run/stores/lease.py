"""The lock of a folder in a store: one process writes at a time, and a dead one does not block it for long.

Stores have no locks, but they have a conditional put: an object is created only if none of its name exists. A
process locks the folder by creating the object of the next number in `.lease/`; of two that try, one succeeds. The
holder renews its object every few seconds. If it finds a higher number, it was taken for dead and must not write.
"""

import contextlib
import json
import time
from collections.abc import Callable

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.process_identity import Owner
from pairsmith.pipeline.run.stores.remote import RemoteFolder, StoreError

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
            StoreBusyError: another process works on it.
            StoreError: the store can't be used.
        """
        newest = max(self._numbers(), default=0)
        holder = self._describe(newest)
        if holder:
            raise StoreBusyError(
                f"{self._remote.address}: {holder}; wait for its end, or for {DEAD_AFTER_S:.0f} s of "
                "silence if it is dead"
            )
        is_created = self._remote.create(_name(newest + 1), self._record())
        numbers = self._numbers()
        if not is_created or max(numbers) > newest + 1:  # a higher number: this process looked too long ago
            raise StoreBusyError(f"{self._remote.address}: another process has just begun to work on it")
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
                f"{self._remote.address}: another process took this one for dead and works on the folder; "
                "run again when it is done"
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
        """Return who holds the folder; empty where nobody does, or the holder is dead."""
        for _ in range(_N_READS if number else 0):
            try:
                record = json.loads(self._remote.read(_name(number)))
                owner, silent_s = Owner.from_text(record["owner"]), self._now() - float(record["at"])
            except (ValueError, TypeError, KeyError):
                if number not in self._numbers():
                    break
                time.sleep(_READ_EVERY_S)  # in a file system a record exists a moment before its text
                continue
            if record["released"] or silent_s > DEAD_AFTER_S or owner.is_gone():
                break
            return f"process {owner.pid} of {owner.host} works on it, heard of {max(0.0, silent_s):.0f} s ago"
        return ""

    def _record(self, released: bool = False) -> bytes:
        return json.dumps({"owner": Owner.here().to_text(), "at": self._now(), "released": released}).encode()


def _name(number: int) -> str:
    return f"{_FOLDER}/{number:08d}.json"
