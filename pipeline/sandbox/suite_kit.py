"""What a sandbox for pytest and unittest suites holds beside the runner: pytest's source, from this machine."""

import functools
import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pairsmith.pipeline.sandbox.contract import SandboxError

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
    """Return the kit of suites.

    Raises:
        SandboxError: if pytest is not installed.
    """
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
