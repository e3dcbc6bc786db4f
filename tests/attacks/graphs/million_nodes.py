# Answers with a ring of a million lists.
# expects: failed
# by: tester
def solve(xs):
    first = last = []
    for _ in range(1_100_000):
        last.append([])
        last = last[0]
    last.append(first)
    return first
