# Writes 20 MiB on standard error, in one line.
# expects: failed
# cause: output_limit
import os


def solve(xs):
    data = b"x" * (20 << 20)
    while data:
        data = data[os.write(2, data) :]
    return 0
