"""Which process owns what outlives a process: a container, a lease; and whether it is gone."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told from every other one, also from one with its number later on.

    Attributes:
        host: name of its machine.
        boot: of its machine since the last start; empty where the system does not say.
        space: of process numbers; a container has its own.
        pid: number of the process.
        started: clock ticks from the start of the machine to that of the process.
    """

    host: str
    boot: str
    space: str
    pid: int
    started: int

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
        """Return what `to_text` wrote.

        Raises:
            ValueError: it did not write this.
        """
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
