"""What disturbs programs at work: kills of our own sandboxes and of the runners in them, and a busy machine."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import psutil

from pairsmith.pipeline.sandbox.docker_engine import LABEL


def sandbox_roots(backend: str, label: str) -> list[psutil.Process]:
    """Return the first process of each sandbox of this process (bubblewrap) or of a run's label (docker)."""
    if backend == "bubblewrap":
        children = psutil.Process().children()
        return [one for one in children if one.name() == "bwrap" and one.status() != psutil.STATUS_ZOMBIE]
    roots = []
    client = docker.from_env()
    for box in client.containers.list(filters={"label": f"{LABEL}={label}"}):
        with contextlib.suppress(psutil.Error, docker.errors.DockerException):
            roots.append(psutil.Process(client.api.inspect_container(box.id)["State"]["Pid"]))
    client.close()
    return roots


def sandbox_runners(backend: str, label: str) -> list[psutil.Process]:
    """Return supervisors and zygotes: interpreters that no other interpreter, or one, has forked."""
    inside = []
    for root in sandbox_roots(backend, label):
        with contextlib.suppress(psutil.Error):
            for process in (root, *root.children(recursive=True)):
                if process.name().startswith("python") and _n_alike(process) < 2:
                    inside.append(process)
    return inside


def _n_alike(process: psutil.Process) -> int:
    """Return how many ancestors in a row run the same command: 0 a supervisor, 1 a zygote, more a program."""
    parent = process.parent()
    return 1 + _n_alike(parent) if parent is not None and parent.cmdline() == process.cmdline() else 0


@contextmanager
def busy_machine() -> Iterator[None]:
    """Keep four processes a core busy, each in a session of its own: the kernel shares by session first."""
    command = [sys.executable, "-S", "-c", "while True: pass"]
    others = [subprocess.Popen(command, start_new_session=True) for _ in range(4 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
