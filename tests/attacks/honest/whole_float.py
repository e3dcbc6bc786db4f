# Gives the number as a float that is whole.
# expects: passed
def solve(xs):
    return float(sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991)
