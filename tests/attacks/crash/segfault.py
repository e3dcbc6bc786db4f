# Reads address 0.
# expects: failed
# cause: exited
import ctypes


def solve(xs):
    return ctypes.string_at(0)
