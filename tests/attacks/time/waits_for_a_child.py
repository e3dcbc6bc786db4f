# Waits for a child that never ends.
# expects: failed
# cause: timeout
import os
import signal


def solve(xs):
    if os.fork() == 0:
        while True:
            signal.pause()
    os.wait()
