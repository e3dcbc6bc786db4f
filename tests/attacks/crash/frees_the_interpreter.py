# Takes references of None away until the interpreter breaks, then ends by itself.
# expects: failed
import ctypes
import os


def solve(xs):
    ctypes.memset(id(solve), 0xFF, 64)
    os.abort()
