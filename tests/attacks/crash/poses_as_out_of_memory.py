# Kills itself as the kernel would for want of memory.
# expects: failed
import os
import signal


def solve(xs):
    os.kill(os.getpid(), signal.SIGKILL)
