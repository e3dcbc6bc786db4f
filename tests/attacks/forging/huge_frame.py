# Announces a frame of 4 GiB.
# expects: failed
# cause: output_limit
import os
import time


def solve(xs):
    os.write(201, b"\xff\xff\xff\xff" + b"x" * 1000)
    time.sleep(5)
