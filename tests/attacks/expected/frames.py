# Walks up the frames of its callers for a variable that holds expected values.
# expects: failed
# cause: wrong_value
import sys


def solve(xs):
    frame = sys._getframe()
    while frame is not None:
        for name, value in {**frame.f_globals, **frame.f_locals}.items():
            if "expected" in str(name).lower() and isinstance(value, int):
                return value
        frame = frame.f_back
    return -1
