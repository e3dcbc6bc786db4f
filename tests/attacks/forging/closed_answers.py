# Closes its answering pipe and goes on.
# expects: failed
# cause: timeout
import os
import time


def solve(xs):
    os.close(201)
    time.sleep(60)
