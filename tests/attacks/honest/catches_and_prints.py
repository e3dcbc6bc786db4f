# Raises, catches and prints tracebacks, and shadows builtins by local names.
# expects: passed
import traceback


def solve(xs):
    list = id = input = None
    try:
        1 / 0
    except ZeroDivisionError:
        traceback.print_exc()
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
