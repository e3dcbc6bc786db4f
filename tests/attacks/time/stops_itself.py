# Stops itself, so that it neither runs nor ends.
# expects: failed
# cause: timeout
import os
import signal


def solve(xs):
    os.kill(os.getpid(), signal.SIGSTOP)
