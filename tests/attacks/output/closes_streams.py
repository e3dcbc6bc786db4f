# Closes its standard streams.
# expects: failed
# cause: wrong_value
import os


def solve(xs):
    for fd in (0, 1, 2):
        try:
            os.close(fd)
        except OSError:
            continue
    return -1
