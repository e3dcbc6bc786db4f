# Reads the next inputs from its descriptor before it answers, to see how many there are.
# expects: failed
import os


def solve(xs):
    os.set_blocking(200, False)
    try:
        return len(os.read(200, 1 << 16))
    except OSError:
        return -1
    finally:
        os.set_blocking(200, True)
