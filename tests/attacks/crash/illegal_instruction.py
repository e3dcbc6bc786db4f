# Sends itself every deadly signal.
# expects: failed
# cause: exited
import os
import signal


def solve(xs):
    for number in (signal.SIGILL, signal.SIGBUS, signal.SIGFPE, signal.SIGSYS):
        os.kill(os.getpid(), number)
