# Ends the tests with a SystemExit of code 0.
# expects: failed
# by: tester
def solve(xs):
    raise SystemExit(0)
