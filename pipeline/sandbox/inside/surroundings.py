"""What tests change around a candidate: patched names of the standard library, environment variables, files.

A test that patches `input`, sets a variable or writes into `tmp_path` means the candidate, which runs in another
sandbox. So each request of a test brings over there what has changed since the last one (so does what the tests
name of the context of decimals and of the seed of `random`); what the candidate then writes into the files of the
tests, and its context, come back. Files are those below entries of /tmp that the tests made; a
candidate can change nothing else of theirs.
"""

from __future__ import annotations

import builtins
import decimal
import os
import stat
import sys
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
_MOST_DIGITS = 10**7


class Surroundings:
    """The test's side: what the other side was told last.

    Attributes:
        is_watched: whether to ask what the candidate changed even where no files are.
        is_mixed: the tests drew random numbers behind those that the candidate drew from the same seed.
        is_weak: the candidate left a context of decimals under which a test could pass for that reason.
    """

    def __init__(self) -> None:
        """Take what is there now for what both sides have."""
        self._real = dict(_patchable())
        self._told: dict[tuple[str, str], Any] = {}
        self._variables = _variables()
        self._folder = os.getcwd()
        self._others = set(os.listdir(_FOLDER))
        self._files: dict[str, Any] = {}
        self._depth = sys.getrecursionlimit()
        self._context: Any = None
        self._numbers: Any = None
        self.is_watched = self._is_seeded = self._is_drawn_there = self.is_mixed = self.is_weak = False

    def watch(self, code: str) -> None:
        """Look after what some tests name: the context of decimals, and random numbers that they seed."""
        if "decimal" in code:
            self.is_watched, self._context = True, _context()
        if "random" in code and ("seed" in code or "setstate" in code):
            import random  # large, and few tests have it

            random.seed, random.setstate = self._seeding(random.seed), self._seeding(random.setstate)

    def _seeding(self, function: Any) -> Any:
        def seed(*arguments: Any, **options: Any) -> None:
            self.draws()
            function(*arguments, **options)
            self.is_watched = self._is_seeded = True
            self._is_drawn_there, self._numbers = False, None

        return seed

    def draws(self) -> None:
        """Note whether the tests draw random numbers behind those that the candidate has drawn."""
        if self._is_drawn_there and sys.modules["random"].getstate() != self._numbers:
            self.is_mixed = True

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
        if sys.getrecursionlimit() != self._depth:
            self._depth = sys.getrecursionlimit()
            found.append(["around", "depth", self._depth])
        if self._context is not None and _context() != self._context:
            self._context = _context()
            found.append(["around", "context", self._context])
        if self._is_seeded and sys.modules["random"].getstate() != self._numbers:
            self.draws()
            self._numbers = sys.modules["random"].getstate()
            found.append(["around", "numbers", self._numbers])
        files = look(self.roots())
        if files != self._files:
            found.append(["around", "files", changed(files, self._files)])
            self._files = files
        if os.getcwd() != self._folder:
            self._folder = os.getcwd()
            found.append(["around", "folder", self._folder])
        return found

    def take(self, files: Any, context: Any, is_drawn: Any) -> None:
        """Change the tests' files and their context of decimals as the candidate has changed its copies.

        Raises:
            ValueError: if a file is none of theirs, or the context is none.
            UnsupportedTestError: if files are too many.
        """
        self._is_drawn_there = self._is_drawn_there or is_drawn is True
        is_other = self._context is not None and _checked(context) != self._context
        if is_other:
            _set_context(context)
            before, self._context = self._context, context
            self.is_weak = self.is_weak or context[1:] != before[1:] or context[0] < before[0]
        self._take_files(files)

    def _take_files(self, files: Any) -> None:
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
        self._numbers: Any = None

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
        elif what == "depth":
            sys.setrecursionlimit(parts)
        elif what == "context":
            _set_context(parts)
        elif what == "numbers":
            __import__("random").setstate(parts)
            self._numbers = parts
        elif what == "folder":
            os.chdir(parts if os.path.isdir(parts) and parts != _CLOSED else self._home)

    def changed(self) -> tuple[list[list[Any]] | None, Any, bool]:
        """Return what the candidate has changed of the tests' files, None for too much; its context of decimals.

        And whether it has drawn random numbers since the tests' seed.
        """
        files = look(sorted(self._roots()))
        found: list[list[Any]] | None
        try:
            found, self._files = changed(files, self._files), files
        except UnsupportedTestError:
            found = None
        is_drawn = self._numbers is not None and sys.modules["random"].getstate() != self._numbers
        return found, _context(), is_drawn

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


_open = builtins.open


def _context() -> tuple[Any, ...]:
    context = decimal.getcontext()
    traps = tuple(kind.__name__ for kind, is_set in context.traps.items() if is_set)
    return (context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp, traps)


def _checked(context: Any) -> Any:
    """Return what `_context` gave on the other side; raise ValueError for all else."""
    kinds = [type(part) for part in context] if type(context) is tuple else []
    if kinds != [int, str, int, int, int, int, tuple] or any(type(name) is not str for name in context[6]):
        raise ValueError("no context")
    if context[0] > _MOST_DIGITS:
        raise ValueError("too many digits")
    return context


def _set_context(parts: Any) -> None:
    context = decimal.getcontext()
    context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp = parts[:6]
    for kind in context.traps:
        context.traps[kind] = kind.__name__ in parts[6]


def _patchable() -> list[tuple[tuple[str, str], Any]]:
    return [
        ((module, name), getattr(sys.modules[module], name, None))
        for module, names in PATCHABLE.items()
        if module in sys.modules
        for name in names
    ]


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
