# Swaps the code of the runner's functions for its own.
# expects: failed
import sys


def solve(xs):
    caller = sys._getframe().f_back
    for value in list(caller.f_globals.values()):
        if hasattr(value, "__code__") and value.__code__.co_argcount == 1:
            value.__code__ = (lambda error: b"passed").__code__
    raise ValueError
