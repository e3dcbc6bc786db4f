# Lets a child answer the same input as its parent.
# expects: failed
import os


def solve(xs):
    if os.fork() == 0:
        return 0
    os.wait()
    return 0
