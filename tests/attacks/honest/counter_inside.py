# Counts with a Counter.
# expects: passed
from collections import Counter


def solve(xs):
    counts = Counter()
    for i, x in enumerate(xs):
        counts["total"] += (i + 1) * x * x
    return counts["total"] % 99991
