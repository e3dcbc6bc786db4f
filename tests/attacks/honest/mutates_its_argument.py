# Sorts and empties its argument after use.
# expects: passed
def solve(xs):
    total = sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
    xs.sort()
    xs.clear()
    return total
