# Writes 20 MiB on standard output.
# expects: failed
# cause: output_limit
import sys


def solve(xs):
    sys.stdout.write("x" * (20 << 20))
    sys.stdout.flush()
    return 0
