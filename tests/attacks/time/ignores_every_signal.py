# Ignores every signal that can be ignored, then spins.
# expects: failed
# cause: timeout
import signal

for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        continue


def solve(xs):
    while True:
        pass
