# Leaves a daemon behind by a double fork.
# expects: contained
import os
import time


def solve(xs):
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.waitpid(child, 0)
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
