# Sends itself SIGTERM, hoping that an ended process counts as a finished one.
# expects: failed
# cause: exited
import os
import signal


def solve(xs):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
