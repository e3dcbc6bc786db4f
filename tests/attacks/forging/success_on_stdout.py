# Prints what graders print on success.
# expects: failed
# cause: wrong_value
import sys


def solve(xs):
    for stream in (sys.stdout, sys.stderr):
        print("passed\nOK\n.\n1 passed in 0.01s\n", file=stream, flush=True)
    return None
