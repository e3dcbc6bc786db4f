"""Finds toolchains and compiles inside a sandbox; both are ordinary jobs, whose entry points these functions are.

The author of the source may do with the compiler what it lets him: what comes back is his own program, no more.
"""

from __future__ import annotations

import base64
import glob
import os
import shutil
import subprocess
import zlib
from typing import Any

from pairsmith.pipeline.sandbox.inside.foreign import write_files

_FOLDER = "/tmp"
_MAX_LINES, _MAX_CHARACTERS = 20, 2000  # of a compiler's diagnostics


def find_tools(patterns: dict[str, list[str]]) -> dict[str, str]:
    """Return the real path of each tool that is there: on PATH by its name, else the last of its patterns."""
    found = {}
    for name, globs in patterns.items():
        path = shutil.which(name)  # None for a link into a folder that is not shown here
        matches = [path] if path else [match for one in globs for match in sorted(glob.glob(one))]
        usable = [match for match in matches if os.access(match, os.X_OK)]
        if usable:
            found[name] = os.path.realpath(usable[-1])
    return found


def read_version(command: list[str], environment: dict[str, str]) -> str:
    """Return the first line that a tool prints of itself; empty if it can't even do that."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
    except OSError:
        return ""
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return lines[0] if lines and done.returncode == 0 else ""


def build(
    files: dict[str, str], commands: list[list[str]], outputs: list[str], environment: dict[str, str]
) -> Any:
    """Compile; return what came of it.

    Args:
        files: name to base64 of zlib, written into /tmp, where the commands run.
        commands: run one after the other; the first that fails ends it.
        outputs: patterns of the files to bring back.
        environment: beside PATH and the like.

    Returns `{"files": {name: base64 of zlib}}`, or `{"exit_code": n, "diagnostics": text}`, n < 0 for a signal.
    """
    write_files(files, _FOLDER)
    for command in commands:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=_FOLDER,
            env={**os.environ, **environment},
        )
        if done.returncode != 0:
            return {"exit_code": done.returncode, "diagnostics": _shorten(done.stdout)}
    found: dict[str, str] = {}
    for pattern in outputs:
        for path in sorted(glob.glob(os.path.join(_FOLDER, pattern))):
            with open(path, "rb") as file:
                data = file.read()
            found[os.path.relpath(path, _FOLDER)] = base64.b64encode(zlib.compress(data, 1)).decode()
    return {"files": found}


def _shorten(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").replace(_FOLDER + "/", "").splitlines()
    return "\n".join(lines[:_MAX_LINES])[:_MAX_CHARACTERS]
