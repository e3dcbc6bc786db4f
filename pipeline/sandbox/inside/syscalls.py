"""The system calls that programs may not make, as the BPF programs of seccomp filters."""

from __future__ import annotations

import platform
import struct

_NEW_ANY = 0x7E020080  # every CLONE_NEW* flag of clone(2)
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
# System calls that no solution needs and that reach shared kernel state or rarely tested kernel code; `mount` and
# new namespaces are denied later, since the init of a program's namespaces still needs them.
# Numbers: x86_64, aarch64 (Linux's unistd tables).
_DENIED = {
    "unshare": (272, 97), "setns": (308, 268), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60), "syslog": (103, 116),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "fanotify_init": (300, 262), "lookup_dcookie": (212, 18), "vhangup": (153, 58), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "sethostname": (170, 161), "vmsplice": (278, 75),
    "kexec_file_load": (320, 294), "quotactl_fd": (443, 443), "clock_adjtime": (305, 266),
    "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183), "move_pages": (279, 239),
}  # fmt: skip
_MOUNT = (165, 40)
CLONE, _CLONE3, _SOCKET, _KILL = (56, 220), (435, 435), (41, 198), (62, 129)
# Process 1, and everybody: where pids are the program's own, the kernel would say "done" and do nothing.
_NEVER_KILLED = (1, 0xFFFFFFFF)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6; not AF_VSOCK, AF_ALG, AF_NETLINK, AF_PACKET


def is_known() -> bool:
    """Return whether the system call numbers of this architecture are known here."""
    return platform.machine() in _ARCHITECTURES


def column() -> int:
    """Return which number of a pair is this architecture's; unknown ones get x86_64's and fail."""
    return _ARCHITECTURES.get(platform.machine(), (0, 0))[0]


def make_programs() -> tuple[bytes, ...]:
    """Return the filter of all, that against new namespaces and that against broad signals; none if unknown."""
    if not is_known():
        return ()
    number, architecture = _ARCHITECTURES[platform.machine()]
    return _filter_program(number, architecture), _namespaces_program(number), _kill_program(number)


def _filter_program(column: int, audit_arch: int) -> bytes:
    """Return the BPF program: wrong architecture dies, denied calls get an errno, all else passes.

    `column` selects the numbers of an architecture, `audit_arch` is its AUDIT_ARCH_* value.
    """
    load, jump_equal, jump_ge, give = 0x20, 0x15, 0x35, 0x06
    errno_, allow, kill, op = 0x00050000, 0x7FFF0000, 0x80000000, _op
    lines = [op(load, 4), op(jump_equal, audit_arch, 1, 0), op(give, kill), op(load, 0)]
    if column == 0:
        lines += [op(jump_ge, 0x40000000, 0, 1), op(give, errno_ | _ENOSYS)]  # x32 numbers
    for numbers in _DENIED.values():
        lines += [op(jump_equal, numbers[column], 0, 1), op(give, errno_ | _EPERM)]
    lines += [op(jump_equal, _SOCKET[column], 0, len(_FAMILIES) + 2), op(load, 16)]
    for index, family in enumerate(_FAMILIES):
        lines.append(op(jump_equal, family, len(_FAMILIES) - index, 0))
    lines += [op(give, errno_ | _EAFNOSUPPORT), op(give, allow)]
    return b"".join(lines)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _namespaces_program(column: int) -> bytes:
    """Return the BPF program of `forbid_namespaces`."""
    load, jump_equal, jump_set, give, errno_, allow, op = 0x20, 0x15, 0x45, 0x06, 0x00050000, 0x7FFF0000, _op
    lines = [op(load, 0), op(jump_equal, _MOUNT[column], 0, 1), op(give, errno_ | _EPERM)]
    # clone3 hides its flags behind a pointer: "not there" makes the C library fall back to clone.
    lines += [op(jump_equal, _CLONE3[column], 0, 1), op(give, errno_ | _ENOSYS)]
    lines += [op(jump_equal, CLONE[column], 0, 3), op(load, 16), op(jump_set, _NEW_ANY, 0, 1)]
    lines += [op(give, errno_ | _EPERM), op(give, allow)]
    return b"".join(lines)


def _kill_program(column: int) -> bytes:
    """Return the BPF program of `forbid_broad_kill`."""
    load, jump_equal, give, errno_, allow = 0x20, 0x15, 0x06, 0x00050000, 0x7FFF0000
    n_pids = len(_NEVER_KILLED)
    lines = [_op(load, 0), _op(jump_equal, _KILL[column], 0, n_pids + 1), _op(load, 16)]
    lines += [_op(jump_equal, pid, n_pids - index, 0) for index, pid in enumerate(_NEVER_KILLED)]
    lines += [_op(give, allow), _op(give, errno_ | _EPERM)]
    return b"".join(lines)
