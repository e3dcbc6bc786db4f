# Answers with a tuple that is nested a hundred thousand levels deep.
# expects: failed
# by: tester
def solve(xs):
    value = ()
    for _ in range(100_000):
        value = (value,)
    return value
