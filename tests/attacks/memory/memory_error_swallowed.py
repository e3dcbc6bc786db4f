# Swallows MemoryError and tries again for ever.
# expects: failed
# cause: timeout
def solve(xs):
    kept = []
    while True:
        try:
            kept.append(bytearray(1 << 24))
        except MemoryError:
            continue
