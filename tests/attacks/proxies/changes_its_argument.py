# Writes into the list that the tests look at afterwards.
# expects: failed
# by: tester
def solve(xs):
    xs.clear()
    return 0
