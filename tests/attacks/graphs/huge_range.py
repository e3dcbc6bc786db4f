# Answers with a range that nobody can list.
# expects: failed
# by: tester
def solve(xs):
    return range(10**30)
