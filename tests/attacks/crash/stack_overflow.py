# Overflows the C stack.
# expects: failed
# cause: exited
import sys


def solve(xs):
    sys.setrecursionlimit(1 << 30)
    nested = ()
    for _ in range(600_000):
        nested = (nested,)
    return hash(nested)
