# Answers with a tuple that doubles at each of sixty levels.
# expects: failed
# by: tester
def solve(xs):
    value = (1,)
    for _ in range(60):
        value = (value, value)
    return value
