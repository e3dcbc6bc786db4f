# Makes system calls by numbers of another architecture, which a filter may not know.
# expects: failed
# cause: wrong_value
import ctypes


def solve(xs):
    libc = ctypes.CDLL(None)
    return libc.syscall(0x40000000 + 272, 0x10000000)
