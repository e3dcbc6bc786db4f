# Replaces the hook for uncaught exceptions by one that exits 0.
# expects: failed
# cause: exception
import os
import sys

sys.excepthook = lambda *_: os._exit(0)


def solve(xs):
    raise ValueError
