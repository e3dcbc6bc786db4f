# Forks as fast as it can, in every child too.
# expects: failed
# cause: timeout
import os


def solve(xs):
    while True:
        try:
            os.fork()
        except OSError:
            continue
