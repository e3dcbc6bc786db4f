# Solves it and writes 8 MiB on standard error.
# expects: passed
import sys


def solve(xs):
    if len(xs) == 3:
        print("x\n" * (4 << 20), file=sys.stderr)
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
