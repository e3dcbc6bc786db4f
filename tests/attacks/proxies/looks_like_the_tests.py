# Says that its class is one of the tests' own module.
# expects: failed
# by: tester
class PAIRS:
    pass


PAIRS.__module__ = "tests"
PAIRS.__qualname__ = "PAIRS"


def solve(xs):
    return PAIRS()
