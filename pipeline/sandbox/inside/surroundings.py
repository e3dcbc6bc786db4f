"""What tests change around a candidate: patched names of the standard library, environment variables, files.

A test that patches `input`, sets a variable or writes into `tmp_path` means the candidate, which runs in another
sandbox. So each request of a test brings over there what has changed since the last one; what the candidate then
writes into the files of the tests comes back. Files are those below entries of /tmp that the tests made; a
candidate can change nothing else of theirs.
"""

from __future__ import annotations

import builtins
import os
import stat
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

from pairsmith.pipeline.sandbox.inside.remote import UnsupportedTestError

PATCHABLE = {
    "builtins": ("input", "print", "open"),
    "sys": ("stdin", "argv"),
    "time": ("time", "sleep", "perf_counter", "monotonic", "strftime", "localtime"),
    "random": ("random", "randint", "randrange", "choice", "choices", "sample", "shuffle", "uniform", "gauss"),
    "datetime": ("datetime", "date"),
    "os": ("getenv", "system", "listdir", "getlogin"),
    "secrets": ("token_hex", "choice", "randbelow"),
    "uuid": ("uuid4",),
    "getpass": ("getpass", "getuser"),
    "subprocess": ("run", "check_output", "Popen"),
    "shutil": ("which",),
    "urllib.request": ("urlopen",),
    "socket": ("gethostname",),
    "asyncio": ("sleep",),
}
_FOLDER, _CLOSED = "/tmp", "/tmp/suite"
_MOST_BYTES = 1 << 20
_MOST_FILES = 1000


class Surroundings:
    """The test's side: what the other side was told last."""

    def __init__(self) -> None:
        """Take what is there now for what both sides have."""
        self._real = dict(_patchable())
        self._told: dict[tuple[str, str], Any] = {}
        self._variables = _variables()
        self._folder = os.getcwd()
        self._others = set(os.listdir(_FOLDER))
        self._files: dict[str, Any] = {}

    def roots(self) -> list[str]:
        """Return the entries of /tmp that the tests have made."""
        return [
            f"{_FOLDER}/{name}" for name in os.listdir(_FOLDER) if name not in self._others and name != "suite"
        ]

    def changes(self) -> list[list[Any]]:
        """Return the requests that tell what has changed."""
        found: list[list[Any]] = []
        for key, value in _patchable():
            real = self._real.setdefault(key, value)
            is_patched = value is not real and not type(value).__module__.startswith("_pytest")
            if is_patched and self._told.get(key, real) is not value:
                self._told[key] = value
                found.append(["around", "name", [*key, value]])
            elif not is_patched and key in self._told:
                del self._told[key]
                found.append(["around", "unname", list(key)])
        variables = _variables()
        if variables != self._variables:
            gone = [name for name in self._variables if name not in variables]
            found.append(["around", "variables", [variables, gone]])
            self._variables = variables
        files = look(self.roots())
        if files != self._files:
            found.append(["around", "files", changed(files, self._files)])
            self._files = files
        if os.getcwd() != self._folder:
            self._folder = os.getcwd()
            found.append(["around", "folder", self._folder])
        return found

    def take(self, files: Any) -> None:
        """Change the tests' files as the candidate has changed its copies.

        Raises:
            ValueError: if one is none of theirs.
            UnsupportedTestError: if they are too many.
        """
        if files is None:
            raise UnsupportedTestError("files of more than a MiB")
        roots = self.roots()
        if type(files) is not list or not all(map(_is_change, files)):
            raise ValueError("no files")  # what is asked again may say another thing
        for path, _ in files:
            real = os.path.realpath(path)
            if real != path or not any(real == root or real.startswith(root + "/") for root in roots):
                raise ValueError("a file that is none of the tests'")
        put(files)
        now = look(roots)
        for path, _ in files:  # all else is still to be told
            self._files.pop(path, None)
            self._files.update({path: now[path]} if path in now else {})


def look(roots: list[str]) -> dict[str, Any]:
    """Return the files and folders below some paths, with what tells whether one has changed."""
    found: dict[str, Any] = {}
    left = sorted(roots)
    while left and len(found) < _MOST_FILES:
        path = left.pop(0)
        try:
            known = os.lstat(path)
            if stat.S_ISDIR(known.st_mode):
                found[path] = None
                left += sorted(f"{path}/{name}" for name in os.listdir(path))
            elif stat.S_ISREG(known.st_mode):
                found[path] = (known.st_mtime_ns, known.st_size)
        except OSError:
            continue
    return found


def changed(files: dict[str, Any], known: dict[str, Any]) -> list[list[Any]]:
    """Return [path, content] of what differs: bytes, None for a folder, False for what is gone.

    Raises:
        UnsupportedTestError: if these are too many, or too large.
    """
    found: list[list[Any]] = [[path, False] for path in sorted(known.keys() - files.keys(), reverse=True)]
    left = _MOST_BYTES
    for path, mark in files.items():
        if path in known and known[path] == mark:
            continue
        content = None
        if mark is not None:
            try:
                with _open(path, "rb") as file:
                    content = file.read(left + 1)
            except OSError:
                continue
            left -= len(content)
        if left < 0 or len(files) >= _MOST_FILES:
            raise UnsupportedTestError("files of more than a MiB")
        found.append([path, content])
    return found


def _is_change(one: Any) -> bool:
    if type(one) is not list or len(one) != 2 or type(one[0]) is not str:
        return False
    return one[1] is None or one[1] is False or type(one[1]) is bytes


def put(files: Any) -> None:
    """Write files and folders as `changed` gives them."""
    for path, content in files:
        if content is False:
            if os.path.lexists(path):
                (os.rmdir if os.path.isdir(path) else os.remove)(path)
        elif content is None:
            if os.path.isfile(path):
                os.remove(path)
            os.makedirs(path, exist_ok=True)
        else:
            if os.path.isdir(path):
                os.rmdir(path)
            with _open(path, "wb") as file:
                file.write(content)


class Copies:
    """The candidate's side."""

    def __init__(self) -> None:
        """Nothing is changed yet."""
        self._real: dict[tuple[str, str], Any] = {}
        self._files: dict[str, Any] = {}
        self._home = os.getcwd()

    def around(self, what: str, parts: Any) -> None:
        """Change one thing as the tests have it."""
        if what == "name":
            module, name, value = parts
            owner = __import__(module, fromlist=[name])
            self._real.setdefault((module, name), getattr(owner, name))
            setattr(owner, name, value)
        elif what == "unname":
            module, name = parts
            setattr(sys.modules[module], name, self._real[module, name])
        elif what == "variables":
            for name in parts[1]:
                os.environ.pop(name, None)
            os.environ.update(parts[0])
        elif what == "files":
            put(parts)
            self._files = look(sorted({"/".join(path.split("/")[:3]) for path, _ in parts} | self._roots()))
        elif what == "folder":
            os.chdir(parts if os.path.isdir(parts) and parts != _CLOSED else self._home)

    def changed(self) -> list[list[Any]] | None:
        """Return what the candidate has changed of the tests' files; None for too much."""
        files = look(sorted(self._roots()))
        try:
            found, self._files = changed(files, self._files), files
        except UnsupportedTestError:
            return None
        return found

    def _roots(self) -> set[str]:
        return {path for path in self._files if path.count("/") == 2}


def log(plain: list[Any], error: Any, has_own_level: bool) -> None:
    """Give a log record of the candidate's to the loggers of the tests, whose levels and handlers count."""
    import logging  # large, and few candidates have it

    name, level, line, function, message, trace = plain
    exc_info = (type(error), error, error.__traceback__) if isinstance(error, BaseException) else None
    record = logging.LogRecord(name, level, "solution.py", line, message, None, exc_info, function)
    record.exc_text = trace or None
    logger = logging.getLogger(name)
    is_set_here = any(one.level for one in loggers_above(logger))
    if logger.isEnabledFor(level) or (has_own_level and not is_set_here):
        logger.handle(record)


def loggers_above(logger: Any) -> list[Any]:
    """Return a logger and those above it, but the root."""
    found = []
    while logger.parent is not None:
        found.append(logger)
        logger = logger.parent
    return found


class Attributes(MutableMapping[str, Any]):
    """The `__dict__` of a test's object, as a candidate may use it: private names only if it made them."""

    def __init__(self, owner: Any, theirs: dict[tuple[int, str], Any]) -> None:
        """Of one object."""
        self._owner, self._theirs = owner, theirs

    def __getitem__(self, name: str) -> Any:
        """Return an attribute."""
        if not self._is_open(name):
            raise KeyError(name)
        return vars(self._owner)[name]

    def __setitem__(self, name: str, value: Any) -> None:
        """Set an attribute."""
        if name not in vars(self._owner):
            self._theirs[id(self._owner), name] = self._owner
        if not self._is_open(name):
            raise KeyError(name)
        vars(self._owner)[name] = value

    def __delitem__(self, name: str) -> None:
        """Delete an attribute."""
        self[name]
        del vars(self._owner)[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter([name for name in vars(self._owner) if self._is_open(name)])

    def __len__(self) -> int:
        """Count the names."""
        return len(list(iter(self)))

    def _is_open(self, name: Any) -> bool:
        return type(name) is str and (not name.startswith("_") or (id(self._owner), name) in self._theirs)


_open = builtins.open


def _patchable() -> list[tuple[tuple[str, str], Any]]:
    return [
        ((module, name), getattr(sys.modules[module], name, None))
        for module, names in PATCHABLE.items()
        if module in sys.modules
        for name in names
    ]


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
