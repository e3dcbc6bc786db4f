"""Files that strangers wrote, plain or gzip: a small one may hold gigabytes in one line, or in many.

Work on such lines runs in a fork that is killed where one item takes more CPU time than any may.
"""

import gzip
import multiprocessing
import os
import resource
import signal
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from pairsmith.pipeline.run.errors import PairsmithError

MAX_LINE_BYTES = 256 << 20  # LiveCodeBench's longest lines have a third
MAX_FILE_BYTES = 8 << 30  # decompressed
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LinesError(PairsmithError):
    """A file that can't be read; the message names it and the reason."""


def read_lines(path: Path) -> Iterator[bytes | None]:
    """Give each line of a file, less a byte order mark; None for one that is longer than MAX_LINE_BYTES.

    Raises:
        FileNotFoundError: if it is not there.
        LinesError: if it can't be read or unpacked, or holds more than MAX_FILE_BYTES.
    """
    try:
        with path.open("rb") as plain:
            is_packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            lines = _split(gzip.GzipFile(fileobj=plain) if is_packed else plain)
            first = next(lines, b"")
            yield first and first.removeprefix(_BYTE_ORDER_MARK)
            yield from lines
    except FileNotFoundError:
        raise
    except (OSError, EOFError, zlib.error, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LinesError(f"{path}: can't be read ({reason}); is it a complete .jsonl or .jsonl.gz file?") from None


def _split(file: Any) -> Iterator[bytes | None]:
    n_left = MAX_FILE_BYTES
    while line := file.readline(MAX_LINE_BYTES + 1):
        n_left -= len(line)
        if n_left < 0:
            raise OSError(f"more than {MAX_FILE_BYTES >> 30} GiB in it")
        is_too_long = len(line) > MAX_LINE_BYTES
        while is_too_long and n_left >= 0 and line and not line.endswith(b"\n"):
            line = file.readline(1 << 20)
            n_left -= len(line)
        yield None if is_too_long else line


T = TypeVar("T")
R = TypeVar("R")
LIMIT_S = 30.0  # of CPU, so that a busy machine leaves out nothing more; LiveCodeBench's largest row takes 4
_MEMORY = 4 << 30  # bytes that a fork may take beside what it began with
_LOOK_EVERY_S = 0.5
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def each_in_time(items: Sequence[T], work: Callable[[T], R], limit_s: float = LIMIT_S) -> list[R | None]:
    """Return what `work` gives for each item, in order; None where it took longer than `limit_s` or died.

    The work must touch no thread, no lock and no file of this process: it runs in a fork. What it returns is
    pickled. An error that it raises is raised here.
    """
    done: list[R | None] = []
    context = multiprocessing.get_context("fork")
    while len(done) < len(items):
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(sending, items[len(done) :], work), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: see above
            process.start()
        sending.close()
        try:
            _collect(process.pid or 0, receiving, done, limit_s)
        finally:
            receiving.close()
            process.kill()
            process.join()
        if len(done) < len(items):
            done.append(None)  # the one that it was at
    return done


def _work(out: Connection, items: Sequence[Any], work: Callable[[Any], Any]) -> None:
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        n_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (n_pages * resource.getpagesize() + _MEMORY, hard))
    except (OSError, ValueError):
        pass  # no /proc here, or a lower limit already
    try:
        for item in items:
            try:
                answer: tuple[bool, object] = (True, work(item))
            except Exception as error:
                answer = (False, error)
            out.send(answer)
    finally:
        os._exit(0)


def _collect(pid: int, reading: Connection, done: list[R | None], limit_s: float) -> None:
    """Append what a fork gives, until it ends or takes too long for one item."""
    began_s = _cpu_s(pid)
    while True:
        if not reading.poll(_LOOK_EVERY_S):
            if _cpu_s(pid) - began_s > limit_s:
                return
            continue
        try:
            is_good, answer = reading.recv()
        except (EOFError, ConnectionError):
            return
        if not is_good:
            raise answer
        done.append(answer)
        began_s = _cpu_s(pid)


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process so far: proc(5), fields 14 and 15; 0.0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK_S
