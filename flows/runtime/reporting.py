"""Progress of a run: bars on a terminal, plain lines elsewhere, and a file for `pairsmith status`."""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_LINE_EVERY_S = 10.0
_FILE_EVERY_S = 2.0
NAME_WIDTH = 17
"""Characters of a stage's name in lines: of the longest, `problem_standings`."""
_LEAST_DONE = 5  # units, or a tenth of a small stage, until a time left is shown: the first come late
PROGRESS = "progress.json"
"""File of a run folder with the progress of the stages that run now; removed when none does."""


@dataclass
class StageProgress:
    """The bar of one stage."""

    reporter: "Reporter"
    name: str
    unit: str
    total: int
    n_done: int = 0  # units done so far; `total` where the end is known
    origin: str = ""  # where they came from, for the closing line
    task: TaskID | None = None
    started: float = field(default_factory=time.monotonic)
    last_line: float = 0.0

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count units that were done; `note` is shown after the rate."""
        with self.reporter._lock:
            self.n_done += n
            self.reporter._show(self, note)

    def expect_less(self, n: int) -> None:
        """Take units that will never come off the total."""
        self.total -= n

    def rate(self) -> float:
        """Return units a second since the stage began."""
        return self.n_done / max(time.monotonic() - self.started, 1e-9)

    def left_s(self) -> float | None:
        """Return the seconds that are left at this rate; None where it is unknown."""
        too_few = self.n_done < min(_LEAST_DONE, self.total / 10)
        if not self.n_done or too_few or self.total < self.n_done:
            return None
        return (self.total - self.n_done) / self.rate()


@dataclass
class ShardProgress:
    """Counts what one shard added to a bar."""

    bar: StageProgress
    n_done: int = 0

    def advance(self, n: int) -> None:
        """Count rows that were done."""
        self.n_done += n
        self.bar.advance(n)


class Reporter:
    """Reports progress to the user."""

    def __init__(self, console: Console) -> None:
        """Write to this console."""
        self.console = console
        self.stages: dict[str, StageProgress] = {}  # the last of each name
        # A dumb terminal can't move its cursor: it gets lines.
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._progress: Progress | None = None
        self._open: list[StageProgress] = []
        self._file: Path | None = None
        self._written = 0.0
        self._lock = threading.RLock()

    def log(self, text: str) -> None:
        """Write one line."""
        self.console.print(text, highlight=False, markup=False)

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[StageProgress]:
        """Show a stage while it runs, and a closing line with its time and rate; several may run at once."""
        stage = self.stages[name] = StageProgress(self, name, unit, total)
        with self._lock:
            self._open.append(stage)
            if self._is_live and self._progress is None:  # the first bar starts the display
                columns = (
                    TextColumn(f"{{task.description:<{NAME_WIDTH}}}"),
                    BarColumn(bar_width=24),
                    MofNCompleteColumn(),
                    TextColumn("{task.fields[note]}"),
                    TimeElapsedColumn(),
                    TextColumn("left"),
                    TimeRemainingColumn(),
                )
                self._progress = Progress(*columns, console=self.console, transient=True)
                self._progress.start()
            if self._progress is not None:
                stage.task = self._progress.add_task(name, total=total, note="")
        try:
            yield stage
        finally:
            with self._lock:
                self._open.remove(stage)
                if self._progress is not None and stage.task is not None:
                    self._progress.remove_task(stage.task)
                    if not self._open:  # the last one ends it
                        self._progress.stop()
                        self._progress = None
        seconds = time.monotonic() - stage.started
        origin = f"   {stage.origin}" if stage.origin else ""
        self.log(
            f"{name:<{NAME_WIDTH}} {stage.n_done:>6} {unit:<10} {seconds:7.1f} s   {stage.rate():8.1f} /s{origin}"
        )

    @contextmanager
    def published(self, run: Path) -> Iterator[None]:
        """Keep in a run folder how far its stages are, for `pairsmith status` in another terminal."""
        self._file = run / PROGRESS
        try:
            yield
        finally:
            with self._lock, contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)
            self._file = None

    def _publish(self) -> None:
        """Write the file at most every few seconds; that it can't be written stops no run."""
        now = time.monotonic()
        with self._lock, contextlib.suppress(OSError):
            if self._file is None or now - self._written < _FILE_EVERY_S:
                return
            self._written = now
            rows = [
                {"stage": stage.name, "n_done": stage.n_done, "total": stage.total, "unit": stage.unit,
                 "rate": stage.rate(), "left_s": stage.left_s()}
                for stage in self._open
            ]  # fmt: skip
            partial = self._file.with_name(PROGRESS + ".partial")
            partial.write_text(json.dumps({"pid": os.getpid(), "stages": rows}), encoding="utf-8")
            partial.replace(self._file)

    def _show(self, stage: StageProgress, note: str) -> None:
        self._publish()
        text = f"{stage.unit} {stage.rate():.1f}/s {note}"
        if self._progress is not None and stage.task is not None:
            self._progress.update(stage.task, completed=stage.n_done, total=stage.total, note=text)
            return
        now = time.monotonic()
        if now - max(stage.last_line, stage.started) >= _LINE_EVERY_S and stage.n_done < stage.total:
            stage.last_line = now
            left = time_left(stage.left_s())
            self.log(f"{stage.name:<{NAME_WIDTH}} {stage.n_done:>6} of {stage.total} {text.rstrip()}{left}")


def time_left(seconds: float | None) -> str:
    """Return `, about 12 min left`; nothing for None."""
    return f", about {duration(seconds)} left" if seconds is not None else ""


def duration(seconds: float) -> str:
    """Return a duration in seconds for people to read: 45 s, 12 min, 3 h 05 min."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


_current: list[Reporter] = []


def reporter() -> Reporter:
    """Return the reporter of this process; a flow run by Prefect without the command line gets a plain one."""
    if not _current:
        _current.append(Reporter(Console(file=sys.stderr)))
    return _current[0]


def set_console(console: Console) -> None:
    """Have the reporter of this process write to a console."""
    _current[:] = [Reporter(console)]


@contextmanager
def open_bars(totals: Mapping[str, int], unit_of: Callable[[str], str]) -> Iterator[dict[str, StageProgress]]:
    """Show the stages that run at the same time, each with the rows that it will have."""
    with ExitStack() as stack:
        # Entered last, closed first: lines at the end are in the order of the stages.
        yield {
            name: stack.enter_context(reporter().stage(name, total, unit_of(name)))
            for name, total in reversed([*totals.items()])
        }
