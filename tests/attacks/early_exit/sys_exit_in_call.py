# Leaves with exit code 0 in the first call.
# expects: failed
# cause: exited
import sys


def solve(xs):
    sys.exit(0)
