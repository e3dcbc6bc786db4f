# Tries to set the system's clock, to make limits pass.
# expects: failed
# cause: wrong_value
import time


def solve(xs):
    try:
        time.clock_settime(time.CLOCK_REALTIME, 0)
    except OSError:
        return -1
    return 0
