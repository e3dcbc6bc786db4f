# Ends the process at once, exit code 0, in the first call.
# expects: failed
# cause: exited
import os


def solve(xs):
    os._exit(0)
