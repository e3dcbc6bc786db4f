# Gives the tests a generator that could yield anything.
# expects: failed
# by: tester
def solve(xs):
    while True:
        yield 1
