# Uses an alarm of its own.
# expects: passed
import signal
import time


def solve(xs):
    rung = []
    signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while not rung:
        time.sleep(0.01)
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
