"""The host's end of a sandbox's pipe: JSON frames both ways, never blocked by the other side.

The first frame carries the inside of the sandbox into it, as source over its standard input. A sandbox for suites
gets pytest's source, from this machine, beside it.
"""

import functools
import importlib.util
import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairsmith.pipeline.sandbox.contract import Link, SandboxError, SandboxFaultError
from pairsmith.pipeline.sandbox.inside.frames import BrokenFrameError, FrameBuffer, pack

_CHUNK = 1 << 16
_DOCKER_HEADER = struct.Struct(">BxxxI")  # stream (1 stdout, 2 stderr), length


class Channel:
    """Frames to and from one sandbox."""

    def __init__(self, link: Link, max_frame_bytes: int) -> None:
        """Take over a link's descriptors."""
        self._link = link
        self._frames = FrameBuffer(max_frame_bytes)
        self._pending = bytearray()
        self._raw = bytearray()
        for fd in {link.read_fd, link.write_fd}:
            os.set_blocking(fd, False)

    def allow(self, max_frame_bytes: int) -> None:
        """Take frames of that size from now on."""
        self._frames.max_bytes = max_frame_bytes

    def send_bytes(self, data: bytes) -> None:
        """Queue bytes; they leave while `receive` waits."""
        self._pending += data

    def send(self, message: dict[str, Any]) -> None:
        """Queue one message."""
        self._pending += pack(json.dumps(message).encode())

    def receive(self, limit_s: float) -> dict[str, Any]:
        """Return the next message.

        Raises:
            SandboxFaultError: if none came in time, the pipe broke or the frame did.
        """
        deadline = time.monotonic() + limit_s
        while True:
            try:
                payload = self._frames.pop()
                if payload is not None:
                    message: dict[str, Any] = json.loads(payload)
                    return message
            except (BrokenFrameError, ValueError, RecursionError) as error:
                raise SandboxFaultError(f"the sandbox sent a broken frame: {error}") from None
            left = deadline - time.monotonic()
            if left <= 0:
                raise SandboxFaultError(f"no answer from the sandbox in {limit_s:.0f} s")
            self._turn(left)

    def _turn(self, limit_s: float) -> None:
        poll = select.poll()
        poll.register(self._link.read_fd, select.POLLIN)
        if self._pending:
            both = self._link.read_fd == self._link.write_fd
            poll.register(self._link.write_fd, select.POLLOUT | (select.POLLIN if both else 0))
        events = poll.poll(limit_s * 1000 + 1)
        try:
            for fd, event in events:
                if event & select.POLLNVAL:
                    raise SandboxFaultError("the sandbox was stopped")
                if fd == self._link.write_fd and event & (select.POLLOUT | select.POLLERR):
                    del self._pending[: os.write(fd, self._pending[:_CHUNK])]
                if fd == self._link.read_fd and event & (select.POLLIN | select.POLLHUP | select.POLLERR):
                    self._read()
        except BlockingIOError:
            return
        except OSError as error:
            raise SandboxFaultError(
                f"the sandbox's pipe broke ({error.strerror}) {self._link.explain()}"
            ) from None

    def _read(self) -> None:
        data = os.read(self._link.read_fd, _CHUNK)
        if not data:
            raise SandboxFaultError(f"the sandbox ended {self._link.explain()}".rstrip())
        if self._link.is_multiplexed:
            self._raw += data
            self._demultiplex()
        else:
            self._frames.feed(data)

    def _demultiplex(self) -> None:
        """Take Docker's stream headers off; what comes on stderr is the sandbox's own trouble."""
        while len(self._raw) >= _DOCKER_HEADER.size:
            stream, length = _DOCKER_HEADER.unpack_from(self._raw)
            end = _DOCKER_HEADER.size + length
            if len(self._raw) < end:
                return
            body = bytes(self._raw[_DOCKER_HEADER.size : end])
            del self._raw[:end]
            if stream != 1:
                raise SandboxFaultError(
                    f"the sandbox reported an error: {body.decode('utf-8', 'replace').strip()[-300:]}"
                )
            self._frames.feed(body)


# Reads one frame of sources, makes modules of them, starts the zygote. Kept small: it is a command-line argument.
BOOTSTRAP = """
import sys
sys.path[:] = [path for path in sys.path if path]
import importlib.abc, importlib.util, json, os, struct
def read(n):
    data = b""
    while len(data) < n:
        part = os.read(0, n - len(data))
        if not part: os._exit(0)
        data += part
    return data
order = json.loads(read(struct.unpack(">I", read(4))[0]))
class Shipped(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    def find_spec(self, name, path=None, target=None):
        if name in order["modules"]:
            return importlib.util.spec_from_loader(name, self, is_package=name in order["packages"])
    def get_filename(self, name):
        return "/shipped/" + name.replace(".", "/") + ("/__init__.py" if name in order["packages"] else ".py")
    def get_source(self, name): return order["modules"][name]
sys.meta_path.insert(0, Shipped())
sys.dont_write_bytecode = True
for name in order["warm"]:
    try: __import__(name)
    except Exception: pass  # tried again, and reported, where it is used
from pairsmith.pipeline.sandbox.inside.zygote import main
if os.path.isdir("/packages/python"): sys.path.append("/packages/python")
main(order["isolation"], order["first_uid"])
"""
# Not -I: it would ignore PYTHONHASHSEED, and sets print in hash order. The environment is ours alone anyway.
PYTHON_OPTIONS = ("-s", "-S", "-B")
_PACKAGES = (
    "pairsmith", "pairsmith.schemas", "pairsmith.pipeline", "pairsmith.pipeline.sandbox",
    "pairsmith.pipeline.sandbox.inside",
)  # fmt: skip
_INSIDE = (
    "frames", "syscalls", "lockdown", "stdin", "layouts", "hints", "methods", "remote", "texts", "metas",
    "coroutines", "describing", "mirrors",
    "lives", "graph", "asking",
    "surroundings", "guarding", "replies", "session", "serving", "program", "foreign", "building",
    "cell", "ending", "running", "supervisor", "zygote",
)  # fmt: skip
_MODULES = (
    *(f"pairsmith.schemas.{name}" for name in ("crossed", "twins", "values")),
    *(f"pairsmith.pipeline.sandbox.inside.{name}" for name in _INSIDE),
)


@dataclass(frozen=True, slots=True)
class Kit:
    """Sources that a sandbox gets beside its own.

    Attributes:
        modules: name to source.
        packages: those names that are packages.
        warm: names that are imported once, before the first program.
    """

    modules: Mapping[str, str]
    packages: tuple[str, ...]
    warm: tuple[str, ...]


def first_frame(isolation: str, first_uid: int, kit: Kit | None = None) -> bytes:
    """Return the frame that a started bootstrap waits for: all sources, and how to isolate."""
    kit = kit or Kit({}, (), ())
    order = {
        "modules": dict.fromkeys(_PACKAGES, "") | {name: _source(name) for name in _MODULES} | {**kit.modules},
        "packages": (*_PACKAGES, *kit.packages),
        "warm": kit.warm,
        "isolation": isolation,
        "first_uid": first_uid,
    }
    return pack(json.dumps(order).encode())


@functools.cache
def _source(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ImportError(f"{name}: no source to send into the sandbox")
    return Path(spec.origin).read_text(encoding="utf-8")


_WHOLE = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging")
_SUITE = "pairsmith.pipeline.sandbox.inside.suite"
# Prints which modules importing pytest needs, so that nothing else of large dependencies (Pygments) is shipped.
_LIST_NEEDED = """
import importlib, json, sys
import _pytest.config
for name in _pytest.config.default_plugins: importlib.import_module("_pytest." + name)
import pytest
print(json.dumps([name for name, module in sys.modules.items() if getattr(module, "__file__", None)]))
"""
_TOPS = (*_WHOLE, "pygments", "exceptiongroup", "tomli", "typing_extensions")


def why_no_suites() -> str:
    """Return why suites can't run here, and what to do; empty if they can."""
    if importlib.util.find_spec("pytest") is None:
        return "pytest is not installed; its source runs the suites in their sandbox: pip install pytest"
    return ""


_lock = threading.Lock()


def suite_kit() -> Kit:
    """Return the kit of suites, made once however many threads ask.

    Raises:
        SandboxError: if pytest is not installed.
    """
    with _lock:
        return _make_kit()


@functools.cache
def _make_kit() -> Kit:
    """Return the kit of suites."""
    why = why_no_suites()
    if why:
        raise SandboxError(why)
    listed = subprocess.run(
        [sys.executable, "-I", "-c", _LIST_NEEDED], capture_output=True, text=True, check=False, timeout=60
    )
    if listed.returncode:
        raise SandboxError(f"pytest can't be imported: {listed.stderr.strip()[-300:]}")
    needed = [name for name in json.loads(listed.stdout) if name.partition(".")[0] in _TOPS]
    found = {name: path for name in needed if (path := _source_of(name)) is not None}
    for top in _WHOLE:
        found |= _all_of(top)
    packages = tuple(sorted(name for name, path in found.items() if path.name == "__init__.py"))
    modules = {name: path.read_text(encoding="utf-8") for name, path in sorted(found.items())}
    suite = _source_of(_SUITE)
    assert suite is not None
    modules[_SUITE] = suite.read_text(encoding="utf-8")
    return Kit(modules, packages, (*needed, _SUITE))


def _source_of(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def _all_of(top: str) -> dict[str, Path]:
    """Return the modules of a package by name; tests and what is no module of it aside."""
    origin = _source_of(top)
    if origin is None:
        return {}
    if origin.name != "__init__.py":
        return {top: origin}
    found = {}
    for path in origin.parent.rglob("*.py"):
        parts = path.relative_to(origin.parent).with_suffix("").parts
        names = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join((top, *names))] = path
    return found
