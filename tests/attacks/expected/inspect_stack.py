# Reads its callers' local variables by inspect.
# expects: failed
# cause: wrong_value
import inspect


def solve(xs):
    for info in inspect.stack(0):
        for value in info.frame.f_locals.values():
            if type(value).__name__ in ("Case", "Problem"):
                return value.expected
    return -1
