"""A memory limit for a whole tree of processes: a control group, where this user may make one."""

import contextlib
import itertools
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pairsmith.schemas.config import SandboxConfig

_PREFIX = "pairsmith-"
_ROOT = Path("/sys/fs/cgroup")
_REMOVE_S = 2.0  # processes that were killed leave their group a little later
_numbers = itertools.count()

# Runs before bwrap, in its process: joins the group with the caller's rights, then gives them up.
_ENTER = """
import os, sys
group, user, *command = sys.argv[1:]
with open(group, "w") as file: file.write("0")
if user: os.setgroups([]); os.setresgid(*[int(user)] * 3); os.setresuid(*[int(user)] * 3)
os.execv(command[0], command)
"""


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """One control group.

    Attributes:
        path: its folder.
        shown_at: where a sandbox looks for its counters.
    """

    path: Path
    shown_at: str

    def enter(self, user: int | None, command: list[str]) -> list[str]:
        """Return the command that runs `command` inside the group, as that user (None: unchanged)."""
        procs, name = str(self.path / "cgroup.procs"), "" if user is None else str(user)
        return [sys.executable, "-I", "-S", "-c", _ENTER, procs, name, *command]

    def remove(self) -> None:
        """Remove the group once its processes are gone. Never raises."""
        deadline = time.monotonic() + _REMOVE_S
        while time.monotonic() < deadline:
            try:
                self.path.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.01)
            else:
                return


def memory_of_tree_mib(config: SandboxConfig) -> int:
    """Return what one sandbox may use in all, MiB: a program, its files, and room for the runner."""
    return config.memory_mib + 2 * config.files_mib + 128


def make_group(limit_mib: int) -> MemoryGroup | None:
    """Return a new control group with that limit, swap included; None where this user may not make one.

    Version 1 needs root. Version 2 needs a group that is this user's own and hands the memory controller down.
    """
    name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
    for parent, is_second in _parents():
        path = parent / name
        try:
            path.mkdir()
        except OSError:
            continue
        try:
            _limit(path, limit_mib << 20, is_second)
        except OSError:
            with contextlib.suppress(OSError):
                path.rmdir()
            continue
        return MemoryGroup(path, str(_ROOT if is_second else _ROOT / "memory"))
    return None


def remove_leftovers() -> None:
    """Remove groups of processes that are gone: a killed run could not."""
    for parent, _ in _parents():
        for path in parent.glob(f"{_PREFIX}*"):
            pid = path.name.removeprefix(_PREFIX).partition("-")[0]
            if pid.isdecimal() and not Path("/proc", pid).exists():
                with contextlib.suppress(OSError):
                    path.rmdir()


def _limit(path: Path, n_bytes: int, is_second: bool) -> None:
    if is_second:
        (path / "memory.max").write_text(str(n_bytes))
        with contextlib.suppress(FileNotFoundError):  # a kernel that counts no swap
            (path / "memory.swap.max").write_text("0")
        return
    (path / "memory.limit_in_bytes").write_text(str(n_bytes))
    with contextlib.suppress(FileNotFoundError):
        (path / "memory.memsw.limit_in_bytes").write_text(str(n_bytes))


def _parents() -> list[tuple[Path, bool]]:
    """Return the groups under which one might be made, and whether each is of version 2."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    parents: list[tuple[Path, bool]] = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "memory":
            parents.append((_ROOT / "memory" / group.lstrip("/"), False))
        elif not controllers:
            own = _ROOT / group.lstrip("/")
            parents += [(folder, True) for folder in (own, own.parent) if (folder / "cgroup.procs").exists()]
    return parents
