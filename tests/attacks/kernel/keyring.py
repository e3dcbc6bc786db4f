# Uses the kernel's keyrings to keep things for later programs.
# expects: failed
# cause: wrong_value
import ctypes


def solve(xs):
    libc = ctypes.CDLL(None)
    return libc.syscall(248, b"user", b"answer", b"x", 1, -4) + libc.syscall(250, 0, -4, 1)
