# Fills its process limit with sleepers, then answers rightly.
# expects: contained
import os
import time


def solve(xs):
    try:
        while True:
            if os.fork() == 0:
                time.sleep(600)
                os._exit(0)
    except OSError:
        return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
