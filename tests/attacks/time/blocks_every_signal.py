# Blocks every signal, then spins.
# expects: failed
# cause: timeout
import signal


def solve(xs):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        pass
