# Burns processor time for ever.
# expects: failed
# cause: timeout
def solve(xs):
    while True:
        pass
