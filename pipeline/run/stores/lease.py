"""Who writes into a folder of a store: one process at a time, and a dead one not for long.

Stores have no locks, but they can make an object only if there is none of its name. So who takes the folder makes
the object of the next number in `.lease/`; of two who try, one makes it. The holder says every some seconds that
it is alive, and looks whether there is a higher number: then it was taken for dead, and must write no more.
"""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.process_identity import Owner
from pairsmith.pipeline.run.stores.remote import RemoteFolder, StoreError

_FOLDER = ".lease"
BEAT_S = 15.0
# Silence that says that a holder is dead. Clocks of machines may differ by what lies between the two.
DEAD_AFTER_S = 120.0
_N_READS, _READ_EVERY_S = 10, 0.3


class StoreBusyError(PairsmithError):
    """Another process works on the folder of the store."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What a holder writes of itself.

    Attributes:
        owner: text of the process, see `pipeline.run.process_identity`.
        at: seconds since the epoch when it last said that it is alive.
    """

    owner: str
    at: float
    released: bool = False


class Lease:
    """The right to write into one folder of a store.

    Attributes:
        lost: somebody else has taken the folder.
    """

    def __init__(self, remote: RemoteFolder, now: Callable[[], float] = time.time) -> None:
        """Name the folder; `now` is the clock."""
        self.lost = False
        self._remote, self._now = remote, now
        self._number = 0

    def acquire(self) -> None:
        """Take the folder.

        Raises:
            StoreBusyError: another process works on it.
            StoreError: the store can't be used.
        """
        newest = max(self._numbers(), default=0)
        holder = self._words(newest)
        if holder:
            raise StoreBusyError(
                f"{self._remote.address}: {holder}; wait for its end, or for {DEAD_AFTER_S:.0f} s of "
                "silence if it is dead"
            )
        if not self._remote.create(self._name(newest + 1), self._record()):
            raise StoreBusyError(f"{self._remote.address}: another process has just begun to work on it")
        numbers = self._numbers()
        if max(numbers) > newest + 1:  # this one looked too long ago
            raise StoreBusyError(f"{self._remote.address}: another process has just begun to work on it")
        self._number = newest + 1
        self._remote.remove([self._name(one) for one in numbers if one < self._number])

    def holder(self) -> str:
        """Return in words which process works on the folder, empty for none; takes nothing."""
        return self._words(max(self._numbers(), default=0))

    def beat(self) -> None:
        """Say that this process is alive; note whether the folder was taken."""
        self.lost = self.lost or max(self._numbers(), default=self._number) > self._number
        if not self.lost:
            self._remote.write(self._name(self._number), self._record())

    def tidy(self) -> None:
        """Remove what dead holders left half written. The right to do so is this process's alone."""
        if self._number and not self.lost:
            self._remote.remove_torn(self._now() - DEAD_AFTER_S)

    def check(self) -> None:
        """Raise StoreError where the folder was taken by somebody else."""
        if self.lost:
            raise StoreError(
                f"{self._remote.address}: another process took this one for dead and works on the folder; "
                "run again when it is done"
            )

    def release(self) -> None:
        """Let the folder go."""
        if self._number and not self.lost:
            with contextlib.suppress(StoreError):  # silence says it too, later
                self._remote.write(self._name(self._number), self._record(released=True))
        self._number = 0

    def _words(self, number: int) -> str:
        holder = self._read(number) if number else None
        if holder is None or self._is_free(holder):
            return ""
        silent, owner = max(0.0, self._now() - holder.at), Owner.from_text(holder.owner)
        return f"process {owner.pid} of {owner.host} works on it, heard of {silent:.0f} s ago"

    def _numbers(self) -> list[int]:
        stems = (name.rpartition("/")[2].partition(".")[0] for name in self._remote.list(_FOLDER))
        return sorted(int(stem) for stem in stems if stem.isdigit())

    def _name(self, number: int) -> str:
        return f"{_FOLDER}/{number:08d}.json"

    def _read(self, number: int) -> Holder | None:
        """Return the holder of a number, None where it is gone or writes nothing that can be read."""
        for _ in range(_N_READS):
            try:
                holder = Holder(**json.loads(self._remote.read(self._name(number))))
                Owner.from_text(holder.owner)
                return holder
            except (ValueError, TypeError):
                if number not in self._numbers():
                    break
                time.sleep(_READ_EVERY_S)  # in a folder a record is there a moment before its text
        return None

    def _record(self, released: bool = False) -> bytes:
        return json.dumps(asdict(Holder(Owner.here().to_text(), self._now(), released))).encode()

    def _is_free(self, holder: Holder) -> bool:
        if holder.released or self._now() - holder.at > DEAD_AFTER_S:
            return True
        return Owner.from_text(holder.owner).is_gone()
