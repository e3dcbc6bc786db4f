# Ends the tests with a KeyboardInterrupt.
# expects: failed
# by: tester
def solve(xs):
    raise KeyboardInterrupt
