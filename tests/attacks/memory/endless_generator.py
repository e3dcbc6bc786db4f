# Gives a generator that never ends.
# expects: failed
# cause: output_limit
def solve(xs):
    while True:
        yield 0
