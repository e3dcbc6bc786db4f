# Solves the problem plainly.
# expects: passed
def solve(xs):
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
