# Computes an integer of billions of digits.
# expects: failed
def solve(xs):
    return 1 << (1 << 36)
