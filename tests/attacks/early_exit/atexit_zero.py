# Registers an exit handler that turns any failure into exit code 0.
# expects: failed
import atexit
import os

atexit.register(lambda: os._exit(0))


def solve(xs):
    raise ValueError
