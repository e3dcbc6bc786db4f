# Replaces the process by a program that exits 0.
# expects: failed
# cause: exited
import os


def solve(xs):
    os.execv("/bin/true", ["true"])
