# Attaches to its parent by ptrace.
# expects: failed
# cause: wrong_value
import ctypes
import os


def solve(xs):
    libc = ctypes.CDLL(None)
    return libc.ptrace(16, os.getppid(), 0, 0) + libc.ptrace(0x4206, 1, 0, 0)
