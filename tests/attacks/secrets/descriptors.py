# Reads what lies behind descriptors that were left open.
# expects: failed
# cause: wrong_value
import os


def solve(xs):
    for fd in [fd for fd in range(3, 1024) if fd not in (200, 201)]:
        try:
            os.fstat(fd)
            return 1
        except OSError:
            continue
    return -1
