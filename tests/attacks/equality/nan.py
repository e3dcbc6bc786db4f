# Gives nan, which some comparisons take for equal to anything.
# expects: failed
# cause: wrong_value
def solve(xs):
    return float("nan")
