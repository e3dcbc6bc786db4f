# Takes memory in many small objects.
# expects: failed
# cause: memory
def solve(xs):
    kept = []
    while True:
        kept.append([None] * 1000)
