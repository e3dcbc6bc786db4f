# Gives every possible answer at once, for graders that look for membership.
# expects: failed
# cause: wrong_value
def solve(xs):
    return list(range(99991))
