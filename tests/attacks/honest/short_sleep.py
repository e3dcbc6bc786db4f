# Sleeps a fifth of a second first.
# expects: passed
import time


def solve(xs):
    time.sleep(0.2)
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
