"""One process at a time writes into a folder of a store; a dead one does not keep it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pairsmith.pipeline.run.lock import Owner
from pairsmith.pipeline.run.stores import Lease, RemoteFolder, StoreBusyError, StoreError
from pairsmith.pipeline.run.stores.remote import DEAD_AFTER_S


@pytest.fixture
def remote(address: str) -> RemoteFolder:
    return RemoteFolder(address)


def as_if(remote: RemoteFolder, **changes: Any) -> None:
    """Have the newest holder be another process."""
    name = max(remote.list(".lease"))
    record = json.loads(remote.read(name))
    owner = replace(Owner.from_text(record["owner"]), **changes)
    remote.write(name, json.dumps({**record, "owner": owner.to_text()}).encode())


def test_a_second_one_is_refused_until_the_first_lets_go(remote: RemoteFolder) -> None:
    first, second = Lease(remote), Lease(remote)
    first.acquire()
    with pytest.raises(StoreBusyError, match=rf"process {os.getpid()} of .* is using it, seen 0 s ago"):
        second.acquire()
    first.release()
    second.acquire()
    first.check()  # it let go by itself
    assert len(remote.list(".lease")) == 1


@pytest.mark.slow
def test_a_process_of_this_machine_that_is_dead_keeps_nothing(remote: RemoteFolder) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    Lease(remote).acquire()
    with pytest.raises(StoreBusyError):
        Lease(remote).acquire()
    as_if(remote, pid=dead.pid)
    next_one = Lease(remote)
    next_one.acquire()
    next_one.check()
    assert len(remote.list(".lease")) == 1


@pytest.mark.parametrize(("silent_s", "is_free"), [(DEAD_AFTER_S - 1, False), (DEAD_AFTER_S + 1, True)])
def test_silence_of_another_machine_says_that_it_is_dead(
    remote: RemoteFolder, silent_s: float, is_free: bool
) -> None:
    Lease(remote, lambda: 1000.0).acquire()
    as_if(remote, host="elsewhere", boot="other")
    later = Lease(remote, lambda: 1000.0 + silent_s)
    if is_free:
        later.acquire()
        return
    with pytest.raises(StoreBusyError, match=f"seen {silent_s:.0f} s ago"):
        later.acquire()


def test_who_was_taken_for_dead_must_not_write_any_more(remote: RemoteFolder) -> None:
    first = Lease(remote, lambda: 0.0)
    first.acquire()
    first.check()
    Lease(remote, lambda: 2 * DEAD_AFTER_S).acquire()
    first.beat()
    with pytest.raises(StoreError, match="assumed that this one was dead"):
        first.check()
    first.release()  # and it does not speak for the other one
    with pytest.raises(StoreBusyError):
        Lease(remote, lambda: 2 * DEAD_AFTER_S).acquire()


def test_a_beat_keeps_it(remote: RemoteFolder) -> None:
    now = [0.0]
    first = Lease(remote, lambda: now[0])
    first.acquire()
    now[0] = DEAD_AFTER_S
    first.beat()
    now[0] = 1.5 * DEAD_AFTER_S
    with pytest.raises(StoreBusyError):
        Lease(remote, lambda: now[0]).acquire()


@pytest.mark.parametrize("_", range(8))
def test_of_many_at_once_one_gets_it(remote: RemoteFolder, _: int) -> None:
    """Also where a dead one is to be followed. Threads of one process are not kept apart by `memory`."""
    if remote.address.startswith("memory"):
        pytest.skip("of one process, where one lock is enough")
    Lease(remote, lambda: 0.0).acquire()
    gate, got = threading.Barrier(6), list[Lease]()

    def take() -> None:
        lease = Lease(RemoteFolder(remote.address), lambda: 2 * DEAD_AFTER_S)
        gate.wait()
        try:
            lease.acquire()
        except StoreBusyError:
            return
        got.append(lease)

    threads = [threading.Thread(target=take) for _ in range(6)]
    run_all(threads, threading.Thread.start)
    run_all(threads, threading.Thread.join)
    assert len(got) == 1


def run_all(threads: list[threading.Thread], step: Callable[[threading.Thread], None]) -> None:
    for thread in threads:
        step(thread)
