"""Has programs forked: one at a time, the next one ahead of time."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from pairsmith.pipeline.sandbox.inside.ending import CellBrokenError
from pairsmith.pipeline.sandbox.inside.running import Cell

_ORDERED = ("cpu_s", "memory_mib", "reserve_mib", "n_processes", "files_mib")


class Cells:
    """Has the zygote fork programs, one at a time, and keeps the next one ready.

    A program is forked and locked down as soon as the one before it is gone, so that nobody waits for it. It has
    read nothing by then.
    """

    def __init__(self, zygote: socket.socket, host_in: int, first_uid: int, on_wait: Callable[[], None]) -> None:
        """Fork nothing yet.

        Args:
            zygote: where orders go and reports come from.
            host_in: where the host speaks; a program does not outlive its end.
            first_uid: user id of the first program, where each has its own; the next takes the next one.
            on_wait: called when a program gets more wall time, since it was kept waiting for a processor.
        """
        self._zygote, self._host_in, self._on_wait = zygote, host_in, on_wait
        self._next_uid = first_uid
        self._spare: tuple[dict[str, Any], Cell] | None = None  # what it was ordered with

    def take(self, limits: dict[str, Any]) -> Cell:
        """Return a cell for these limits: some are its own, the others its supervisor holds it to."""
        order = {key: limits[key] for key in _ORDERED}
        if self._spare is not None:
            known, spare = self._spare
            self._spare = None
            if known == order and spare.is_alive:
                return spare
            with contextlib.suppress(CellBrokenError):
                spare.finish()
            spare.forget()
        return self._fork(order)

    def prepare(self, limits: dict[str, Any]) -> None:
        """Have a program forked that is likely to be asked for next."""
        order = {key: limits[key] for key in _ORDERED}
        self._spare = order, self._fork(order)

    def _fork(self, order: dict[str, Any]) -> Cell:
        uid = self._next_uid
        self._next_uid += 1
        return Cell(self._zygote, self._host_in, dict(order, op="run", uid=uid), self._on_wait)
