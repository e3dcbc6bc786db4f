# Holds deleted files open in a process that means to outlive it.
# expects: contained
import os
import time


def solve(xs):
    if os.fork() == 0:
        try:
            file = open("/tmp/ghost", "wb")
            os.unlink("/tmp/ghost")
            file.write(b"x" * (4 << 20))
            file.flush()
            time.sleep(600)
        finally:
            os._exit(0)
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
