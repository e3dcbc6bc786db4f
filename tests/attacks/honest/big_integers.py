# Solves it with integers of thousands of digits.
# expects: passed
def solve(xs):
    huge = 7**9999
    return (sum((i + 1) * x * x for i, x in enumerate(xs)) + huge - huge) % 99991
