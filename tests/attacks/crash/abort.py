# Aborts.
# expects: failed
# cause: exited
import os


def solve(xs):
    os.abort()
