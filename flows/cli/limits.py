"""What this machine has too little of: open files, memory, threads, disk; each is one line with the remedy."""

import errno
import resource
from pathlib import Path

import psutil

from pairsmith.pipeline.run.errors import PairsmithError

_LEAST_MEMORY = 640 << 20  # bytes; a build of four problems takes 655 MiB with caches that the kernel may drop
_LEAST_SPACE = (
    3 << 30
)  # bytes of addresses; with 2 GiB threads of Prefect can't start, and a build may wait for them
_LEAST_FILES, _MOST_FILES = 256, 8192  # a build holds about 100 open; libraries close all that are allowed


class TooLittleError(PairsmithError):
    """This machine has too little of something, or allows this process too little of it."""


def allow_open_files() -> None:
    """Take as many open files as this user may have: the usual 1024 is a soft limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _LEAST_FILES:
        raise TooLittleError(f"open files are limited to {hard} (ulimit -n); allow {_LEAST_FILES} or more")
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def need_memory(own: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")) -> None:
    """Refuse to begin a run where the kernel would end it without a message."""
    space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if space != resource.RLIM_INFINITY and space < _LEAST_SPACE:
        allowed = f"address space is limited to {space >> 20} MiB (ulimit -v)"
        raise TooLittleError(
            f"{allowed}; allow {_LEAST_SPACE >> 20} MiB or more, most of it is reserved, not used"
        )
    free = {"this machine has": psutil.virtual_memory().available + psutil.swap_memory().free}
    for line in own.read_text(encoding="utf-8").splitlines() if own.is_file() else ():
        _, kind, path = line.split(":", 2)
        file = {"": "memory.max", "memory": "memory.limit_in_bytes"}.get(kind, "none")  # cgroups v2 and v1
        limit = groups / kind / path.lstrip("/") / file
        if limit.is_file() and (text := limit.read_text(encoding="ascii").strip()).isdecimal():
            free["the control group of this process allows"] = int(text)
    who = min(free, key=lambda name: free[name])
    if free[who] < _LEAST_MEMORY:
        raise TooLittleError(
            f"{who} {free[who] >> 20} MiB of memory; a run takes {_LEAST_MEMORY >> 20} MiB or more; free some"
        )


def what_ran_out(error: BaseException) -> str:
    """Return the limit of this machine that an error or its cause reports, with the remedy; empty for none."""
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        cause = todo.pop()
        if cause is None or cause in seen:
            continue
        seen.append(cause)
        todo += [cause.__cause__, None if cause.__suppress_context__ else cause.__context__]
        todo += [*(cause.exceptions if isinstance(cause, BaseExceptionGroup) else ())]
        number = cause.errno if isinstance(cause, OSError) else None
        if isinstance(cause, MemoryError) or number == errno.ENOMEM:
            space, _ = resource.getrlimit(resource.RLIMIT_AS)
            limited = f"; address space is limited to {space >> 20} MiB (ulimit -v)"
            bound = "" if space == resource.RLIM_INFINITY else limited
            return f"out of memory{bound}; give it more, or lower shard_problems or sandbox.workers"
        if "can't start new thread" in str(cause) or number == errno.EAGAIN:
            processes, _ = resource.getrlimit(resource.RLIMIT_NPROC)
            bound = "" if processes == resource.RLIM_INFINITY else f" (ulimit -u is {processes})"
            return f"no further thread or process can be started{bound}; allow more, or lower sandbox.workers"
        if number in (errno.EMFILE, errno.ENFILE):
            files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            return f"too many open files: {files} are allowed (ulimit -n); allow more, or lower sandbox.workers"
        if isinstance(cause, OSError) and number in (errno.ENOSPC, errno.EDQUOT):
            where = f" ({cause.filename})" if cause.filename else ""
            return f"the disk is full{where}; free some space and run again; results so far are kept"
        if type(cause).__name__ == "PrefectHTTPStatusError" and "Server error" in str(cause):
            # Prefect is not imported here
            return "Prefect's server can't write its database; is the disk of PREFECT_HOME (~/.prefect) full?"
    return ""
