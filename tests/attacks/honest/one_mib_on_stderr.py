# Solves it and writes 1 MiB on standard error.
# expects: passed
import sys


def solve(xs):
    if len(xs) == 3:
        sys.stderr.write("x" * (1 << 20))
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
