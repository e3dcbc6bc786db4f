# Doubles a list until it fails.
# expects: failed
# cause: memory
def solve(xs):
    kept = [0]
    while True:
        kept += kept
