# Makes a user namespace to be root in.
# expects: failed
# cause: wrong_value
import ctypes
import os


def solve(xs):
    libc = ctypes.CDLL(None)
    if libc.unshare(0x10000000) == 0:
        return 1
    for flags in (0x10000000, 0x10020000, 0x20000000):
        child = libc.syscall(56, flags | 17, None, None, None, None)
        if child == 0:
            os._exit(0)
        if child > 0:
            return 1
    return -1
