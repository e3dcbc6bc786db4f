"""Takes rights away from the calling process: capabilities, resources, system calls."""

from __future__ import annotations

import ctypes
import functools
import os
import resource
import signal
import struct
import threading
from typing import Any

from pairsmith.pipeline.sandbox.inside import syscalls

NEWNS, NEWUSER, NEWPID, NEWIPC = 0x00020000, 0x10000000, 0x20000000, 0x08000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_RDONLY, _MS_REC, _MS_PRIVATE = 2, 4, 8, 1, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 22, 36, 38, 47
_SECCOMP_MODE_FILTER, _PR_CAP_AMBIENT_CLEAR_ALL = 2, 4
_M_ARENA_MAX = -8
_MIB = 1 << 20
# Addresses beside a program's memory: contest solutions ask for a thread with a stack of 512 MiB and use little of
# it. How much is really used is limited apart from that (see `limit_resources`).
_ADDRESSES_MIB = 1088
_THREAD_STACK = 8 * _MIB  # of threads whose program doesn't ask for more: the default of most systems

# Landlock(7): what opens a file. Renaming between folders must be allowed where the kernel knows it (ABI 2).
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_OPENING, _REFER, _BENEATH = 0b1111, 1 << 13, 1  # execute, write file, read file, read folder
_LIMITED = (
    resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE,
    resource.RLIMIT_DATA, resource.RLIMIT_STACK,
)  # fmt: skip
_MOST = {kind: resource.getrlimit(kind)[1] for kind in _LIMITED}  # what whoever started the sandbox allows

_libc = ctypes.CDLL(None, use_errno=True)
_python = ctypes.PyDLL(
    None, use_errno=True
)  # calls through it keep the interpreter's lock: the child of a clone has it too
_thread_stack_size = threading.stack_size
_filters: list[tuple[Any, bytes]] = []  # buffer and header of each: a header points into its buffer


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, name + ": " + os.strerror(number))


def clone(flags: int) -> int:
    """Fork into new namespaces; return 0 in the child, in the parent its pid.

    Raises:
        OSError: where the kernel or a profile forbids it.
    """
    _python.PyOS_BeforeFork()
    pid: int = _python.syscall(syscalls.CLONE[syscalls.column()], flags | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        _python.PyOS_AfterFork_Child()
        return 0
    number = ctypes.get_errno() if pid < 0 else 0
    _python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, "clone: " + os.strerror(number))
    return pid


def map_user(uid: int, gid: int, inner: int) -> None:
    """Give the caller's new user namespace one user and group, `inner` inside, `uid` and `gid` outside."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{inner} {uid} 1"), ("gid_map", f"{inner} {gid} 1")):
        fd = os.open("/proc/self/" + name, os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def mount_own_processes(folder: str) -> bool:
    """Mount a /proc that shows the caller's process namespace alone, and of it only what the reader may trace.

    Returns False where the kernel can't do that (before 5.8, or where its own /proc is covered).
    """
    try:
        _call(
            "mount",
            b"proc",
            folder.encode(),
            b"proc",
            _MS_NOSUID | _MS_NODEV | _MS_NOEXEC,
            b"subset=pid,hidepid=4",
        )
    except OSError:
        return False
    return True


def can_close_proc() -> bool:
    """Return whether the kernel has Landlock (5.13)."""
    return bool(_landlock_version() > 0)


def close_proc() -> None:
    """Forbid the caller, and all that it starts, to open anything below /proc. Does nothing without Landlock.

    What /dev/stdin, /dev/fd and /proc/self/fd lead to can be opened all the same: a rule is about the place where
    a file lies, not about the way there.
    """
    version = _landlock_version()
    if version < 1:
        return
    handled = _OPENING | (_REFER if version > 1 else 0)
    ruleset = _libc.syscall(_CREATE_RULESET, struct.pack("=Q", handled), 8, 0)
    for entry in os.scandir("/"):
        if entry.name != "proc" and entry.is_dir():
            folder = os.open(entry.path, os.O_PATH)
            _call("syscall", _ADD_RULE, ruleset, _BENEATH, struct.pack("=Qi", handled, folder), 0)
            os.close(folder)
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("syscall", _RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


@functools.cache
def _landlock_version() -> int:
    return int(_libc.syscall(_CREATE_RULESET, None, 0, 1))


def mount_tmpfs(folder: str, options: str, read_only: bool = False, executable: bool = False) -> None:
    """Mount a fresh tmpfs without set-uid programs and devices on a folder; without executables unless allowed."""
    flags = _MS_NOSUID | _MS_NODEV | (0 if executable else _MS_NOEXEC) | (_MS_RDONLY if read_only else 0)
    _call("mount", b"tmpfs", folder.encode(), b"tmpfs", flags, options.encode())


def make_mounts_private() -> None:
    """Keep mounts of the caller's new mount namespace out of the one that it came from."""
    _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)


def hide_from_tracers(hidden: bool = True) -> None:
    """Forbid (or allow) others of the same user to trace or read the calling process; no core dumps."""
    _call("prctl", _PR_SET_DUMPABLE, 0 if hidden else 1, 0, 0, 0)


def die_with_parent() -> None:
    """Have the kernel kill the caller when its parent ends."""
    _call("prctl", _PR_SET_PDEATHSIG, 9, 0, 0, 0)


def adopt_orphans() -> None:
    """Make the caller the parent of its descendants' orphans."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def share_one_arena() -> None:
    """Have all threads allocate from one arena.

    glibc reserves 64 to 128 MiB of addresses for each thread's own: a few honest threads would use up the limit.
    """
    mallopt = getattr(_libc, "mallopt", None)  # not every C library has it
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def keep_thread_stacks_small() -> None:
    """Give threads the usual stack: by default they would get as much as the main one, the whole memory.

    Called before anything starts a thread.
    """
    set_default = getattr(_libc, "pthread_setattr_default_np", None)  # glibc's
    if set_default is not None:
        attributes = ctypes.create_string_buffer(128)
        _libc.pthread_attr_init(attributes)
        _libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(_THREAD_STACK))
        set_default(attributes)


def drop_capabilities() -> None:
    """Give up every capability, for ever, here and in everything that is executed later."""
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("=Ii", 0x20080522, 0)  # version 3, this process
    _call("capset", header, bytes(24))


def limit_resources(cpu_s: int, memory_mib: int, n_processes: int, files_mib: int, reserve_mib: int = 0) -> None:
    """Set this process's limits; its children inherit them.

    The stack may grow to the whole memory. Addresses are limited to more than the memory, so that a thread may
    reserve a large stack (see `thread_stack_size`). How much was really used is compared with the limit when the
    program ends, and the control group of the sandbox, where there is one, ends it before.

    Args:
        cpu_s: CPU seconds of one process; a second more and it is killed, whatever it ignores.
        memory_mib: memory of one process, MiB.
        n_processes: processes and threads of this user (in this user namespace).
        files_mib: largest file, MiB.
        reserve_mib: for runtimes that reserve far more addresses than they use (JVM, V8, Go): what can be written
            is limited instead, to this many MiB more. 0 for all others.
    """
    soft, hard = memory_mib * _MIB, (memory_mib + _ADDRESSES_MIB) * _MIB
    if reserve_mib:
        soft = hard = (memory_mib + reserve_mib) * _MIB
    else:
        _limit({resource.RLIMIT_AS: (hard, hard)})
    _limit(
        {
            resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
            resource.RLIMIT_DATA: (soft, hard),
            resource.RLIMIT_STACK: (memory_mib * _MIB, _MOST[resource.RLIMIT_STACK]),  # solutions ask for more
            resource.RLIMIT_NPROC: (n_processes, n_processes),
            resource.RLIMIT_FSIZE: (files_mib * _MIB, files_mib * _MIB),
        }
    )


def thread_stack_size(size: int = 0) -> int:
    """Stand for `threading.stack_size`: a stack of its own size counts as data, most of which is never written."""
    before = _thread_stack_size(size)
    if size > _THREAD_STACK:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    return before


def limit_for_ever() -> None:
    """Set those limits that are the same for every program, here and in all that is forked later."""
    _limit(
        {
            resource.RLIMIT_NOFILE: (256, 256),
            # Not 0: a core pattern that is a pipe ignores 0 and hands the dump to the host. 1 means none anywhere.
            resource.RLIMIT_CORE: (1, 1),
            resource.RLIMIT_MEMLOCK: (0, 0),
            resource.RLIMIT_MSGQUEUE: (0, 0),
        }
    )


def _limit(limits: dict[int, tuple[int, int]]) -> None:
    for kind, (soft, hard) in limits.items():
        most = _MOST[kind]
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        resource.setrlimit(kind, (soft, hard))


def prepare_filters() -> None:
    """Build the seccomp filters, once for all processes that are forked later."""
    for lines in syscalls.make_programs():
        buffer = ctypes.create_string_buffer(lines, len(lines))
        _filters.append((buffer, struct.pack("HxxxxxxP", len(lines) // 8, ctypes.addressof(buffer))))


def filter_system_calls() -> None:
    """Install the filter for the caller and all that it forks later; none on an unknown architecture.

    It gives up new privileges by execution too. All filters: see `syscalls.is_known`.
    """
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _install_filter(0)


def forbid_namespaces() -> None:
    """Add a filter under which nobody can mount, or start a process in new namespaces."""
    _install_filter(1)


def forbid_broad_kill() -> None:
    """Add a filter under which nobody can signal process 1, or everybody at once.

    Where pids are the program's own, the kernel would say "done" and do nothing. Apart from the others, because
    the parent of a stdin program ends what its child left running by such a signal.
    """
    _install_filter(2)


def _install_filter(index: int) -> None:
    if _filters:
        _call("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, _filters[index][1], 0, 0)
