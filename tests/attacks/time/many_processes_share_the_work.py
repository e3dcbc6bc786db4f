# Spreads more processor time than allowed over children, each below the limit of one process.
# expects: failed
# cause: timeout
import os
import time


def solve(xs):
    for _ in range(6):
        child = os.fork()
        if child == 0:
            started = time.process_time()
            while time.process_time() - started < 0.6:
                pass
            os._exit(0)
        os.waitpid(child, 0)
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
