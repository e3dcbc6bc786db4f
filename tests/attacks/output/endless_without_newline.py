# Writes without end and without a newline.
# expects: failed
# cause: output_limit
import sys


def solve(xs):
    while True:
        sys.stderr.write("x" * 10_000)
