# Overflows the C stack, or as much of it as the memory allows.
# expects: failed
import sys


def solve(xs):
    sys.setrecursionlimit(1 << 30)
    nested = ()
    for _ in range(3_000_000):
        nested = (nested,)
    return hash(nested)
