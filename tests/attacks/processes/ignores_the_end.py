# Leaves children that ignore every signal and fork when they are orphaned.
# expects: contained
import os
import signal
import time


def solve(xs):
    for _ in range(3):
        if os.fork() == 0:
            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    continue
            while os.getppid() != 1:
                time.sleep(0.01)
            os.fork()
            time.sleep(600)
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
