# Lets children flood standard output while it waits.
# expects: failed
# cause: output_limit
import os
import time


def solve(xs):
    for _ in range(4):
        if os.fork() == 0:
            while True:
                os.write(1, b"x" * 65536)
    time.sleep(30)
