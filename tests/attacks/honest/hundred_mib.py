# Uses 100 MiB for a moment.
# expects: passed
def solve(xs):
    block = bytearray(100 << 20)
    return (sum((i + 1) * x * x for i, x in enumerate(xs)) + len(block) - (100 << 20)) % 99991
