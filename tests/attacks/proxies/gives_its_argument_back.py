# Gives the argument back, so that it is what the tests hold.
# expects: failed
# by: tester
def solve(xs):
    return xs
