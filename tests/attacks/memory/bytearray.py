# Takes a terabyte at once.
# expects: failed
# cause: memory
def solve(xs):
    return len(bytearray(1 << 40))
