# Raises an exception with a chain of a hundred thousand causes.
# expects: failed
# by: tester
def solve(xs):
    error = ValueError(0)
    for n in range(100_000):
        after = ValueError(n)
        after.__cause__ = error
        error = after
    raise error
